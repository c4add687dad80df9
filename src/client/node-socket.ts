import { WebSocket } from "ws";
import type { BerthError } from "../contract/errors.ts";
import { errorOfAnswer, noAnswer } from "./answers.ts";
import type { ClientSocket, SocketCredentials, SocketHandlers, SocketTarget } from "./socket.ts";

const MAX_REFUSAL_BYTES = 64 * 1024;
const HANDSHAKE_MS = 30_000;
/** The runner pings every 15 s: so much silence is its end. */
const SILENCE_MS = 45_000;

/** A WebSocket of Node, whose refusal is an error with its code. */
export function openNodeSocket(
  { url, protocol }: SocketTarget,
  { token, ca }: SocketCredentials,
  handlers: SocketHandlers,
): ClientSocket {
  const socket = new WebSocket(url, protocol, {
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_MS,
    ...(ca === undefined ? {} : { ca }),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  let refusal: BerthError | undefined;
  const http = new URL(url);
  http.protocol = url.protocol === "wss:" ? "https:" : "http:";
  const heard = () => silence.refresh();
  const silence = setTimeout(() => socket.terminate(), SILENCE_MS).unref();
  socket.binaryType = "nodebuffer";
  socket.on("open", () => {
    heard();
    handlers.onOpen();
  });
  socket.on("ping", heard);
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    heard();
    if (isBinary) handlers.onBytes(data);
    else handlers.onText(data.toString("utf8"));
  });
  socket.on("unexpected-response", (_request, response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (text: string) => {
      if (body.length < MAX_REFUSAL_BYTES) body += text;
    });
    response.on("close", () => {
      refusal = errorOfAnswer(response.statusCode ?? 0, body, http.origin);
      socket.terminate();
    });
  });
  socket.on("error", (cause) => {
    refusal ??= socket.readyState === WebSocket.CONNECTING ? noAnswer(cause, http) : undefined;
  });
  socket.on("close", (code) => {
    clearTimeout(silence);
    handlers.onClose({ code, refusal });
  });
  return {
    send: (data) => socket.send(data),
    close: () => socket.close(1000),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    pause: () => {
      // What is not read can't be heard.
      clearTimeout(silence);
      socket.pause();
    },
    resume: () => {
      if (socket.isPaused) socket.resume();
      heard();
    },
  };
}
