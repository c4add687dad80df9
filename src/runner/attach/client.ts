import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { type AttachClientMessage, type AttachServerMessage, attachClientMessage } from "../../api/attach.ts";
import { errorToJson } from "../../api/json-errors.ts";
import { exitToJson } from "../../api/json-processes.ts";
import { type BerthError, berthError, toBerthError } from "../../contract/errors.ts";
import type { TtySize } from "../../contract/process.ts";
import type { ProcessSession } from "../processes/sessions.ts";
import type { Feed, FeedClient, FeedEnd } from "./feed.ts";
import type { FeedPlace, OutputHub } from "./hub.ts";
import type { SharedFrame } from "./shared-frame.ts";

export type AttachRole = "writer" | "viewer";
export type DropReason = "silent" | "stopping";

/** Bytes of a client beyond which it gets nothing more until its socket has taken some. */
const SOCKET_QUEUE_BYTES = 128 * 1024;
/** Input that waits for the process, beyond which no more is read from the client; and down to which it has to fall. */
const MAX_PENDING_INPUT_BYTES = 1024 * 1024;
const LOW_PENDING_INPUT_BYTES = 256 * 1024;
/** Refusals told to a client that floods, in a second. */
const MAX_ERRORS_A_SECOND = 10;
const MAX_MESSAGE_CHARACTERS = 4096;
/** SIGNALS that are sent in band. */
const IN_BAND: ReadonlySet<string> = new Set(["HUP", "INT", "QUIT", "ABRT", "USR1", "USR2", "TERM", "WINCH"]);

type WriterMessage = Exclude<AttachClientMessage, { readonly type: "pause" | "resume" }>;

const CLOSE = { normal: 1000, failed: 1011, restart: 1012 } as const;

/** Milliseconds after which silence is taken for absence. */
export interface KeepAlive {
  readonly pingMs: number;
  readonly answerMs: number;
  readonly writeMs: number;
}

export interface AttachClientOptions {
  readonly webSocket: WebSocket;
  /** The socket below it, to which frames are written as they are. */
  readonly socket: Duplex;
  readonly session: ProcessSession;
  readonly hub: OutputHub;
  readonly role: AttachRole;
  readonly cursor: number;
  readonly keepAlive: KeepAlive;
  /** Bytes of output that it was sent, and of input that it sent. */
  readonly onBytes: (direction: "in" | "out", bytes: number) => void;
  readonly onGap: (bytes: number) => void;
  /** The terminal has the size that this client gave it. */
  readonly onResized: (client: AttachClient, size: TtySize) => void;
  /** It is not attached any more; its socket may still take what is under way. Called once. */
  readonly onGone: (client: AttachClient, why: "exit" | "closed" | "failed" | DropReason) => void;
  /** Its socket is closed. Called once, after `onGone`. */
  readonly onClosed: (client: AttachClient) => void;
}

/**
 * One attached client: a cursor in the output, with no queue of its own. It is given the next frames when its socket has
 * taken those before, and the exit when it has taken everything.
 */
export class AttachClient implements FeedClient {
  readonly #options: AttachClientOptions;
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex & { readonly bytesRead?: number };
  role: AttachRole;
  #cursor: number;
  #feed: Feed | undefined;
  next = 0;
  #gone = false;
  #pumping = false;
  /** It waits for its socket. */
  #full = false;
  /** It has asked for nothing more for now. */
  #paused = false;
  #scheduled: NodeJS.Immediate | undefined;
  /** Frames that the socket has not taken yet. */
  readonly #writing: SharedFrame[] = [];
  #pendingInput = 0;
  #errors = 0;
  #sent = 0;
  // What the last looks saw.
  #heardAt = performance.now();
  #pingedAt = performance.now();
  #bytesRead = 0;
  #writes = 0;
  #stuck: { readonly writes: number; readonly since: number } | undefined;

  constructor(options: AttachClientOptions) {
    this.#options = options;
    this.#webSocket = options.webSocket;
    this.#socket = options.socket;
    this.role = options.role;
    this.#cursor = options.cursor;
    this.#bytesRead = this.#socket.bytesRead ?? 0;
    const { webSocket } = options;
    webSocket.on("message", (data, isBinary) => this.#receive(data as Buffer, isBinary));
    // What breaks the protocol of WebSocket has been answered by its close code.
    webSocket.on("error", () => undefined);
    webSocket.on("close", () => {
      this.#leave("closed");
      options.onClosed(this);
    });
  }

  /** Begins to send, behind whatever was sent before. */
  start(): void {
    this.#pump();
  }

  send(message: AttachServerMessage): void {
    this.#webSocket.send(JSON.stringify(message), this.#written);
  }

  /** Somebody else has given the terminal this size. */
  resized({ columns, rows }: TtySize): void {
    this.send({ type: "resized", columns, rows });
  }

  /** Another one is the writer from now on. */
  demote(): void {
    this.role = "viewer";
    this.send({ type: "taken_over" });
  }

  /** What is under way still arrives; then it is told to come again. */
  restart(): void {
    this.#leave("stopping");
    this.#webSocket.close(CLOSE.restart, "the runner is being stopped");
    this.#webSocket.resume();
  }

  terminate(): void {
    this.#webSocket.terminate();
  }

  // --- output ---

  wake(): void {
    this.#pump();
  }

  strayed(): void {
    this.#feed = undefined;
  }

  #pump(): void {
    if (this.#gone || this.#pumping || this.#full || this.#paused) return;
    this.#pumping = true;
    this.#socket.cork();
    try {
      while (!this.#gone && this.#step());
    } finally {
      this.#pumping = false;
      this.#socket.uncork();
    }
  }

  /** Gives the socket one frame; false when there is none, or no room. */
  #step(): boolean {
    if (this.#socket.writableLength >= SOCKET_QUEUE_BYTES) {
      this.#full = true;
      return false;
    }
    const { hub } = this.#options;
    const feed = this.#feed;
    if (feed === undefined) {
      this.#enter(hub.enter(this, this.#cursor));
      return true;
    }
    const better = hub.better(this, feed, this.#cursor);
    if (better !== undefined) {
      this.#enter(better);
      return true;
    }
    const frame = feed.ring.at(this.next);
    if (frame !== undefined) {
      this.next += 1;
      if (frame.stream === undefined) this.#options.onGap(frame.to - frame.from);
      this.#write(frame.frame, frame.to);
      return true;
    }
    if (feed.end === undefined) {
      feed.wait(this);
      return false;
    }
    // Only what the socket has taken is sure to arrive before its end.
    if (this.#socket.writableLength > 0) this.#full = true;
    else this.#finish(feed.end);
    return false;
  }

  #enter({ feed, next, rest }: FeedPlace): void {
    this.#feed = feed;
    this.next = next;
    if (rest === undefined) return;
    this.#write(rest.frame, rest.to);
    rest.frame.release();
  }

  #write(frame: SharedFrame, cursor: number): void {
    this.#sent += frame.bytes.length;
    this.#cursor = cursor;
    frame.hold();
    this.#writing.push(frame);
    this.#socket.write(frame.bytes, this.#frameWritten);
  }

  /** Frames are written in their order. */
  readonly #frameWritten = (): void => {
    this.#writing.shift()?.release();
    this.#written();
  };

  /** The kernel has taken a write. */
  readonly #written = (): void => {
    this.#writes += 1;
    if (this.#full) this.#pumpSoon();
  };

  /** In a turn of its own: sockets that take everything at once must not keep others waiting. */
  #pumpSoon(): void {
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      this.#full = false;
      this.#pump();
    });
  }

  #finish(end: FeedEnd): void {
    const cursor = this.#cursor;
    if (end.error === undefined) {
      this.#leave("exit");
      this.send({ type: "exit", ...exitToJson(end.exit), cursor });
      this.#webSocket.close(CLOSE.normal);
    } else {
      this.#leave("failed");
      this.#options.session.failed(end.error);
      this.#tell(end.error, true);
      this.#webSocket.close(
        end.error.retryable || end.error.code === "runtime.closed" ? CLOSE.restart : CLOSE.failed,
      );
    }
    // What it sends is read and dropped: bytes that nobody reads would cost it the end of the output.
    this.#webSocket.resume();
  }

  #leave(why: "exit" | "closed" | "failed" | DropReason): void {
    if (this.#gone) return;
    this.#gone = true;
    clearImmediate(this.#scheduled);
    if (this.#feed !== undefined) this.#options.hub.leave(this, this.#feed);
    this.#feed = undefined;
    this.#countBytes();
    this.#options.onGone(this, why);
  }

  #countBytes(): void {
    if (this.#sent > 0) this.#options.onBytes("out", this.#sent);
    this.#sent = 0;
  }

  // --- input ---

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#gone) return;
    this.#options.onBytes("in", data.length);
    if (isBinary) {
      if (this.#mayWrite()) this.#input(data);
      return;
    }
    const message = parseMessage(data);
    if (message === undefined) {
      this.#tell(berthError("attach.message_invalid", { hop: "runner" }), false);
    } else if (message.type === "pause" || message.type === "resume") {
      this.#paused = message.type === "pause";
      this.#pump();
    } else if (this.#mayWrite()) {
      this.#do(message).catch((error: unknown) => this.#failed(error));
    }
  }

  #mayWrite(): boolean {
    if (this.role === "writer") return true;
    const context = { id: this.#options.session.id };
    this.#tell(berthError("attach.viewer", { hop: "runner", context }), false);
    return false;
  }

  async #do(message: WriterMessage): Promise<void> {
    const { session, onResized } = this.#options;
    const { process, stdin } = session;
    if (message.type === "stdin_eof") return await stdin.end();
    if (message.type === "resize") {
      const size = { columns: message.columns, rows: message.rows };
      await process.resize(size);
      onResized(this, size);
      return;
    }
    const name = message.name.toUpperCase().replace(/^SIG/, "");
    if (!IN_BAND.has(name)) {
      throw berthError("process.signal_unsupported", {
        hop: "runner",
        hint: `In band are ${[...IN_BAND].join(" ")}; all others by POST …/signal.`,
        context: { signal: message.name },
      });
    }
    await process.signal(`SIG${name}`);
  }

  /** The process takes it at its own pace; a client that is faster is not read. */
  #input(bytes: Buffer): void {
    this.#pendingInput += bytes.length;
    if (this.#pendingInput >= MAX_PENDING_INPUT_BYTES) this.#webSocket.pause();
    const taken = (): void => {
      this.#pendingInput -= bytes.length;
      if (this.#webSocket.isPaused && this.#pendingInput <= LOW_PENDING_INPUT_BYTES) {
        this.#heardAt = performance.now();
        this.#webSocket.resume();
      }
    };
    this.#options.session.stdin.write(bytes).then(taken, (error: unknown) => {
      taken();
      this.#failed(error);
    });
  }

  #failed(cause: unknown): void {
    const error = toBerthError(cause, "runner");
    this.#options.session.failed(error);
    if (!this.#gone) this.#tell(error, false);
  }

  #tell(error: BerthError, fatal: boolean): void {
    this.#errors += 1;
    if (this.#errors > MAX_ERRORS_A_SECOND && !fatal) return;
    this.send({ type: "error", fatal, error: errorToJson(error) });
  }

  // --- presence ---

  /** Looked at once a second. `lateMs`: how late this look is, as the runner itself did not run. */
  look(now: number, lateMs: number): void {
    if (this.#gone) return;
    const { pingMs, answerMs, writeMs } = this.#options.keepAlive;
    this.#errors = 0;
    this.#countBytes();
    this.#heardAt += lateMs;
    const { bytesRead = this.#bytesRead, writableLength } = this.#socket;
    if (bytesRead !== this.#bytesRead) this.#heardAt = now;
    this.#bytesRead = bytesRead;
    if (writableLength === 0) this.#stuck = undefined;
    else if (this.#stuck === undefined || this.#stuck.writes !== this.#writes) {
      // A socket that was full and has taken some is one whose other end reads.
      if (this.#stuck !== undefined) this.#heardAt = now;
      this.#stuck = { writes: this.#writes, since: now };
    } else if (now - this.#stuck.since - lateMs >= writeMs) {
      this.#drop();
      return;
    }
    // While its input waits for the process, answers of a client are not read.
    if (this.#webSocket.isPaused) this.#heardAt = now;
    if (now - this.#heardAt >= answerMs) {
      this.#drop();
      return;
    }
    if (now - this.#pingedAt >= pingMs) {
      this.#pingedAt = now;
      this.#webSocket.ping();
    }
    if (this.#full) this.#pumpSoon();
  }

  #drop(): void {
    this.#leave("silent");
    this.#webSocket.terminate();
  }
}

function parseMessage(data: Buffer): AttachClientMessage | undefined {
  if (data.length > MAX_MESSAGE_CHARACTERS) return undefined;
  try {
    return attachClientMessage.parse(JSON.parse(data.toString("utf8")));
  } catch {
    return undefined;
  }
}
