import type { BerthError } from "../../contract/errors.ts";

/** How late the end of what let a connection in reaches it, when another program has ended it. */
const SWEEP_EVERY_MS = 1_000;

/** A connection that ends with what let it in. */
interface Held {
  readonly id: string;
  readonly end: (error: BerthError) => void;
}

export interface HoldsOptions {
  /** Which of these are valid still. What it throws is a store that is away: it is asked again a second later. */
  readonly valid: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
  /** What a connection is told that ends. */
  readonly over: () => BerthError;
}

/** Open connections by the id of what let them in, a token or a session: they end with it, within a second. */
export class Holds implements Disposable {
  readonly #options: HoldsOptions;
  readonly #held = new Set<Held>();
  #sweeping: NodeJS.Timeout | undefined;

  constructor(options: HoldsOptions) {
    this.#options = options;
  }

  /** `end` is called when what has this id is over before this is disposed. */
  hold(id: string, end: (error: BerthError) => void): Disposable {
    const held = { id, end };
    this.#held.add(held);
    this.#sweeping ??= setInterval(() => void this.#sweep(), SWEEP_EVERY_MS).unref();
    return {
      [Symbol.dispose]: () => {
        this.#held.delete(held);
        this.#rest();
      },
    };
  }

  /** Ends what has this id at once. */
  end(id: string): void {
    const error = this.#options.over();
    for (const held of [...this.#held]) {
      if (held.id !== id) continue;
      this.#held.delete(held);
      held.end(error);
    }
    this.#rest();
  }

  [Symbol.dispose](): void {
    this.#held.clear();
    this.#rest();
  }

  #rest(): void {
    if (this.#held.size > 0) return;
    clearInterval(this.#sweeping);
    this.#sweeping = undefined;
  }

  async #sweep(): Promise<void> {
    const ids = [...new Set([...this.#held].map(({ id }) => id))];
    try {
      const valid = await this.#options.valid(ids);
      for (const id of ids) if (!valid.has(id)) this.end(id);
    } catch {
      // A store that is busy or away: looked at again in a second.
    }
  }
}
