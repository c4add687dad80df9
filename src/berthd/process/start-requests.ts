import { berthError } from "../../contract/errors.ts";

/** Failed starts that a retry still gets its error of; retries come within seconds. */
const MAX_FAILED = 500;
/** Requests whose process was removed; a retry of one is refused instead of run again. */
const MAX_REMOVED = 10_000;
/** Requests that found the same live process by its name. */
const MAX_SHARED = 1_000;

/**
 * Which request started what, so that a command never runs twice: a request that is repeated gets the same process
 * or the same error, also when its connection was lost in between and its process is long over.
 */
export class StartRequests<T extends { readonly process: { readonly id: string } }> {
  readonly #starts = new Map<string, Promise<T>>();
  readonly #ids = new Map<T, string[]>();
  readonly #failed = new Set<string>();
  readonly #removed = new Map<string, string>();

  /** What the request got before, else what `start` gives it now. @throws process.reaped, what `start` throws */
  async once(requestId: string, start: () => Promise<T>): Promise<T> {
    const known = this.#starts.get(requestId);
    if (known !== undefined) return known;
    const removed = this.#removed.get(requestId);
    if (removed !== undefined) {
      throw berthError("process.reaped", { hop: "berthd", context: { id: removed } });
    }
    const starting = start();
    this.#starts.set(requestId, starting);
    try {
      const started = await starting;
      this.#belongs(requestId, started);
      return started;
    } catch (cause) {
      this.#failed.add(requestId);
      const [oldest] = this.#failed;
      if (this.#failed.size > MAX_FAILED && oldest !== undefined) {
        this.#failed.delete(oldest);
        this.#starts.delete(oldest);
      }
      throw cause;
    }
  }

  #belongs(requestId: string, started: T): void {
    const ids = this.#ids.get(started) ?? [];
    this.#ids.set(started, ids);
    ids.push(requestId);
    if (ids.length > MAX_SHARED) this.#remove(ids.shift() ?? "", started.process.id);
  }

  /** The process was removed. */
  forget(started: T): void {
    for (const requestId of this.#ids.get(started) ?? []) this.#remove(requestId, started.process.id);
    this.#ids.delete(started);
  }

  #remove(requestId: string, processId: string): void {
    this.#starts.delete(requestId);
    this.#removed.set(requestId, processId);
    const [oldest] = this.#removed.keys();
    if (this.#removed.size > MAX_REMOVED && oldest !== undefined) this.#removed.delete(oldest);
  }
}
