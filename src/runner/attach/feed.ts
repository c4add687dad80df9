import type { BerthError } from "../../contract/errors.ts";
import { toBerthError } from "../../contract/errors.ts";
import type { ExitStatus, OutputChunk, OutputStream } from "../../contract/process.ts";
import { FrameRing } from "./frame-ring.ts";
import { MAX_FRAME_PAYLOAD, messageFrame, outputFrame } from "./frames.ts";

/** Frames that wait for clients which lag behind others of the same feed. */
const MAX_RING_BYTES = 4 * 1024 * 1024;
/** What a feed may hold whatever others do. */
const MIN_RING_BYTES = 128 * 1024;
/** Kept behind everybody while there is another feed, so that the two meet. */
const OVERLAP_BYTES = 512 * 1024;
/** So long those who have everything wait for those who lag, for each half of a ring. */
const PATIENCE_MS = 50;

/** Memory of all rings of the runner. */
export class RingBudget {
  readonly #limitBytes: number;
  usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get full(): boolean {
    return this.usedBytes >= this.#limitBytes;
  }
}

export type FeedEnd =
  | { readonly exit: ExitStatus; readonly error?: undefined }
  | { readonly exit?: undefined; readonly error: BerthError };

/** Who is served by a feed. */
export interface FeedClient {
  /** Number of the frame that it gets next. */
  readonly next: number;
  /** There is something for it. */
  wake(): void;
  /** It lagged too far behind and belongs to no feed any more. */
  strayed(): void;
}

export interface FeedOptions {
  /** The process's output from the cursor on; following. */
  readonly output: (from: number, signal: AbortSignal) => AsyncIterable<OutputChunk>;
  readonly from: number;
  /** The exit, for who began to read behind it. */
  readonly exit: () => Promise<ExitStatus>;
  readonly budget: RingBudget;
  /** Whether the process has another feed. */
  readonly hasSibling: () => boolean;
  /** Waits before more is read, when so many bytes of output have gone to so many clients. */
  readonly pace: (bytes: number, clients: number) => Promise<void> | undefined;
}

/**
 * One reader of a process's log, and the frames that it made, each once for all clients. It reads only what somebody
 * has asked for: the pace is that of the fastest client, up to a ring full before the slowest. Whoever lags further has
 * strayed, and finds its way back by a feed of its own.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly ring: FrameRing;
  readonly #clients = new Set<FeedClient>();
  /** Those that have everything and room for more. */
  readonly #waiting = new Set<FeedClient>();
  readonly #stop = new AbortController();
  #parts: Uint8Array[] = [];
  #openBytes = 0;
  #openStream: OutputStream | undefined;
  #sealing: NodeJS.Immediate | undefined;
  #wanted: (() => void) | undefined;
  #patience: NodeJS.Timeout | undefined;
  #end: FeedEnd | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.ring = new FrameRing(options.from);
    void this.#read();
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Set once everything is in the ring. */
  get end(): FeedEnd | undefined {
    return this.#end;
  }

  join(client: FeedClient): void {
    this.#clients.add(client);
  }

  leave(client: FeedClient): void {
    this.#clients.delete(client);
    this.#waiting.delete(client);
    if (this.#clients.size === 0) this.close();
    else this.#readOn();
  }

  /** The client has everything of the ring, and room for more. */
  wait(client: FeedClient): void {
    this.#waiting.add(client);
    this.#readOn();
  }

  close(): void {
    this.#stop.abort();
    clearImmediate(this.#sealing);
    clearTimeout(this.#patience);
    this.#options.budget.usedBytes -= this.ring.bytes;
    this.ring.dropBefore(this.ring.next);
    this.#wanted?.();
  }

  async #read(): Promise<void> {
    const { output, from, exit, pace } = this.#options;
    const { signal } = this.#stop;
    try {
      await this.#untilWanted();
      for await (const chunk of output(from, signal)) {
        if (signal.aborted) return;
        if (chunk.type === "exit") {
          this.#finish({ exit: chunk.exit });
          return;
        }
        if (chunk.type === "gap") this.#gap(chunk.gap);
        else {
          this.#append(chunk.stream, chunk.data);
          const pause = pace(chunk.data.length, this.#clients.size);
          if (pause !== undefined) await pause;
        }
        if (!this.#mayRead()) await this.#untilWanted();
      }
      this.#finish({ exit: await exit() });
    } catch (error) {
      if (!signal.aborted) this.#finish({ error: toBerthError(error, "runner") });
    }
  }

  #finish(end: FeedEnd): void {
    if (this.#stop.signal.aborted) return;
    this.#seal();
    this.#end = end;
    clearTimeout(this.#patience);
    this.#wakeAll();
  }

  // --- demand ---

  #mayRead(): boolean {
    if (this.#waiting.size === 0) return false;
    if (!this.#isFull()) return true;
    this.#trim();
    return !this.#isFull();
  }

  #isFull(): boolean {
    const { bytes } = this.ring;
    return bytes >= MAX_RING_BYTES || (bytes >= MIN_RING_BYTES && this.#options.budget.full);
  }

  async #untilWanted(): Promise<void> {
    while (!this.#stop.signal.aborted && !this.#mayRead()) {
      if (this.#waiting.size > 0) this.#patience ??= setTimeout(() => this.#leaveBehind(), PATIENCE_MS);
      await new Promise<void>((resolve) => {
        this.#wanted = resolve;
      });
      this.#wanted = undefined;
    }
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #readOn(): void {
    if (this.#wanted !== undefined && this.#waiting.size > 0) this.#wanted();
  }

  /** Drops what everybody has. */
  #trim(): void {
    let slowest = this.ring.next;
    for (const client of this.#clients) slowest = Math.min(slowest, client.next);
    this.#dropBefore(slowest);
  }

  /** The half that only those need who lag most. */
  #leaveBehind(): void {
    this.#patience = undefined;
    const { ring } = this;
    const keptBytes = ring.bytes / 2;
    let number = ring.first;
    for (let left = ring.bytes; left > keptBytes && number < ring.next; number += 1) {
      left -= ring.at(number)?.frame.bytes.length ?? 0;
    }
    this.#dropBefore(number);
    for (const client of [...this.#clients]) {
      if (client.next >= ring.first) continue;
      this.#clients.delete(client);
      client.strayed();
    }
    this.#readOn();
  }

  #dropBefore(number: number): void {
    const before = this.ring.bytes;
    this.ring.dropBefore(number);
    this.#options.budget.usedBytes -= before - this.ring.bytes;
  }

  // --- frames ---

  #append(stream: OutputStream, data: Uint8Array): void {
    if (stream !== this.#openStream) this.#seal();
    this.#openStream = stream;
    for (let at = 0; at < data.length; ) {
      const part = data.subarray(at, at + MAX_FRAME_PAYLOAD - this.#openBytes);
      this.#parts.push(part);
      this.#openBytes += part.length;
      at += part.length;
      if (this.#openBytes === MAX_FRAME_PAYLOAD) this.#seal();
    }
    // What comes in the same turn shares a frame.
    if (this.#openBytes > 0) this.#sealing ??= setImmediate(() => this.#seal());
  }

  #gap({ from, to }: { readonly from: number; readonly to: number }): void {
    this.#seal();
    this.#push({ from, to, frame: messageFrame({ type: "gap", from, to }), stream: undefined });
  }

  #seal(): void {
    clearImmediate(this.#sealing);
    this.#sealing = undefined;
    if (this.#openBytes === 0 || this.#openStream === undefined) return;
    const bytes = this.#openBytes;
    const frame = outputFrame(this.#openStream, this.#parts, bytes);
    this.#parts = [];
    this.#openBytes = 0;
    const from = this.ring.end;
    this.#push({ from, to: from + bytes, frame, stream: this.#openStream });
  }

  #push(frame: Parameters<FrameRing["push"]>[0]): void {
    if (this.#stop.signal.aborted) return;
    this.ring.push(frame);
    this.#options.budget.usedBytes += frame.frame.bytes.length;
    this.#wakeAll();
    // Usually all have it now.
    if (this.#waiting.size === this.#clients.size) this.#forgetTaken();
  }

  #forgetTaken(): void {
    if (!this.#options.hasSibling()) {
      this.#dropBefore(this.ring.next);
      return;
    }
    while (this.ring.bytes > OVERLAP_BYTES) this.#dropBefore(this.ring.first + 1);
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const client of waiting) client.wake();
  }
}
