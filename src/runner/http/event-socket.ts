import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { EVENTS_PROTOCOL } from "../../api/event-socket-format.ts";
import { within } from "../../contract/within.ts";

/** Bytes on their way to a socket beyond which the next event waits. */
const QUEUE_BYTES = 64 * 1024;
/** Nothing is expected of the client. */
const MAX_MESSAGE_BYTES = 1024;

const server = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  maxPayload: MAX_MESSAGE_BYTES,
  handleProtocols: (offered) => (offered.has(EVENTS_PROTOCOL) ? EVENTS_PROTOCOL : false),
});

/** Whether a request to upgrade wants a stream of events. */
export function wantsEvents({ headers }: Pick<IncomingMessage, "headers">): boolean {
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((text) => text.trim());
  return offered.includes(EVENTS_PROTOCOL);
}

/**
 * Sends the text of a stream of server-sent events as messages, no faster than they are taken; settles when the stream
 * has ended or the client has left. Who takes nothing for a while is left.
 */
export async function sendToSocket(
  { request, socket, head }: { request: IncomingMessage; socket: Duplex; head: Buffer },
  stream: AsyncIterable<string>,
  writeTimeoutMs: number,
): Promise<void> {
  let webSocket: WebSocket | undefined;
  server.handleUpgrade(request, socket, head, (opened) => {
    webSocket = opened;
  });
  // The handshake of WebSocket itself was not in order, and has been answered.
  if (webSocket === undefined) return;
  const to: WebSocket = webSocket;
  to.on("error", () => undefined);
  for await (const text of stream) {
    if (to.readyState !== to.OPEN) break;
    const sent = new Promise<boolean>((resolve) => to.send(text, (error) => resolve(!error)));
    if (to.bufferedAmount > QUEUE_BYTES && (await within(writeTimeoutMs, sent)) !== true) {
      to.terminate();
      return;
    }
  }
  to.close(1000);
}
