import type { Attachment, BerthError } from "../../../../src/client/index.ts";
import { isBerthError } from "../../../../src/client/index.ts";
import { pause } from "../../../../src/client/retry.ts";
import {
  fromBeginning,
  type ReplayPlan,
  replayPlan,
  replaySteps,
} from "../../../../src/contract/terminal-replay.ts";
import { Variable } from "../../state/observable.ts";
import type { Process } from "../../state/store.ts";
import { visible } from "../../ui/visible.ts";
import type { Emulator } from "./emulator.ts";
import { isTypedNow } from "./keys.ts";
import { OPENING, type SessionOptions, type SessionState } from "./session-state.ts";
import type { Refusal } from "./words.ts";
import { WriteQueue } from "./write-queue.ts";

/** Taken in by the emulator in one go: 2 to 4 ms of the slowest output there is, lines of one character. */
const SLICE_BYTES = 8 * 1024;
const MAX_UNWRITTEN_BYTES = 256 * 1024;
/** A pane that is dragged changes its size with every frame. */
const RESIZE_MS = 80;
const REFUSAL_SHOWN_MS = 5_000;
/** Typed so shortly before the connection was lost, it may have been lost with it. */
const IN_FLIGHT_MS = 2_000;
const RETRY_MS = 1_000;
/** So long this page's own connection of before a reload may still have the writer's place. */
const OWN_PLACE_MS = 3_000;
const OWN_PLACE_RETRY_MS = 150;
/** Typed before the terminal is there. */
const MOST_HELD = 64 * 1024;
const TITLE_MS = 200;
const MOST_TITLE = 200;

/**
 * A terminal of the place in an emulator: first its screen as it was, then what happens. Every byte goes through the
 * emulator once and in order, over lost connections too, at the pace of the emulator.
 */
export class TerminalSession implements Disposable {
  readonly state = new Variable<SessionState>(OPENING);
  readonly #options: SessionOptions;
  readonly #emulator: Emulator;
  readonly #queue: WriteQueue;
  readonly #stop = new AbortController();
  #attachment: Attachment | undefined;
  #plan: ReplayPlan | undefined;
  #isRestored = false;
  #takesOver = false;
  /** The page hears nothing from the runner: a connection that says nothing may be gone, too. */
  #isCutOff = false;
  /** There was output since. */
  #hasHeard = false;
  /** The attachment itself has told that it lost its connection. */
  #isLost = false;
  /** The next output begins in the middle of something. */
  #begins = false;
  /** The beginning is not there: the program is asked to draw itself anew. */
  #wantsRedraw = false;
  #cursor = 0;
  /** Input goes one way, in its order. */
  #sending: Promise<void> = Promise.resolve();
  #held: (string | Uint8Array)[] = [];
  #sentAt = Number.NEGATIVE_INFINITY;
  #heardAt = Number.NEGATIVE_INFINITY;
  #wanted: { readonly columns: number; readonly rows: number } | undefined;
  #resizing: ReturnType<typeof setTimeout> | undefined;
  #refusing: ReturnType<typeof setTimeout> | undefined;
  #titling: ReturnType<typeof setTimeout> | undefined;
  #title = "";
  #fontSize: number;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#emulator = options.emulator;
    this.#fontSize = options.fontSize;
    const { terminal } = options.emulator;
    this.#queue = new WriteQueue({
      write: (bytes, done) => terminal.write(bytes, done),
      sliceBytes: SLICE_BYTES,
      maxBytes: MAX_UNWRITTEN_BYTES,
    });
    terminal.options.disableStdin = true;
    terminal.onData((data) => this.#send(data));
    terminal.onBinary((data) => this.#send(Uint8Array.from(data, (one) => one.charCodeAt(0))));
    terminal.onBell(() => {
      if (this.#isRestored && !this.state.get().hasBell) this.#set({ hasBell: true });
    });
    terminal.onTitleChange((title) => this.#titled(title));
    void this.#run();
  }

  /** Why keys would go nowhere now. */
  get refusal(): Refusal | undefined {
    const { phase, role, isConnected } = this.state.get();
    if (phase === "ended" || phase === "failed" || phase === "gone") return "ended";
    if (!isConnected) return "lost";
    return phase === "live" && role === "viewer" ? "viewer" : undefined;
  }

  /** Says that what was typed was not sent. */
  refuse(reason: Refusal): void {
    clearTimeout(this.#refusing);
    this.#set({ refused: reason });
    this.#refusing = setTimeout(() => this.#set({ refused: undefined }), REFUSAL_SHOWN_MS);
  }

  /** The bell and what may be lost have been seen. */
  seen(): void {
    const { hasBell, maybeLost } = this.state.get();
    if (hasBell || maybeLost) this.#set({ hasBell: false, maybeLost: false });
  }

  /** Becomes the writer, whoever is. */
  takeOver(): void {
    this.#attachAnew(true);
  }

  /** Whether the page hears from the runner. A connection that has lived through silence in silence is made anew. */
  set isCutOff(cutOff: boolean) {
    if (cutOff === this.#isCutOff) return;
    this.#isCutOff = cutOff;
    if (this.#attachment === undefined || this.state.get().phase === "ended" || this.#isLost) return;
    if (cutOff) {
      this.#hasHeard = false;
      this.#noteLoss(undefined);
    } else if (this.#hasHeard) this.#set({ isConnected: true });
    else this.#attachAnew(this.state.get().role === "writer");
  }

  /** Pixels. A viewer's letters are smaller where that shows more of the writer's terminal. */
  set fontSize(size: number) {
    this.#fontSize = size;
    if (this.state.get().role === "writer" || !this.#isRestored) {
      this.#emulator.fontSize = size;
    }
    this.fit();
  }

  /** The room has another size: the writer's terminal follows it, in the place a moment later. */
  fit(): void {
    const { phase, role } = this.state.get();
    if (phase !== "live") return;
    if (role === "viewer") {
      this.#sized();
      return;
    }
    const size = this.#emulator.fitting();
    if (size === undefined) return;
    this.#emulator.resize(size);
    this.#wanted = size;
    clearTimeout(this.#resizing);
    this.#resizing = setTimeout(() => this.#tellSize(), RESIZE_MS);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#attachment?.close();
    this.#queue[Symbol.dispose]();
    for (const timer of [this.#resizing, this.#refusing, this.#titling]) clearTimeout(timer);
    this.#emulator[Symbol.dispose]();
  }

  #set(change: Partial<SessionState>): void {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    this.state.set({ ...this.state.get(), ...change });
    const { refusal } = this;
    this.#emulator.terminal.options.disableStdin = refusal !== undefined && refusal !== "lost";
  }

  // --- output ---

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    try {
      const process = await this.#trying(() => this.#info());
      const plan = this.#planOf(process);
      this.#plan = plan;
      this.#cursor = plan.from;
      this.#begins = plan.from > 0;
      this.#wantsRedraw = plan.from > 0;
      this.#emulator.resize(plan.size);
      this.#set({ process, phase: "restoring" });
      let isRunning = true;
      while (isRunning && !signal.aborted) {
        const attachment = await this.#trying(() => this.#attach(process));
        this.#attachment = attachment;
        this.#set({ role: attachment.role, isConnected: true });
        if (this.#isRestored) {
          this.#sized();
          this.#sendHeld();
        } else if (plan.until <= this.#cursor) this.#restored();
        isRunning = await this.#follow(attachment);
      }
    } catch (error) {
      if (signal.aborted) return;
      const isGone = isBerthError(error, "process.unknown") || isBerthError(error, "process.reaped");
      this.#set({ phase: isGone ? "gone" : "failed", error });
    }
  }

  async #info(): Promise<Process> {
    const { client, processId } = this.#options;
    const params = { path: { id: processId } };
    return await client.get("/v1/processes/{id}", { params, signal: this.#stop.signal });
  }

  #planOf(process: Process): ReplayPlan {
    const { output_start: outputStart, output_end: outputEnd, tty, tty_sizes: ttySizes } = process;
    const plan = replayPlan({ outputStart, outputEnd, tty, ttySizes }, this.#emulator.size);
    return this.#options.isFresh ? { ...plan, from: 0, until: 0 } : plan;
  }

  /** Again while it may help: a runner that is being restarted. */
  async #trying<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const value = await attempt();
        if (!this.state.get().isConnected) this.#set({ isConnected: true });
        return value;
      } catch (error) {
        const mayPass = isBerthError(error) && error.retryable && error.code !== "attach.writer_taken";
        if (this.#stop.signal.aborted || !mayPass) throw error;
        this.#set({ isConnected: false });
        await pause(RETRY_MS, undefined);
      }
    }
  }

  async #attach({ state }: Process): Promise<Attachment> {
    const { client, processId, mayWrite, wasWriter } = this.#options;
    const takeover = this.#takesOver;
    this.#takesOver = false;
    const options = {
      from: this.#cursor,
      signal: this.#stop.signal,
      onConnection: (now: "lost" | "restored", reason?: BerthError) => this.#connection(now, reason),
    };
    if (state !== "running" || !mayWrite) return await client.attach(processId, options);
    const since = performance.now();
    for (;;) {
      try {
        return await client.attach(processId, { ...options, role: "writer", takeover });
      } catch (error) {
        if (!isBerthError(error, "attach.writer_taken")) throw error;
        if (!wasWriter || this.#isRestored || performance.now() - since > OWN_PLACE_MS) break;
        await pause(OWN_PLACE_RETRY_MS, undefined);
      }
    }
    return await client.attach(processId, options);
  }

  /** False: it has ended. True: it was left to be attached to anew. */
  async #follow(attachment: Attachment): Promise<boolean> {
    for await (const chunk of attachment) {
      if (this.#stop.signal.aborted) return false;
      this.#heard();
      switch (chunk.type) {
        case "data":
          await this.#output(chunk.data, chunk.cursor - chunk.data.length);
          break;
        case "gap":
          this.#gap(chunk);
          break;
        case "taken_over":
          this.#set({ role: "viewer" });
          break;
        case "resized":
          this.#sized();
          break;
        case "error":
          if (isBerthError(chunk.error, "attach.viewer")) this.refuse("viewer");
          break;
        case "exit":
          await this.#ended(chunk.exit);
          return false;
      }
    }
    return !this.#stop.signal.aborted;
  }

  async #output(data: Uint8Array, from: number): Promise<void> {
    const bytes = this.#begins ? fromBeginning(data) : data;
    this.#begins = false;
    const cursor = from + data.length - bytes.length;
    const plan = this.#plan;
    if (this.#isRestored || plan === undefined) await this.#queue.push(bytes);
    else {
      const before = bytes.subarray(0, Math.max(0, plan.until - cursor));
      for (const step of replaySteps(before, cursor, plan.sizes)) {
        if ("columns" in step) {
          await this.#queue.drained();
          this.#emulator.resize(step);
        } else await this.#queue.push(step);
      }
      if (cursor + bytes.length >= plan.until) {
        await this.#queue.drained();
        this.#restored();
        await this.#queue.push(bytes.subarray(before.length));
      }
    }
    this.#cursor = from + data.length;
  }

  #gap({ from, to }: { readonly from: number; readonly to: number }): void {
    this.#cursor = to;
    this.#begins = true;
    this.#wantsRedraw = true;
    this.#set({ missingBytes: this.state.get().missingBytes + to - from });
    if (!this.#isRestored && to >= (this.#plan?.until ?? 0)) this.#restored();
    else if (this.#isRestored) this.#tellSize();
  }

  /** What was is there: from now on it is as anybody's terminal. */
  #restored(): void {
    if (this.#stop.signal.aborted) return;
    this.#isRestored = true;
    this.#set({ phase: "live" });
    this.#sized();
    this.#sendHeld();
  }

  async #ended(exit: {
    readonly exitCode: number | null;
    readonly signal: string | null;
    readonly timedOut: boolean;
    readonly durationMs: number;
  }): Promise<void> {
    await this.#queue.drained();
    this.#isRestored = true;
    this.#set({
      phase: "ended",
      refused: undefined,
      exit: {
        exit_code: exit.exitCode,
        signal: exit.signal,
        timed_out: exit.timedOut,
        duration_ms: exit.durationMs,
        waiting: null,
      },
    });
  }

  #connection(now: "lost" | "restored", reason: BerthError | undefined): void {
    this.#isLost = now === "lost";
    if (now === "lost") this.#noteLoss(reason);
    else {
      this.#set({ isConnected: true, role: this.#attachment?.role ?? "viewer", error: undefined });
      this.#hasHeard = true;
      this.#sized();
    }
  }

  #noteLoss(error: BerthError | undefined): void {
    const maybeLost = this.#sentAt > this.#heardAt || performance.now() - this.#sentAt < IN_FLIGHT_MS;
    this.#set({ isConnected: false, maybeLost, error });
  }

  #heard(): void {
    this.#heardAt = performance.now();
    if (this.#hasHeard) return;
    this.#hasHeard = true;
    if (this.#isCutOff) this.#set({ isConnected: true });
  }

  /** What is typed meanwhile is sent behind it. */
  #attachAnew(takesOver: boolean): void {
    this.#takesOver = takesOver;
    this.#attachment?.close();
    this.#attachment = undefined;
  }

  // --- size ---

  /** The writer's terminal has the size of its room; a viewer's that of the writer. */
  #sized(): void {
    if (!this.#isRestored) return;
    const tty = this.#attachment?.tty ?? null;
    if (this.state.get().role === "viewer") {
      if (tty !== null) this.#emulator.show(tty, this.#fontSize);
      return;
    }
    this.#emulator.fontSize = this.#fontSize;
    const size = this.#emulator.fitting();
    if (size === undefined) return;
    this.#emulator.resize(size);
    this.#wanted = size;
    this.#tellSize();
  }

  #tellSize(): void {
    const attachment = this.#attachment;
    const size = this.#wanted;
    const { role, phase, isConnected } = this.state.get();
    // Behind a lost connection the size is told when it is back.
    if (attachment === undefined || size === undefined || role !== "writer") return;
    if (phase !== "live" || !isConnected || attachment.role !== "writer") return;
    if (this.#wantsRedraw) attachment.resize({ ...size, rows: size.rows > 1 ? size.rows - 1 : 2 });
    this.#wantsRedraw = false;
    attachment.resize(size);
  }

  // --- input ---

  #send(data: string | Uint8Array): void {
    const attachment = this.#attachment;
    const { refusal } = this;
    if (refusal !== undefined) {
      if (refusal === "lost") this.refuse("lost");
      return;
    }
    if (this.state.get().phase !== "live" || attachment === undefined) {
      this.#hold(data);
      return;
    }
    this.#sentAt = performance.now();
    this.#sending = this.#sending
      .then(() => attachment.write(data))
      .catch((error: unknown) => this.refuse(isBerthError(error, "attach.viewer") ? "viewer" : "ended"));
  }

  /**
   * What is typed while the screen is being restored is sent when it is there. What the emulator answers to output of
   * before is not: nobody waits for it any more, and the program of now would take it for keys.
   */
  #hold(data: string | Uint8Array): void {
    if (!isTypedNow()) return;
    const held = this.#held.reduce((sum, { length }) => sum + length, data.length);
    if (held > MOST_HELD) this.refuse("opening");
    else this.#held.push(data);
  }

  #sendHeld(): void {
    const held = this.#held;
    this.#held = [];
    if (held.length > 0 && this.refusal !== undefined) this.refuse(this.refusal);
    else for (const data of held) this.#send(data);
  }

  /** A program may change its title with every line. */
  #titled(title: string): void {
    this.#title = visible(title.slice(0, MOST_TITLE));
    this.#titling ??= setTimeout(() => {
      this.#titling = undefined;
      this.#set({ title: this.#title });
    }, TITLE_MS);
  }
}
