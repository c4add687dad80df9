import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { type RemoteConfig, RUNNER_TOKEN_VARIABLE, RUNNER_VARIABLE } from "../../contract/config-remote.ts";
import { BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { readSecret } from "../../transports/ssh/secret.ts";
import { decodeError } from "../../wire/error-codec.ts";

/** What it takes to speak with a runner. Looked up for each connection: a token may have been replaced. */
export interface RunnerAddress {
  readonly url: URL;
  readonly token: string;
  /** PEM text. */
  readonly ca: string | undefined;
}

/** @throws auth.missing, config.invalid for certificates that can't be read, operation.aborted */
export async function runnerAddress(
  config: RemoteConfig,
  signal: AbortSignal | undefined,
): Promise<RunnerAddress> {
  return {
    url: new URL(config.url.endsWith("/") ? config.url : `${config.url}/`),
    token: await tokenOf(config, signal),
    ca: config.ca === undefined ? undefined : await readCertificates(config.ca),
  };
}

/** The variable's token belongs to the runner that the other variable names: no project's file leads it elsewhere. */
async function tokenOf({ token, url }: RemoteConfig, signal: AbortSignal | undefined): Promise<string> {
  if (token === undefined && !isOfVariable(url)) {
    throw berthError("auth.missing", {
      hint: `Set ${RUNNER_VARIABLE}=${new URL(url).origin} and ${RUNNER_TOKEN_VARIABLE}: the token goes to that runner alone. \`berth token create\` makes one.`,
      context: { url },
    });
  }
  try {
    const secret = await readSecret(token ?? { env: RUNNER_TOKEN_VARIABLE }, "token of the runner", {
      signal,
    });
    // Anything else can't be in a header, and is no token.
    if (!/^[!-~]+$/.test(secret)) throw berthError("auth.invalid", { context: { url } });
    return secret;
  } catch (cause) {
    if (!isBerthError(cause, "ssh.secret_unavailable")) throw cause;
    throw berthError("auth.missing", {
      message: cause.message,
      hint: `Set ${RUNNER_TOKEN_VARIABLE}. \`berth token create\` makes a token.`,
      context: { url },
    });
  }
}

function isOfVariable(url: string): boolean {
  const named = process.env[RUNNER_VARIABLE] ?? "";
  return URL.canParse(named) && new URL(named).origin === new URL(url).origin;
}

async function readCertificates(path: string): Promise<string> {
  try {
    return await readFile(path.startsWith("~/") ? homedir() + path.slice(1) : path, "utf8");
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? "it cannot be read";
    throw berthError("config.invalid", {
      message: `ca: ${path}: ${reason}`,
      hint: "It names a file of PEM certificates.",
      context: { fields: ["ca"] },
    });
  }
}

const TLS_ERRORS =
  /^(?:CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(?:VERIFY|GET_ISSUER)|ERR_TLS_CERT_|HOSTNAME_MISMATCH|INVALID_CA)/;
/** A server that speaks something else: plain HTTP where TLS was expected, or the other way round. */
const FOREIGN_ERRORS = /^(?:EPROTO|ERR_SSL_|HPE_|ERR_TLS_|WS_ERR_)/;

/** Why the runner could not be spoken with, as an error that says what to do. */
export function connectionError(cause: unknown, url: URL): BerthError {
  if (isBerthError(cause)) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason = code ?? message;
  const options = { hop: "transport", context: { url: url.origin, reason }, cause } as const;
  if (code !== undefined && TLS_ERRORS.test(code)) return berthError("runner.untrusted", options);
  if (code !== undefined && FOREIGN_ERRORS.test(code)) return berthError("runner.foreign", options);
  // What the WebSocket library finds wrong with an answer has no code.
  if (code === undefined && /^(?:Server sent|Invalid Sec-WebSocket|Unexpected server)/.test(message)) {
    return berthError("runner.foreign", options);
  }
  return berthError("runner.unreachable", options);
}

/** The error in an answer of the runner; what is none of its answers is told as that. */
export function answeredError(status: number, body: string, url: URL): BerthError {
  const error = bodyError(body);
  if (error !== undefined) return error;
  const options = {
    hop: "transport",
    context: { url: url.origin, reason: `HTTP ${status}`, status },
  } as const;
  // A proxy whose runner is away, as during its restart.
  return berthError(status >= 502 && status <= 504 ? "runner.unreachable" : "runner.foreign", options);
}

function bodyError(body: string): BerthError | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  const error = (parsed as { error?: { code?: unknown; hop?: unknown } } | null)?.error;
  if (typeof error?.code !== "string") return undefined;
  const decoded = decodeError(error);
  return new BerthError({ ...decoded.toJSON(), hop: error.hop === undefined ? "runner" : decoded.hop });
}
