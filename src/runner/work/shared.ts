import { unlessAborted } from "../../transports/abort.ts";

interface UnderWay<T> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  waiters: number;
}

/** One piece of work for all who want its result now; given up when the last of them has gone. */
export class Shared<T> {
  #underWay: UnderWay<T> | undefined;

  /** Somebody waits. */
  get isBusy(): boolean {
    return this.#underWay !== undefined;
  }

  /**
   * The result of the work that is under way, or of this one, which is begun.
   * @throws what the work throws; operation.aborted as soon as the caller's signal is
   */
  async join(begin: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const joined = this.#underWay ?? this.#begin(begin);
    joined.waiters += 1;
    try {
      return await unlessAborted(joined.promise, signal);
    } finally {
      joined.waiters -= 1;
      if (joined.waiters === 0 && this.#underWay === joined) {
        this.#underWay = undefined;
        joined.controller.abort();
      }
    }
  }

  #begin(begin: (signal: AbortSignal) => Promise<T>): UnderWay<T> {
    const controller = new AbortController();
    const promise = begin(controller.signal).finally(() => {
      if (this.#underWay === mine) this.#underWay = undefined;
    });
    // Those who wait hear of it, if there are any left.
    promise.catch(() => undefined);
    const mine: UnderWay<T> = { promise, controller, waiters: 0 };
    this.#underWay = mine;
    return mine;
  }
}
