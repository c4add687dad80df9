// Viewers of one process, in a process of their own whose processor time is nobody's but what is left over: they stand for
// people at other machines. Started by viewers.ts.
import { createHash } from "node:crypto";
import { setPriority } from "node:os";
import WebSocket from "ws";
import { ATTACH_PROTOCOL } from "../../src/api/attach-format.ts";

export interface ViewersAsked {
  readonly url: string;
  readonly authorization: string;
  readonly viewers: number;
  /** The first one reads nothing until `resume`. */
  readonly stalled: boolean;
  /** Every tenth hashes what it gets. */
  readonly hashes: boolean;
}

/** What a viewer has got. */
export interface Seen {
  bytes: number;
  gaps: number;
  gapBytes: number;
  hash: string | undefined;
  ended: boolean;
  error: string | undefined;
}

setPriority(19);
const sockets: WebSocket[] = [];
const all: Seen[] = [];

process.on("message", (message: ViewersAsked | "resume") => {
  if (message === "resume") for (const socket of sockets) socket.resume();
  else
    for (let at = 0; at < message.viewers; at += 1) {
      sockets.push(view(message, message.stalled && at === 0, message.hashes && at % 10 === 0));
    }
});

function view({ url, authorization }: ViewersAsked, stalled: boolean, hashes: boolean): WebSocket {
  const seen: Seen = { bytes: 0, gaps: 0, gapBytes: 0, hash: undefined, ended: false, error: undefined };
  all.push(seen);
  const socket = new WebSocket(url, ATTACH_PROTOCOL, {
    headers: { authorization },
    perMessageDeflate: false,
  });
  const hash = hashes ? createHash("sha256") : undefined;
  socket.on("error", (error) => {
    seen.error = error.message;
  });
  socket.on("close", () => {
    if (!seen.ended) seen.error ??= "closed before its end";
    if (all.every(({ ended, error }) => ended || error !== undefined))
      process.send?.(all, () => process.exit());
  });
  socket.on("message", (data: Buffer, isBinary) => {
    if (isBinary) {
      seen.bytes += data.length - 1;
      hash?.update(data.subarray(1));
      return;
    }
    const message = JSON.parse(data.toString()) as { type: string; from: number; to: number };
    if (message.type === "attached") {
      if (stalled) socket.pause();
      process.send?.("attached");
    }
    if (message.type === "gap") {
      seen.gaps += 1;
      seen.gapBytes += message.to - message.from;
    }
    if (message.type === "exit") {
      seen.ended = true;
      seen.hash = hash?.digest("hex");
    }
  });
  return socket;
}
