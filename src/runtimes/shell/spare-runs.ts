import type { RawProcess } from "../../transports/transport.ts";

/** Starts of a place before there are spares: who runs one command and goes needs none. */
const STARTS_BEFORE = 3;
/** A spare that nobody took for so long is given back: it is a process, and over SSH a session. */
const IDLE_MS = 30_000;

export interface SpareRunsOptions {
  /** Kept ready at once. */
  readonly limit: number;
  /** Starts a shell that waits for its script. */
  readonly open: (signal: AbortSignal) => Promise<RawProcess>;
  /** Whether the place is so idle that a spare is in nobody's way. */
  readonly wanted: () => boolean;
}

interface Spare {
  readonly raw: Promise<RawProcess>;
  readonly cancel: AbortController;
}

/**
 * Shells of the place that wait for their script. To start one over SSH costs two round trips and the time of the
 * login shell's start-up files; with a spare the script goes out at once, and the next spare is started behind it.
 */
export class SpareRuns {
  readonly #options: SpareRunsOptions;
  readonly #spares: Spare[] = [];
  #idle: NodeJS.Timeout | undefined;
  #starts = 0;
  #closed = false;

  constructor(options: SpareRunsOptions) {
    this.#options = options;
  }

  /** The one that was started first, perhaps still on its way; undefined when there is none. */
  take(): Promise<RawProcess> | undefined {
    const spare = this.#spares.shift();
    return spare?.raw;
  }

  /** So many starts come for certain: all of them begin now. */
  prepare(count: number): void {
    if (this.#options.limit === 0 || this.#closed) return;
    while (this.#spares.length < count) this.#add();
  }

  /** Something was started: starts what is missing for the next ones. */
  refill(): void {
    const { limit, wanted } = this.#options;
    if (++this.#starts < STARTS_BEFORE) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.drop(), IDLE_MS).unref();
    while (!this.#closed && this.#spares.length < limit && wanted()) this.#add();
  }

  /** Gives all of them back. */
  drop(): void {
    clearTimeout(this.#idle);
    for (const spare of this.#spares.splice(0)) {
      spare.cancel.abort();
      spare.raw.then(
        (raw) => raw.close(),
        () => undefined,
      );
    }
  }

  close(): void {
    this.#closed = true;
    this.drop();
  }

  #add(): void {
    const cancel = new AbortController();
    const spare: Spare = { raw: this.#options.open(cancel.signal), cancel };
    this.#spares.push(spare);
    const remove = () => {
      const index = this.#spares.indexOf(spare);
      if (index !== -1) this.#spares.splice(index, 1);
    };
    spare.raw.then((raw) => {
      raw.stdin.on("error", () => {});
      raw.exit.then(remove, remove);
      // One that cannot be had is no failure of anybody's: the next start says what is wrong.
    }, remove);
  }
}
