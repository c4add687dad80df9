import type { AttachClientMessage, AttachServerMessage } from "../api/attach.ts";
import { ATTACH_CHANNELS, ATTACH_MESSAGE_BYTES, ATTACH_PROTOCOL } from "../api/attach-format.ts";
import { errorFromJson } from "../api/json-errors.ts";
import { exitFromJson } from "../api/json-processes.ts";
import { type BerthError, berthError } from "../contract/errors.ts";
import type { ExitStatus, OutputStream, TtySize } from "../contract/process.ts";
import { answeredError, mayPass, noAnswer } from "./answers.ts";
import type { Connection } from "./connection.ts";
import { abortedBy, backoffMs, pause } from "./retry.ts";
import type { ClientSocket } from "./socket.ts";

/** Received and not yet taken by the reader: beyond it no more is read, and down to here it has to fall. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
const LOW_WAITING_BYTES = 1024 * 1024;
/** Input that the socket has not sent yet: beyond it `write` waits. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
const BUFFER_LOOK_MS = 10;
const STREAMS = new Map<number, OutputStream>(
  Object.entries(ATTACH_CHANNELS).map(([stream, channel]) => [channel, stream as OutputStream]),
);

export interface AttachOptions {
  /** Cursor; negative counts from the end. Default 0. */
  readonly from?: number | undefined;
  /** A writer may send input, signals and sizes; there is one at a time. Default "viewer". */
  readonly role?: "writer" | "viewer" | undefined;
  /** Take the place of the writer that there is. Default false: attach.writer_taken. */
  readonly takeover?: boolean | undefined;
  /** Ends the attachment; the process goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Told when the connection was lost, with the reason, and when it is there again. */
  readonly onConnection?: ((state: "lost" | "restored", reason?: BerthError) => void) | undefined;
}

export type AttachedChunk =
  | {
      readonly type: "data";
      readonly stream: OutputStream;
      readonly data: Uint8Array;
      /** Behind this chunk. */
      readonly cursor: number;
    }
  | { readonly type: "gap"; readonly from: number; readonly to: number }
  /** Another one is the writer now. */
  | { readonly type: "taken_over" }
  /** The writer has given the terminal another size, which `tty` is from now on. */
  | { readonly type: "resized"; readonly size: TtySize }
  /** Something that was sent could not be done; the attachment goes on. */
  | { readonly type: "error"; readonly error: BerthError }
  /** Last. */
  | { readonly type: "exit"; readonly exit: ExitStatus };

/**
 * A process that this client is attached to. Its output is exact over lost connections and restarts of the runner:
 * each byte once, in order, or told as a gap. Input that was on its way when a connection was lost may be lost with it.
 */
export interface Attachment extends AsyncIterable<AttachedChunk>, Disposable {
  readonly processId: string;
  readonly role: "writer" | "viewer";
  readonly tty: TtySize | null;
  /** Behind the last byte that was received. */
  readonly cursor: number;
  /** Resolves when there is room for more. @throws attach.viewer */
  write(data: string | Uint8Array): Promise<void>;
  /** End of the input. */
  end(): void;
  resize(size: TtySize): void;
  /** HUP INT QUIT ABRT USR1 USR2 TERM WINCH */
  signal(name: string): void;
  /** Leaves; the process goes on. */
  close(): void;
}

/** @throws process.unknown, process.reaped, attach.writer_taken, auth.*, runner.*, operation.aborted */
export async function attach(
  connection: Connection,
  processId: string,
  options: AttachOptions,
): Promise<Attachment> {
  const session = new Session(connection, processId, options);
  await session.connect(options.takeover ?? false);
  return session;
}

class Session implements Attachment {
  readonly processId: string;
  role: "writer" | "viewer";
  tty: TtySize | null = null;
  cursor: number;
  readonly #connection: Connection;
  readonly #options: AttachOptions;
  readonly #encoder = new TextEncoder();
  #socket: ClientSocket | undefined;
  #chunks: AttachedChunk[] = [];
  #waiting = 0;
  #paused = false;
  #over = false;
  #failure: BerthError | undefined;
  #wake: (() => void) | undefined;
  readonly #stop = new AbortController();

  constructor(connection: Connection, processId: string, options: AttachOptions) {
    this.#connection = connection;
    this.processId = processId;
    this.#options = options;
    this.role = options.role ?? "viewer";
    this.cursor = options.from ?? 0;
    const { signal } = options;
    if (signal?.aborted) this.#fail(abortedBy(signal));
    signal?.addEventListener("abort", () => this.#fail(abortedBy(signal)), { once: true });
  }

  /** Settles with the first message. Each connection that is lost later is made again, at the cursor. */
  async connect(takeover: boolean): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const url = new URL(`v1/processes/${encodeURIComponent(this.processId)}/attach`, this.#connection.url);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("from", String(this.cursor));
    url.searchParams.set("role", this.role);
    url.searchParams.set("refusals", "socket");
    if (takeover) url.searchParams.set("takeover", "true");
    let attached = false;
    let fatal: BerthError | undefined;
    const socket = await this.#connection.openSocket(
      { url, protocol: ATTACH_PROTOCOL },
      {
        onOpen: () => undefined,
        onBytes: (bytes) => this.#data(bytes),
        onText: (text) => {
          const message = JSON.parse(text) as AttachServerMessage;
          if (message.type === "attached") {
            attached = true;
            this.cursor = message.cursor;
            this.tty = message.tty;
            this.role = message.role;
            resolve();
          } else if (message.type === "error" && message.fatal) fatal = errorFromJson(message.error);
          else this.#message(message);
        },
        onClose: ({ refusal }) => {
          if (this.#socket === socket) this.#socket = undefined;
          if (!attached) {
            if (refusal !== undefined || fatal !== undefined) reject(refusal ?? fatal);
            else void this.#why().then(reject);
            return;
          }
          if (this.#over) return;
          if (fatal !== undefined && !fatal.retryable) this.#fail(fatal);
          else if (!this.#paused) void this.#again(fatal ?? lost());
        },
      },
    );
    this.#socket = socket;
    if (this.#over) socket.close();
    await promise;
  }

  async write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? this.#encoder.encode(data) : data;
    for (let at = 0; at < bytes.length; at += ATTACH_MESSAGE_BYTES) {
      const socket = await this.#writable();
      socket.send(bytes.subarray(at, at + ATTACH_MESSAGE_BYTES));
    }
  }

  end(): void {
    this.#tell({ type: "stdin_eof" });
  }

  resize({ columns, rows }: TtySize): void {
    this.#tell({ type: "resize", columns, rows });
  }

  signal(name: string): void {
    this.#tell({ type: "signal", name });
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stop.abort();
    this.#socket?.close();
    this.#wake?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<AttachedChunk, void, undefined> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          if (chunk.type === "data") this.#taken(chunk.data.length);
          yield chunk;
          if (chunk.type === "exit") return;
        } else if (this.#failure !== undefined) throw this.#failure;
        else if (this.#over) return;
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.close();
    }
  }

  #data(bytes: Uint8Array): void {
    const stream = STREAMS.get(bytes[0] ?? 0);
    if (stream === undefined || this.#over) return;
    const data = bytes.subarray(1);
    this.cursor += data.length;
    this.#waiting += data.length;
    this.#push({ type: "data", stream, data, cursor: this.cursor });
    if (this.#waiting <= MAX_WAITING_BYTES || this.#paused) return;
    this.#paused = true;
    // Where reading can't be stopped, the runner is asked to stop.
    if (this.#socket?.pause === undefined) this.#send({ type: "pause" });
    else this.#socket.pause();
  }

  #taken(bytes: number): void {
    this.#waiting -= bytes;
    if (!this.#paused || this.#waiting > LOW_WAITING_BYTES) return;
    this.#paused = false;
    if (this.#socket === undefined) void this.#again(lost());
    else if (this.#socket.resume === undefined) this.#send({ type: "resume" });
    else this.#socket.resume();
  }

  #message(message: Exclude<AttachServerMessage, { readonly type: "attached" }>): void {
    switch (message.type) {
      case "gap":
        this.cursor = message.to;
        this.#push({ type: "gap", from: message.from, to: message.to });
        return;
      case "exit":
        this.#over = true;
        this.#push({ type: "exit", exit: exitFromJson(message) });
        return;
      case "resized":
        this.tty = { columns: message.columns, rows: message.rows };
        this.#push({ type: "resized", size: this.tty });
        return;
      case "taken_over":
        this.role = "viewer";
        this.#push({ type: "taken_over" });
        return;
      case "error":
        this.#push({ type: "error", error: errorFromJson(message.error) });
        return;
    }
  }

  #push(chunk: AttachedChunk): void {
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  /** Makes the connection again, until it stands or what keeps it from standing does not pass. */
  async #again(reason: BerthError): Promise<void> {
    const { onConnection } = this.#options;
    onConnection?.("lost", reason);
    for (let failures = 0; !this.#over; failures++) {
      try {
        await pause(backoffMs(failures), this.#stop.signal);
        // The runner may not know yet that this client's own connection is gone: its place is taken over.
        await this.connect(this.role === "writer");
        onConnection?.("restored");
        return;
      } catch (error) {
        if (this.#over) return;
        if (!mayPass(error)) {
          this.#fail(error as BerthError);
          return;
        }
      }
    }
  }

  /** A page is not told why a handshake was refused; the process itself says most of it. */
  async #why(): Promise<BerthError> {
    const { url, headers, fetch } = this.#connection;
    const target = new URL(`v1/processes/${encodeURIComponent(this.processId)}`, url);
    try {
      const response = await fetch(new Request(target, { headers }));
      if (!response.ok) return await answeredError(response);
      return berthError("runner.unreachable", { context: { url: url.origin, reason: "no WebSocket" } });
    } catch (cause) {
      return noAnswer(cause, target);
    }
  }

  #fail(error: BerthError): void {
    if (this.#over) return;
    this.#failure = error;
    this.close();
  }

  async #writable(): Promise<ClientSocket> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#over) throw berthError("process.finished", { context: { id: this.processId } });
      if (this.role !== "writer") throw berthError("attach.viewer", { context: { id: this.processId } });
      const socket = this.#socket;
      if (socket !== undefined && socket.bufferedBytes < MAX_BUFFERED_BYTES) return socket;
      // A WebSocket does not tell when it has sent.
      await pause(BUFFER_LOOK_MS, undefined);
    }
  }

  #tell(message: AttachClientMessage): void {
    if (this.role !== "writer") throw berthError("attach.viewer", { context: { id: this.processId } });
    this.#send(message);
  }

  #send(message: AttachClientMessage): void {
    this.#socket?.send(JSON.stringify(message));
  }
}

function lost(): BerthError {
  return berthError("transport.disconnected", {
    hop: "transport",
    message: "the connection to the runner was lost",
  });
}
