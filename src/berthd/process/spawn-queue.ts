/**
 * At most one start a turn of the loop: 500 at once would stall every other request for a second. The first of
 * an idle queue starts at once.
 */
export class SpawnQueue {
  readonly #waiting: (() => void)[] = [];
  #scheduled = false;

  run(start: () => void): void {
    if (this.#scheduled) {
      this.#waiting.push(start);
      return;
    }
    this.#schedule();
    start();
  }

  #schedule(): void {
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#schedule();
      next();
    });
  }
}
