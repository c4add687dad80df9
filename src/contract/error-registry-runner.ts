import { type ErrorEntry, entry } from "./error-entry.ts";

/** What can go wrong between a runner and whoever calls it (docs/runner.md, docs/api.md). */
export const RUNNER_ERRORS = {
  "auth.missing": entry(
    401,
    "this call needs a token",
    "Send it as `Authorization: Bearer TOKEN`; `berth token create` makes one.",
  ),
  "auth.invalid": entry(
    401,
    "the token is not valid",
    "It is wrong, was revoked, or has expired: `berth token list`.",
  ),
  "auth.forbidden": entry(
    403,
    "the token may not do this: it needs the scope {scope}",
    "Make one that may: berth token create --scope {scope}",
  ),
  "request.invalid": entry(400, "the request is not valid", "docs/api.md describes every field."),
  "request.unknown_route": entry(404, "there is no {method} {path}", "docs/api.md lists every call."),
  "request.method_not_allowed": entry(405, "{path} does not take {method}", "docs/api.md lists every call."),
  "request.too_large": entry(413, "the request is larger than {limitBytes} bytes", "Send less at a time."),
  "request.headers_too_large": entry(
    431,
    "request line and headers are too large",
    "Send less of them: a large query belongs into a body.",
  ),
  "request.unsupported_media_type": entry(
    415,
    "the body is not of the type {wanted}",
    "Send it with `Content-Type: {wanted}`.",
  ),
  "mcp.session_unknown": entry(
    404,
    "there is no such MCP session",
    "Begin a new one: it has ended, or the runner was started again.",
  ),
  "request.upgrade_required": entry(
    426,
    "this call is an upgrade to a WebSocket with the subprotocol {protocol}",
    "Use a WebSocket client; docs/api.md describes it.",
  ),
  "request.timeout": entry(408, "the request did not arrive in time", "Send it again, faster.", true),
  "request.rate_limited": entry(429, "too many requests", "Wait {retryAfterSeconds} s.", true),
  "request.host_refused": entry(
    421,
    "the runner does not answer to the host name {host}",
    "Call it by its address, or allow the name: berth serve --allow-host {host}",
  ),
  "request.origin_refused": entry(
    403,
    "pages of {origin} may not call the runner",
    "Call it from a program, or from its own page.",
  ),
  "request.idempotency_mismatch": entry(
    422,
    "the Idempotency-Key was used for another request",
    "Use a new key for each request.",
  ),
  "request.idempotency_interrupted": entry(
    409,
    "the runner ended while it answered the first request with this Idempotency-Key",
    "Look whether it was done; then use a new key.",
  ),
  "runner.held": entry(
    409,
    "a runner works on {path} already: process {pid}, {url}",
    "Use that one, or stop it: berth serve --stop. `berth serve --replace` takes over from it.",
  ),
  "runner.stopping": entry(503, "the runner is being stopped", "Try again in a moment.", true),
  "runner.unreachable": entry(
    502,
    "no runner answers at {url}",
    "Check the address, and that it runs: berth serve",
    true,
  ),
  "runner.untrusted": entry(
    502,
    "the certificate of the runner at {url} is not trusted: {reason}",
    'Give the certificate that it is signed by: ca: "/path/ca.pem" in berth.yaml, or NODE_EXTRA_CA_CERTS.',
  ),
  "runner.foreign": entry(
    502,
    "what answers at {url} is no runner of Berth that this version can use: {reason}",
    "Check the address, http or https, and the versions: GET /v1/health says the runner's.",
  ),
  "runner.insecure": entry(
    400,
    "{host} is not this machine alone, and there is no TLS",
    "Give --tls-cert and --tls-key, put a proxy with TLS in front of 127.0.0.1, or accept it by --insecure.",
  ),
  "runner.directory_gone": entry(
    503,
    "the state directory {path} was removed, moved or replaced while its runner ran",
    "The runner has ended; processes go on. Start it anew: berth serve",
  ),
  "runner.address_refused": entry(
    400,
    "the runner can't listen on {host}, port {port}",
    "Give an address of this machine and a free port above 1023: berth serve --host 127.0.0.1 --port 7333",
  ),
  "runner.tls_invalid": entry(
    400,
    "the certificate and its key can't be used",
    "Give a PEM file with the certificate and its chain, and one with its key: --tls-cert, --tls-key.",
  ),
  "runner.tracing_unavailable": entry(
    500,
    "spans should go to {endpoint}, but the packages for it are not installed",
    "npm install @opentelemetry/api @opentelemetry/sdk-trace @opentelemetry/exporter-trace-otlp-http, or unset OTEL_EXPORTER_OTLP_ENDPOINT.",
  ),
  "token.unknown": entry(404, "there is no token {id}", "`berth token list` shows them."),
  "token.name_taken": entry(
    409,
    "there is a token {name} already",
    "Choose another name, or revoke that one.",
  ),
  "session.unknown": entry(404, "there is no session {id}", "It is over, or was made with another token."),
  "session.code_over": entry(
    410,
    "this sign-in link was used already, or is older than a minute",
    "Make another one: berth open",
  ),
  "preview.unknown": entry(404, "there is no preview at {host}", "Make one: berth preview WORKSPACE PORT"),
  "preview.link_over": entry(
    410,
    "this link was used already, or is older than a minute",
    "Make another one: berth preview WORKSPACE PORT",
  ),
  "preview.unavailable": entry(
    502,
    "the application does not answer: {reason}",
    "Start what listens on that port in the workspace.",
    true,
  ),
  "forward.unknown": entry(404, "there is no forward {id}", "Forwards end with the runner that made them."),
  "forward.limit": entry(
    409,
    "{name} has {limit} forwards already",
    "Delete one that is not needed any more.",
  ),
  "fs.changed": entry(
    412,
    "{path} is not what it was when it was read",
    "Read it again, and base the change on what is there now.",
  ),
  "fs.range_invalid": entry(416, "{path} has no such bytes: it has {size}", "Ask for a range inside."),
  "operation.unknown": entry(
    404,
    "there is no operation {id}",
    "Operations are kept for a day after their end.",
  ),
  "operation.interrupted": entry(
    409,
    "the runner ended before {kind} of {name} did",
    "Ask for it again: it goes on with what is there. `berth gc` completes or removes what is left.",
  ),
  "attach.writer_taken": entry(
    409,
    "{id} has a writer already",
    "Attach as a viewer, or take over: takeover=true (berth attach --takeover).",
  ),
  "attach.viewer": entry(403, "a viewer of {id} only looks", "Attach as its writer."),
  "attach.message_invalid": entry(
    400,
    "the message is not one of berth.attach.v1",
    "docs/runner.md has all of them.",
  ),
} as const satisfies Record<string, ErrorEntry>;
