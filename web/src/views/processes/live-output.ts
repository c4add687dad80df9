import {
  type AttachedChunk,
  type Attachment,
  type BerthError,
  isBerthError,
  type RunnerClient,
} from "../../../../src/client/index.ts";
import { Variable } from "../../state/observable.ts";
import type { Process } from "../../state/store.ts";
import { type Line, lineText, OutputLines } from "./output-lines.ts";
import { portsIn } from "./process-words.ts";

/** So much of what was written before is shown at once. */
const TAIL_BYTES = 512 * 1024;
/** Output comes faster than anybody reads: it is shown so often. */
const SHOW_MS = 80;
/** While so many lines go between two looks, less is shown and less often: it is gone before it was drawn. */
const FLOOD_LINES = 2000;
const FLOOD_SHOWN = 200;
const FLOOD_MS = 250;
/** Reading leaves the page this often the time to answer whoever uses it. */
const SLICE_MS = 8;

export interface OutputState {
  readonly lines: readonly Line[];
  /** Lines that were shown and are only in the log now. */
  readonly dropped: number;
  /** Cursor of the first byte that was asked for. */
  readonly from: number;
  /** Of the log's end, as far as it was read. */
  readonly cursor: number;
  readonly connection: "connecting" | "live" | "lost" | "ended" | "failed";
  readonly error?: unknown;
  readonly role: "viewer" | "writer";
  /** Ports of addresses that it has printed. */
  readonly ports: readonly number[];
}

/** Output of a process as it comes, within bounds; and what is written to it. */
export class LiveOutput implements Disposable {
  readonly state: Variable<OutputState>;
  readonly #client: RunnerClient;
  readonly #id: string;
  readonly #lines = new OutputLines();
  readonly #stop = new AbortController();
  readonly #ports = new Set<number>();
  /** Behind the last byte that was shown. */
  #cursor: number;
  #looked = 0;
  #isFlood = false;
  #attachment: Attachment | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #rest: Partial<OutputState> = {};

  constructor(client: RunnerClient, { id, output_start, output_end }: Process) {
    this.#client = client;
    this.#id = id;
    this.#cursor = Math.max(output_start, output_end - TAIL_BYTES);
    this.state = new Variable<OutputState>({
      lines: [],
      dropped: 0,
      from: this.#cursor,
      cursor: this.#cursor,
      connection: "connecting",
      role: "viewer",
      ports: [],
    });
    void this.#begin();
  }

  /** Becomes who writes. @throws attach.writer_taken, process.*, runner.* */
  async takeInput({ takeover }: { readonly takeover: boolean }): Promise<void> {
    const attachment = await this.#attach("writer", takeover);
    void this.#read(attachment);
  }

  /** Gives the input free for others. */
  async leaveInput(): Promise<void> {
    void this.#read(await this.#attach("viewer", false));
  }

  /** @throws attach.viewer, process.finished */
  async write(text: string): Promise<void> {
    const data = new TextEncoder().encode(text);
    await this.#attachment?.write(data);
    this.#lines.write("input", data);
    this.#show({});
  }

  /** End of the input. @throws attach.viewer */
  end(): void {
    this.#attachment?.end();
    this.#lines.note("End of the input");
    this.#show({});
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  async #begin(): Promise<void> {
    try {
      await this.#read(await this.#attach("viewer", false));
    } catch (error) {
      this.#show({ connection: "failed", error });
    }
  }

  async #attach(role: "viewer" | "writer", takeover: boolean): Promise<Attachment> {
    return await this.#client.attach(this.#id, {
      from: this.#cursor,
      role,
      takeover,
      signal: this.#stop.signal,
      onConnection: (state) => this.#show({ connection: state === "lost" ? "lost" : "live" }),
    });
  }

  async #read(attachment: Attachment): Promise<void> {
    const before = this.#attachment;
    this.#attachment = attachment;
    before?.close();
    this.#show({ connection: "live", role: attachment.role, error: undefined });
    try {
      let since = performance.now();
      for await (const chunk of attachment) {
        if (this.#attachment !== attachment) return;
        this.#take(chunk);
        if (performance.now() - since < SLICE_MS) continue;
        await new Promise((resolve) => setTimeout(resolve));
        since = performance.now();
      }
    } catch (error) {
      if (this.#attachment === attachment) this.#show({ connection: "failed", error });
    }
  }

  #take(chunk: AttachedChunk): void {
    switch (chunk.type) {
      case "data": {
        // Who has begun to write is told once more what came meanwhile.
        const known = Math.max(0, this.#cursor - (chunk.cursor - chunk.data.length));
        if (known >= chunk.data.length) return;
        this.#cursor = chunk.cursor;
        this.#lines.write(chunk.stream, known === 0 ? chunk.data : chunk.data.subarray(known));
        this.#show({});
        return;
      }
      case "gap":
        if (chunk.to <= this.#cursor) return;
        this.#lines.note(
          `${(chunk.to - Math.max(chunk.from, this.#cursor)).toLocaleString("en")} bytes are gone from the log`,
        );
        this.#cursor = chunk.to;
        this.#show({});
        return;
      case "taken_over":
        this.#lines.note("Somebody else writes to it now");
        this.#show({ role: "viewer" });
        return;
      case "error":
        this.#show({ error: chunk.error });
        return;
      case "exit":
        this.#show({ connection: "ended", role: "viewer" });
        return;
    }
  }

  #show(rest: Partial<OutputState>): void {
    this.#rest = { ...this.#rest, ...rest };
    if (this.#stop.signal.aborted) return;
    this.#timer ??= setTimeout(() => this.#showNow(), this.#isFlood ? FLOOD_MS : SHOW_MS);
  }

  #showNow(): void {
    this.#timer = undefined;
    const before = this.state.get();
    const { lines, dropped } = this.#lines;
    const ports = this.#portsOf(lines);
    this.#isFlood = dropped - before.dropped > FLOOD_LINES;
    const shown = this.#isFlood ? lines.slice(-FLOOD_SHOWN) : lines;
    this.state.set({ ...before, ...this.#rest, lines: shown, dropped, ports, cursor: this.#cursor });
    this.#rest = {};
    // The rest of them, when it is over.
    if (this.#isFlood) this.#show({});
  }

  /** Servers say where they listen when they start: of each line it is looked at once. */
  #portsOf(lines: readonly Line[]): readonly number[] {
    const before = this.state.get().ports;
    for (const line of lines) {
      if (line.number < this.#looked || this.#ports.size >= MOST_PORTS) continue;
      for (const port of portsIn(lineText(line))) this.#ports.add(port);
    }
    // The last line may not be whole yet.
    this.#looked = Math.max(this.#looked, lines.at(-1)?.number ?? 0);
    return this.#ports.size === before.length ? before : [...this.#ports];
  }
}

const MOST_PORTS = 8;

/** The process reads nothing from here: its standard input is /dev/null, or was ended. */
export function takesNoInput(error: unknown): error is BerthError {
  return isBerthError(error, "process.stdin_closed");
}
