import { Worker } from "node:worker_threads";
import { type BerthError, berthError, toBerthError } from "../../contract/errors.ts";
import type { SearchResult } from "../../contract/text.ts";
import type { TreeSearch } from "../../files/search/tree.ts";
import { decodeError } from "../../wire/error-codec.ts";

/** Threads that search at once; further searches wait for one. */
const MAX_THREADS = 4;
/** A thread without work is let go after this long: it holds 5 MiB. */
const IDLE_MS = 10_000;
/** How often a search is looked at for a file system that does not answer. */
const LOOK_MS = 250;
/** Searches that hang in a call of the file system before further ones are refused. */
const MAX_HUNG = 4;
/** Heap of a thread (MiB); a search that needs more fails alone. */
const HEAP_MIB = 256;

/** Of the memory that a search shares with the thread of its requests. */
export const CALLS = 0;
export const IN_CALL = 1;

export interface WorkerRequest {
  readonly search: TreeSearch;
  readonly shared: SharedArrayBuffer;
}

export type WorkerAnswer =
  | { readonly result: Omit<SearchResult, "engine"> }
  | { readonly error: ReturnType<BerthError["toJSON"]> };

interface Thread {
  readonly worker: Worker;
  idle: NodeJS.Timeout | undefined;
}

/**
 * Berth's own searches, each on a thread beside the one that serves requests: none of them holds that up, and one that
 * does not end is ended with its thread.
 */
export class SearchWorkers {
  readonly #script: string | URL;
  readonly #free: Thread[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #all = new Set<Worker>();
  #hung = 0;

  /** @param script what runs as `runSearchWorker` on a thread */
  constructor(script: string | URL) {
    this.#script = script;
  }

  /**
   * @param timeoutMs a call of the file system that takes longer ends the search
   * @throws search.pattern_invalid, fs.timeout, the reason of `signal`
   */
  async run(
    search: TreeSearch,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Omit<SearchResult, "engine">> {
    if (this.#hung >= MAX_HUNG) throw hungError(search, 0);
    const thread = await this.#take(signal);
    let reusable = false;
    try {
      const answer = await this.#ask(thread.worker, search, timeoutMs, signal);
      reusable = true;
      if ("error" in answer) throw decodeError(answer.error);
      return answer.result;
    } finally {
      if (reusable) this.#giveBack(thread);
      else this.#end(thread.worker);
    }
  }

  async close(): Promise<void> {
    for (const { idle } of this.#free) clearTimeout(idle);
    // One that hangs in a call ends when the call does.
    if (this.#hung === 0) await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  async #take(signal: AbortSignal): Promise<Thread> {
    for (;;) {
      signal.throwIfAborted();
      const free = this.#free.pop();
      if (free !== undefined) {
        clearTimeout(free.idle);
        return { worker: free.worker, idle: undefined };
      }
      if (this.#all.size - this.#hung < MAX_THREADS) return { worker: this.#start(), idle: undefined };
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener("abort", wake);
          const place = this.#waiting.indexOf(wake);
          if (place >= 0) this.#waiting.splice(place, 1);
          resolve();
        };
        this.#waiting.push(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    }
  }

  #start(): Worker {
    const worker = new Worker(this.#script, {
      argv: ["search-worker"],
      env: {},
      stdin: false,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, maxYoungGenerationSizeMb: 8 },
    });
    worker.unref();
    this.#all.add(worker);
    worker.once("exit", () => {
      this.#all.delete(worker);
      const place = this.#free.findIndex((thread) => thread.worker === worker);
      if (place >= 0) this.#free.splice(place, 1);
      this.#waiting[0]?.();
    });
    // Whoever waits for it hears of it; an idle one has nothing to say.
    worker.on("error", () => {});
    return worker;
  }

  #giveBack(thread: Thread): void {
    thread.idle = setTimeout(() => this.#end(thread.worker), IDLE_MS);
    thread.idle.unref();
    this.#free.push(thread);
    this.#waiting[0]?.();
  }

  #end(worker: Worker): void {
    void worker.terminate();
  }

  #ask(worker: Worker, search: TreeSearch, timeoutMs: number, signal: AbortSignal): Promise<WorkerAnswer> {
    const shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    const state = new Int32Array(shared);
    return new Promise((resolve, reject) => {
      let calls = -1;
      let sinceMs = 0;
      const look = setInterval(() => {
        const now = Atomics.load(state, CALLS);
        if (Atomics.load(state, IN_CALL) === 0 || now !== calls) {
          calls = now;
          sinceMs = performance.now();
        } else if (performance.now() - sinceMs >= timeoutMs) {
          this.#hung += 1;
          worker.once("exit", () => {
            this.#hung -= 1;
          });
          fail(hungError(search, timeoutMs));
        }
      }, LOOK_MS);
      const done = () => {
        clearInterval(look);
        signal.removeEventListener("abort", onAbort);
        worker.off("message", onMessage).off("error", fail).off("exit", onExit);
      };
      const fail = (error: unknown) => {
        done();
        reject(toBerthError(error, "berthd"));
      };
      const onMessage = (answer: WorkerAnswer) => {
        done();
        resolve(answer);
      };
      const onAbort = () => fail(signal.reason);
      const onExit = () => fail(berthError("internal", { hop: "berthd", message: "the search ended" }));
      worker.on("message", onMessage).on("error", fail).on("exit", onExit);
      signal.addEventListener("abort", onAbort, { once: true });
      worker.postMessage({ search, shared } satisfies WorkerRequest);
    });
  }
}

function hungError(search: TreeSearch, timeoutMs: number): BerthError {
  const path = search.roots[0]?.path ?? "/";
  return berthError("fs.timeout", { hop: "berthd", context: { path, timeoutMs } });
}
