/** Between two questions: whatever happens how often, it is asked about once a second, */
const REST_MS = 800;
/** and who takes long to answer is busy with it a fifth of the time at most, */
const REST_FOR_ANSWER = 4;
/** but not never again. */
const MOST_REST_MS = 10_000;

/**
 * A question that is asked again when its answer may be another one: soon, one at a time, and with rests between, so that a
 * place in which something happens all the time does not keep the runner busy with answering.
 */
export class Asking implements Disposable {
  readonly #ask: () => Promise<void>;
  readonly #gatherMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAsking = false;
  #isOld = false;
  #isOver = false;
  #freeAt = Number.NEGATIVE_INFINITY;

  /**
   * @param ask does not throw
   * @param gatherMs what comes in a burst is asked for once, so long behind its first
   */
  constructor(ask: () => Promise<void>, gatherMs: number) {
    this.#ask = ask;
    this.#gatherMs = gatherMs;
  }

  /** Something may be different. */
  soon(): void {
    if (this.#isOver) return;
    if (this.#isAsking) this.#isOld = true;
    else
      this.#timer ??= setTimeout(
        () => void this.now(),
        Math.max(this.#gatherMs, this.#freeAt - performance.now()),
      );
  }

  /** Asks at once; behind the question that is under way. */
  async now(): Promise<void> {
    if (this.#isOver) return;
    if (this.#isAsking) {
      this.#isOld = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isAsking = true;
    this.#isOld = false;
    const since = performance.now();
    await this.#ask();
    const now = performance.now();
    this.#freeAt = now + Math.min(Math.max(REST_MS, REST_FOR_ANSWER * (now - since)), MOST_REST_MS);
    this.#isAsking = false;
    if (this.#isOld) this.soon();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
