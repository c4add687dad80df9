import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import { berthError } from "../../contract/errors.ts";
import { abortedError } from "../../transports/abort.ts";
import { BYTE_SOCKET, webSocketStream } from "../../transports/websocket.ts";
import { answeredError, connectionError, type RunnerAddress } from "./runner-address.ts";

/** The host has so long to take the connection, TLS included. */
const CONNECT_DEADLINE_MS = 15_000;
/** The runner may have to make the place ready first: start a container, log in on a host. */
const ANSWER_DEADLINE_MS = 120_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * A byte stream to the daemon of a workspace's place, through its runner's gateway.
 * @throws runner.unreachable, runner.untrusted, runner.foreign, what the runner answers (auth.*, workspace.unknown, what
 *   the way to the place throws), operation.aborted
 */
export function dialRunner(
  address: RunnerAddress,
  workspace: string,
  { clientId, signal }: { readonly clientId: string; readonly signal: AbortSignal },
): Promise<Duplex> {
  const url = new URL(`v1/workspaces/${encodeURIComponent(workspace)}/wire`, address.url);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(abortedError(signal));
      return;
    }
    const socket = new WebSocket(url, "berth.wire.v1", {
      ...BYTE_SOCKET,
      ...(address.ca === undefined ? {} : { ca: address.ca }),
      headers: { authorization: `Bearer ${address.token}`, "berth-client-id": clientId },
      finishRequest: (request: ClientRequest) => {
        request.once("socket", (raw) => connectInTime(raw, request));
        request.end();
      },
    });
    const fail = (cause: unknown): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      reject(connectionError(cause, address.url));
      socket.terminate();
    };
    const onAbort = (): void => fail(abortedError(signal));
    const timer = setTimeout(() => fail(silent("it did not answer", address)), ANSWER_DEADLINE_MS);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", fail);
    socket.once("unexpected-response", (_request, response) => {
      readBody(response).then(
        (body) => fail(answeredError(response.statusCode ?? 0, body, address.url)),
        fail,
      );
    });
    socket.once("open", () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      // Before anything else is read: the gateway's HELLO may be here already.
      const stream = webSocketStream(socket);
      socket.off("error", fail);
      resolve(stream);
    });
  });
}

function connectInTime(raw: Socket, request: ClientRequest): void {
  if (!raw.connecting) return;
  const error = Object.assign(new Error("connect ETIMEDOUT"), { code: "ETIMEDOUT" });
  const timer = setTimeout(() => request.destroy(error), CONNECT_DEADLINE_MS);
  raw.once("encrypted" in raw ? "secureConnect" : "connect", () => clearTimeout(timer));
  raw.once("close", () => clearTimeout(timer));
}

function silent(reason: string, { url }: RunnerAddress) {
  return berthError("runner.unreachable", { hop: "transport", context: { url: url.origin, reason } });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}
