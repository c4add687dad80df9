import { berthError, isBerthError } from "../../contract/errors.ts";

/** A client that lost its connection asks again within a minute (runtimes/daemon/text-change.ts). */
const KEPT_MS = 5 * 60_000;
/** Requests that are still known to have been made, when there were too many to keep their answers. */
const MAX_DROPPED = 10_000;
/** Answers that are kept at most, and their bytes. */
const MAX_KEPT = 1_000;
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

interface Entry<T> {
  readonly at: number;
  readonly outcome: Promise<T>;
  bytes: number;
}

/**
 * Answers of changes by their requests, so that no change is made twice: a request that is repeated, because its answer was
 * lost with the connection, gets the answer of the first one.
 */
export class ChangeRequests<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #sizeOf: (outcome: T) => number;
  readonly #dropped = new Set<string>();
  #bytes = 0;

  constructor(sizeOf: (outcome: T) => number) {
    this.#sizeOf = sizeOf;
  }

  /**
   * What the request got before, else what `make` gives it now. A change that was broken off is made anew.
   * @throws edit.outcome_unknown, what `make` throws
   */
  async once(requestId: string, make: () => Promise<T>): Promise<T> {
    if (this.#dropped.has(requestId)) throw berthError("edit.outcome_unknown", { hop: "berthd" });
    const known = this.#entries.get(requestId);
    if (known !== undefined) {
      try {
        return await known.outcome;
      } catch (error) {
        if (!isBerthError(error, "operation.aborted")) throw error;
      }
      // Several may have waited for it.
      const other = this.#entries.get(requestId);
      if (other !== undefined && other !== known) return await other.outcome;
    }
    const outcome = make();
    const entry: Entry<T> = { at: performance.now(), outcome, bytes: 0 };
    this.#entries.set(requestId, entry);
    try {
      const made = await outcome;
      entry.bytes = this.#sizeOf(made);
      this.#bytes += entry.bytes;
      return made;
    } catch (error) {
      if (isBerthError(error, "operation.aborted") && this.#entries.get(requestId) === entry) {
        this.#entries.delete(requestId);
      }
      throw error;
    } finally {
      this.#trim();
    }
  }

  /** The oldest ones go first; those of the last minutes only when there are too many. */
  #trim(): void {
    const old = performance.now() - KEPT_MS;
    for (const [requestId, { at, bytes }] of this.#entries) {
      const tooMany = this.#entries.size > MAX_KEPT || this.#bytes > MAX_KEPT_BYTES;
      if (at >= old && !tooMany) break;
      this.#entries.delete(requestId);
      this.#bytes -= bytes;
      if (at >= old) this.#dropped.add(requestId);
    }
    for (const requestId of this.#dropped) {
      if (this.#dropped.size <= MAX_DROPPED) return;
      this.#dropped.delete(requestId);
    }
  }
}
