import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { type DaemonAccess, daemonAccess } from "../../runtimes/daemon/runtime.ts";
import { BYTE_SOCKET, webSocketStream } from "../../transports/websocket.ts";
import { PROTOCOL_MAX, PROTOCOL_MIN } from "../../wire/frame.ts";
import type { Hello } from "../../wire/messages.ts";
import type { Caller, RunnerContext, RuntimeLease } from "../context.ts";
import type { Upgrades } from "../handlers.ts";
import { withCause } from "../http/cause.ts";
import { leaving } from "../http/leaving.ts";
import { disconnected, Relay } from "./relay.ts";
import { RequestRefusals } from "./request-refusals.ts";

const SUBPROTOCOL = "berth.wire.v1";
const CLIENT_ID = /^[!-~]{1,128}$/;
/** A client that has been told the end has so long to close its side. */
const CLOSE_GRACE_MS = 1_000;

/**
 * Berth's own protocol for clients elsewhere: each gets a connection of its own to the daemon of the workspace's place,
 * so that ids of clients, leases and what a restarted daemon means are the same through the runner as without it. The
 * runner keeps nothing of it: a client that was cut dials again and goes on.
 */
export function wireUpgrades(context: RunnerContext): Upgrades<"wire"> {
  const server = new WebSocketServer({
    ...BYTE_SOCKET,
    noServer: true,
    clientTracking: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  let sessions = 0;
  const count = (change: 1 | -1) => {
    sessions += change;
    context.metrics.gauge("berth_wire_clients", sessions, {});
  };

  return {
    wire: async ({ params, caller, request, socket, head }) => {
      const clientId = request.headers["berth-client-id"];
      if (typeof clientId !== "string" || !CLIENT_ID.test(clientId)) {
        throw berthError("request.invalid", {
          hop: "runner",
          message: "the header Berth-Client-Id is missing or not valid",
          context: { fields: ["Berth-Client-Id"] },
        });
      }
      const workspace = await context.workspace(params.workspace, caller);
      using left = leaving(socket);
      const signal = AbortSignal.any([left.signal, context.stopping]);
      const lease = await context.runtimes.lease(workspace, signal);
      let place: Duplex | undefined;
      try {
        const access = accessOf(lease.runtime);
        const client = await access.dial({ clientId: ownIdOf(caller, clientId), signal });
        const hello = helloFor(client.hello, lease.runtime, caller);
        place = client.release();
        place.on("error", () => undefined);
        let relayed = false;
        server.handleUpgrade(request, socket, head, (webSocket) => {
          relayed = true;
          const stream = webSocketStream(webSocket);
          relay({ stream, place: place as Duplex, hello, access, lease, caller, workspaceId: workspace.id });
        });
        // The handshake of WebSocket itself was not in order, and has been answered.
        if (!relayed) throw berthError("request.invalid", { hop: "runner" });
      } catch (error) {
        place?.destroy();
        lease[Symbol.dispose]();
        throw error;
      }
    },
  };

  interface Session {
    readonly stream: Duplex;
    readonly place: Duplex;
    readonly hello: Hello;
    readonly access: DaemonAccess;
    readonly lease: RuntimeLease;
    readonly caller: Caller;
    readonly workspaceId: string;
  }

  function relay({ stream, place, hello, access, lease, caller, workspaceId }: Session): void {
    const { metrics, stopping } = context;
    const cause = { id: caller.requestId, actor: `token:${caller.name}` };
    const tell = (event: BerthEventInput) =>
      withCause(cause, () => context.emit({ ...event, workspace: workspaceId }));
    const refusals = new RequestRefusals(tell);
    count(1);
    const session = new Relay({
      client: stream,
      place,
      hello,
      rules: { scope: caller.scope, workspaceId, workdir: lease.runtime.workdir, access },
      onDone: (trace, result) => {
        if (trace.method === "process.start") metrics.count("berth_process_starts_total", {});
        tell(trace.done(result));
      },
      onFailed: (method, error) => {
        if (!error.code.startsWith("auth.")) tell(failure(method, error));
        else {
          metrics.count("berth_refusals_total", { reason: error.code });
          refusals.add(method, error);
        }
      },
      onBytes: (direction, bytes) => metrics.count("berth_bytes_total", { way: "wire", direction }, bytes),
      onEnd: (reason) => {
        stopping.removeEventListener("abort", stop);
        refusals.end();
        count(-1);
        lease[Symbol.dispose]();
        context.log.debug({ workspace: workspaceId, reason: reason.code }, "a client of the wire is gone");
        setTimeout(() => stream.destroy(), CLOSE_GRACE_MS).unref();
      },
    });
    // A client takes it for a lost connection, and goes on with the next runner.
    const stop = () => session.end(disconnected("the runner ends"));
    stopping.addEventListener("abort", stop, { once: true });
    if (stopping.aborted) stop();
  }
}

/** @throws runtime.capability_unsupported where commands of the place are run without a daemon */
function accessOf(runtime: Runtime): DaemonAccess {
  const access = daemonAccess(runtime);
  if (access !== undefined) return access;
  const reason = runtime.capabilities.reasons.daemon;
  throw berthError("runtime.capability_unsupported", {
    hop: "runner",
    message: `the place has no daemon, which clients of a runner need${reason === undefined ? "" : `: ${reason}`}`,
    context: { capability: "daemon" },
  });
}

/** Leases and requests are a client's own: no other token gets to them by its id. */
function ownIdOf({ tokenId }: Caller, clientId: string): string {
  return createHash("sha256").update(`${tokenId}\0${clientId}`).digest("base64url");
}

/** The daemon's HELLO as it concerns this caller, with the place that the runner knows. */
function helloFor(hello: Hello, runtime: Runtime, { scope }: Caller): Hello {
  const { version, bootId, platform, user } = hello;
  const { capabilities, description, workdir, isolation } = runtime;
  const looksOnly = scope === "read";
  return {
    protocol: [Math.max(hello.protocol[0], PROTOCOL_MIN), Math.min(hello.protocol[1], PROTOCOL_MAX)],
    version,
    bootId,
    platform,
    user,
    capabilities: {
      ...capabilities,
      ...(looksOnly ? { ...LOOKS_ONLY, reasons: { ...capabilities.reasons, ...LOOKS_ONLY_REASONS } } : {}),
      workspaces: true,
      logDirectory: true,
      scopedProcesses: true,
      ...Object.fromEntries(PASSED_ON.map((name) => [name, hello.capabilities?.[name] === true])),
    },
    place: { description, workdir, isolation: { ...isolation } },
  };
}

/** Additions to the protocol that the rules for requests know: a client has them where the daemon has. */
const PASSED_ON = ["text", "search", "keepOutput", "background", "ports"] as const;

const LOOKS_ONLY = {
  spawn: false,
  tty: false,
  user: false,
  forward: false,
  reverseForward: false,
  durableWrite: false,
};
const LOOKS_ONLY_REASONS = Object.fromEntries(
  Object.keys(LOOKS_ONLY).map((name) => [name, "the token may only look"]),
);

/** A request that would have changed something is on record also when it failed. */
function failure(method: string, { code }: BerthError): BerthEventInput {
  return { type: "request.failed", message: `a request failed: ${method}`, data: { method, code } };
}
