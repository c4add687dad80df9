import type { Socket } from "node:net";
import { type BerthError, berthError, toBerthError } from "../../contract/errors.ts";
import type { StreamHandler, WireStream } from "../../wire/types.ts";
import type { EarlyInput } from "../early-input.ts";

/**
 * Joins a socket (made with `allowHalfOpen`) and a stream: bytes both ways with backpressure, END as half-close,
 * an error of the socket as RESET, the stream's RESET as the socket's end.
 */
export function bridge(stream: WireStream, socket: Socket, early: EarlyInput): void {
  socket.setNoDelay(true);
  let ended = false;
  const handler: StreamHandler = {
    onData: (chunk) => {
      socket.write(chunk, (error) => {
        if (!error) stream.consumed(chunk.length);
      });
    },
    onEnd: () => socket.end(),
    onReset: () => socket.destroy(),
    onWritable: () => socket.resume(),
  };
  socket.on("data", (chunk: Buffer) => {
    if (!stream.data(chunk)) socket.pause();
  });
  socket.on("end", () => {
    ended = true;
    stream.end();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (!stream.closed) stream.reset(connectionError(error));
  });
  socket.on("close", () => {
    // Closed without its end: the other side must not take it for a whole answer.
    if (!ended && !stream.closed) stream.reset(connectionError());
  });
  stream.handler = handler;
  early.replay(handler);
  // Node reads a socket that has a listener from the next turn on; one that had no credit waits for it.
  if (stream.writable() <= 0) socket.pause();
  else socket.resume();
}

function connectionError(cause?: NodeJS.ErrnoException): BerthError {
  return berthError("transport.disconnected", {
    hop: "berthd",
    message: `the connection to the port broke${cause?.code === undefined ? "" : `: ${cause.code}`}`,
    hint: "The server there closed it without an end; see its output.",
    cause,
  });
}

/** What a failed connection to a port of the place means to the caller. */
export function portError(cause: unknown, port: number): BerthError {
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  if (code === "EADDRINUSE") return berthError("port.in_use", { hop: "berthd", context: { port }, cause });
  if (code === "EACCES" || code === "EPERM") {
    return berthError("EACCES", {
      hop: "berthd",
      message: `not permitted to use port ${port}`,
      hint: "Ports below 1024 need root; choose another, or 0 for any free one.",
      context: { port },
      cause,
    });
  }
  if (code === undefined) return toBerthError(cause, "berthd");
  return berthError("port.refused", {
    hop: "berthd",
    ...(code === "ECONNREFUSED" ? {} : { message: `port ${port} cannot be reached there: ${code}` }),
    context: { port, reason: code },
    cause,
  });
}
