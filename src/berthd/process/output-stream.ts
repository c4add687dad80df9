import type { BerthError } from "../../contract/errors.ts";
import { toBerthError } from "../../contract/errors.ts";
import type { ExitStatus, OutputFile, ProcessInfo } from "../../contract/process.ts";
import { MAX_DATA_BYTES } from "../../wire/frame.ts";
import { encodeOutputTable, MAX_OUTPUT_RUNS } from "../../wire/output-frame.ts";
import type { WireStream } from "../../wire/types.ts";
import type { LogPosition, LogRead, OutputLog } from "./output-log.ts";

/** What is read: a live process's log, or one that an earlier daemon left. */
export interface OutputSource {
  readonly log: OutputLog;
  readonly exit: ExitStatus | undefined;
  readonly exitCursor: number;
  /** Why there will be no exit, for a lost process. */
  readonly lost: BerthError | undefined;
  /** All of the output as a file. */
  readonly file: OutputFile | undefined;
  onChange(listener: () => void): () => void;
}

export interface OutputStreamOptions {
  readonly from: number;
  readonly follow: boolean;
  readonly capture?: { readonly headBytes: number; readonly tailBytes: number } | undefined;
}

/**
 * Sends a log from a cursor on a stream: data, gaps, and strictly last the exit. It has no queue of its own: the
 * next bytes are taken when the stream has credit, from memory or from the disk.
 */
export class OutputStream {
  readonly #source: OutputSource;
  readonly #stream: WireStream;
  readonly #options: OutputStreamOptions;
  readonly #position: LogPosition;
  readonly #capture: Capture | undefined;
  readonly #unlisten: () => void;
  /** A read from the disk is under way. */
  #reading = false;
  #done = false;
  #left = false;
  /** Called once, when nothing more will be sent. */
  onDone: () => void = () => {};
  /** Called when the cursor has moved. */
  onAdvance: () => void = () => {};

  constructor(source: OutputSource, stream: WireStream, options: OutputStreamOptions) {
    this.#source = source;
    this.#stream = stream;
    this.#options = options;
    this.#position = { cursor: startCursor(source, options.from) };
    this.#capture = options.capture === undefined ? undefined : new Capture(options.capture);
    this.#unlisten = source.onChange(() => this.pump());
  }

  get cursor(): number {
    return this.#position.cursor;
  }

  /** Everything up to the exit was sent. */
  get complete(): boolean {
    return this.#done && !this.#left && this.#source.exit !== undefined;
  }

  pump(): void {
    const before = this.#position.cursor;
    this.#pump();
    if (this.#position.cursor !== before) this.onAdvance();
  }

  #pump(): void {
    while (!this.#done && !this.#reading) {
      if (this.#stream.closed) {
        this.stop();
        return;
      }
      const room = this.#stream.writable();
      if (room <= 0) return;
      const end = this.#stopCursor();
      // Only the exit is asked for: what was written in between isn't read, least of all from the disk.
      if (this.#capture?.nothing) this.#position.cursor = Math.min(end, this.#source.log.end);
      const limit = Math.min(room, MAX_DATA_BYTES, end - this.#position.cursor);
      if (limit <= 0) {
        if (this.#atEnd()) this.#finish();
        return;
      }
      const read = this.#source.log.read(this.#position, limit);
      if (read instanceof Promise) {
        this.#reading = true;
        void read.then((result) => {
          this.#reading = false;
          this.#take(result);
          this.#pump();
          this.onAdvance();
        });
        return;
      }
      if (read.type === "end") {
        if (this.#atEnd()) this.#finish();
        return;
      }
      this.#take(read);
    }
  }

  /** A reader that began before the exit stops there; what is behind is for those who ask for it. */
  #stopCursor(): number {
    const { exitCursor } = this.#source;
    return this.#position.cursor <= exitCursor ? exitCursor : Number.POSITIVE_INFINITY;
  }

  #atEnd(): boolean {
    const { source, options } = { source: this.#source, options: this.#options };
    if (source.exit !== undefined || source.lost !== undefined) return true;
    return !options.follow;
  }

  #take(read: LogRead): void {
    if (read.type === "end" || this.#done) return;
    if (read.type === "gap") {
      // The gap may go on behind the exit, which a reader that began before it must not miss.
      this.#skip(Math.min(read.to, this.#stopCursor()));
      return;
    }
    const from = this.#position.cursor;
    this.#position.cursor = read.next;
    if (this.#capture === undefined) this.#send(read.runs, read.parts);
    else this.#capture.take(read.runs, read.parts, from, (channel, bytes) => this.#sendRun(channel, bytes));
  }

  #skip(to: number): void {
    const from = this.#position.cursor;
    this.#position.cursor = to;
    if (this.#capture === undefined) this.#stream.event({ gap: { from, to } });
    else this.#capture.skipped(from, to);
  }

  #send(runs: readonly { channel: number; length: number }[], parts: readonly Uint8Array[]): void {
    if (runs.length <= MAX_OUTPUT_RUNS) {
      this.#stream.frame(encodeOutputTable(runs), ...parts);
      return;
    }
    const bytes = Buffer.concat(parts);
    let at = 0;
    for (let index = 0; index < runs.length; index += MAX_OUTPUT_RUNS) {
      const some = runs.slice(index, index + MAX_OUTPUT_RUNS);
      const length = some.reduce((sum, run) => sum + run.length, 0);
      this.#stream.frame(encodeOutputTable(some), bytes.subarray(at, at + length));
      at += length;
    }
  }

  #sendRun(channel: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += MAX_DATA_BYTES) {
      const part = bytes.subarray(at, at + MAX_DATA_BYTES);
      this.#stream.frame(encodeOutputTable([{ channel, length: part.length }]), part);
    }
  }

  #finish(): void {
    const { exit, exitCursor, lost, log } = this.#source;
    const behindExit = this.#position.cursor > exitCursor;
    // The log was removed under its reader, or a full disk kept its end from the files.
    if (Number.isFinite(exitCursor) && this.#position.cursor < exitCursor) this.#skip(exitCursor);
    this.#finishCapture();
    if (exit !== undefined && !behindExit) {
      const cursor = Number.isFinite(exitCursor) ? exitCursor : log.end;
      this.#stream.event({ exit, cursor, ...this.#source.file });
    }
    this.#close();
    if (exit === undefined && lost !== undefined && this.#options.follow) this.#stream.reset(lost);
    else this.#stream.end();
  }

  /** Ends here, as its process goes into the background: whoever reads on begins at the cursor that is told. */
  leave(process: ProcessInfo): void {
    if (this.#done) return;
    this.#left = true;
    const { cursor } = this.#position;
    this.#finishCapture();
    this.#stream.event({ background: { cursor, process } });
    this.#close();
    this.#stream.end();
  }

  #finishCapture(): void {
    this.#capture?.finish(
      (from, to) => this.#stream.event({ gap: { from, to } }),
      (channel, bytes) => this.#sendRun(channel, bytes),
    );
  }

  stop(error?: unknown): void {
    if (this.#done) return;
    this.#close();
    if (error !== undefined) this.#stream.reset(toBerthError(error, "berthd"));
  }

  #close(): void {
    this.#done = true;
    this.#unlisten();
    this.onDone();
  }
}

/** The cursor that `from` means: not behind the end, and negative ones count back from the end or the exit. */
export function startCursor(source: Pick<OutputSource, "log" | "exitCursor">, from: number): number {
  if (from >= 0) return Math.min(from, source.log.end);
  const end = Math.min(source.exitCursor, source.log.end);
  return Math.max(0, end + from);
}

/** Bounded capture: each channel's first bytes are sent at once, its last ones at the end. */
class Capture {
  readonly #headBytes: number;
  readonly #tailBytes: number;
  readonly #channels = new Map<
    number,
    { head: number; tail: { bytes: Uint8Array; from: number }[]; tailBytes: number }
  >();
  #gap: { from: number; to: number } | undefined;

  constructor(options: { readonly headBytes: number; readonly tailBytes: number }) {
    this.#headBytes = options.headBytes;
    this.#tailBytes = options.tailBytes;
  }

  get nothing(): boolean {
    return this.#headBytes === 0 && this.#tailBytes === 0;
  }

  skipped(from: number, to: number): void {
    this.#gap = { from: Math.min(this.#gap?.from ?? from, from), to: Math.max(this.#gap?.to ?? to, to) };
  }

  take(
    runs: readonly { channel: number; length: number }[],
    parts: readonly Uint8Array[],
    from: number,
    send: (channel: number, bytes: Uint8Array) => void,
  ): void {
    let part = 0;
    let offset = 0;
    let cursor = from;
    for (const run of runs) {
      let left = run.length;
      while (left > 0) {
        const bytes = parts[part]!;
        const piece = bytes.subarray(offset, offset + left);
        this.#piece(run.channel, piece, cursor, send);
        left -= piece.length;
        offset += piece.length;
        cursor += piece.length;
        if (offset === bytes.length) {
          part++;
          offset = 0;
        }
      }
    }
  }

  #piece(
    channel: number,
    bytes: Uint8Array,
    cursor: number,
    send: (channel: number, bytes: Uint8Array) => void,
  ): void {
    let state = this.#channels.get(channel);
    if (state === undefined) {
      state = { head: 0, tail: [], tailBytes: 0 };
      this.#channels.set(channel, state);
    }
    const head = Math.min(bytes.length, this.#headBytes - state.head);
    if (head > 0) {
      state.head += head;
      send(channel, head === bytes.length ? bytes : bytes.subarray(0, head));
    }
    if (head === bytes.length) return;
    const rest = bytes.subarray(Math.max(0, head));
    state.tail.push({ bytes: rest, from: cursor + Math.max(0, head) });
    state.tailBytes += rest.length;
    while (state.tailBytes > this.#tailBytes) {
      const first = state.tail[0]!;
      const drop = Math.min(first.bytes.length, state.tailBytes - this.#tailBytes);
      this.skipped(first.from, first.from + drop);
      state.tailBytes -= drop;
      if (drop === first.bytes.length) state.tail.shift();
      else state.tail[0] = { bytes: first.bytes.subarray(drop), from: first.from + drop };
    }
  }

  finish(gap: (from: number, to: number) => void, send: (channel: number, bytes: Uint8Array) => void): void {
    if (this.#gap !== undefined) gap(this.#gap.from, this.#gap.to);
    for (const [channel, state] of this.#channels) {
      // One copy: the pieces may be slices of a few bytes each.
      if (state.tailBytes > 0) send(channel, Buffer.concat(state.tail.map((piece) => piece.bytes)));
    }
  }
}
