import type { ClientSocket, SocketCredentials, SocketHandlers, SocketTarget } from "./socket.ts";

/**
 * A WebSocket of a page. It has no headers: the token, or the key of the session, is another subprotocol, which the runner
 * never answers with.
 */
export function openPageSocket(
  { url, protocol }: SocketTarget,
  { token, session }: SocketCredentials,
  handlers: SocketHandlers,
): ClientSocket {
  const protocols = [protocol];
  if (token !== undefined) protocols.push(`berth.token.${token}`);
  if (session !== undefined) protocols.push(`berth.session.${session}`);
  const socket = new WebSocket(url, protocols);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => handlers.onOpen());
  socket.addEventListener("message", ({ data }: { data: unknown }) => {
    if (typeof data === "string") handlers.onText(data);
    else handlers.onBytes(new Uint8Array(data as ArrayBuffer));
  });
  socket.addEventListener("close", ({ code }: { code: number }) => handlers.onClose({ code }));
  return {
    send: (data) => socket.send(data as string | Uint8Array<ArrayBuffer>),
    close: () => socket.close(1000),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
  };
}
