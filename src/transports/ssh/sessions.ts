import type { BerthError } from "../../contract/errors.ts";
import { abortedError } from "../abort.ts";
import type { Clock } from "./clock.ts";
import type { PooledConnection } from "./pooled-connection.ts";

export interface EnterOptions {
  /** Lower ones go first. A session that was refused comes again with the turn that it had. */
  readonly turn: number;
  /** It ends others: goes before those that don't. */
  readonly urgent: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Room for one session on a connection. */
export interface Room {
  readonly pooled: PooledConnection;
  /** The server has opened it. */
  accepted(): void;
  /** The server has refused it: how often in a row while nothing else was open, so that waiting for others does not help. */
  refused(): number;
  /** It has ended, or could not be opened for another reason. */
  leave(): void;
}

interface Waiting extends EnterOptions {
  readonly give: (room: Room | undefined) => void;
  readonly fail: (error: BerthError) => void;
}

export interface SessionsOptions {
  readonly clock: Clock;
  /** Asks for a further connection: all that there are have as many sessions as they may. */
  readonly grow: (urgent: boolean) => void;
}

/**
 * Who gets a session on which connection of a host. How many a connection may have is not asked for in SSH: it is
 * learnt from refusals (see PooledConnection). Who finds no room waits in order, what ends others before the rest.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #connections = new Set<PooledConnection>();
  readonly #queue: Waiting[] = [];
  #lookAgain: (() => void) | undefined;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get queued(): number {
    return this.#queue.length;
  }

  add(pooled: PooledConnection): void {
    this.#connections.add(pooled);
    this.give();
  }

  /** Without a connection nobody waits on: each is told, and sees to a new one. */
  remove(pooled: PooledConnection): void {
    this.#connections.delete(pooled);
    if (this.#connections.size > 0) this.give();
    else {
      for (const waiting of this.#queue.splice(0)) waiting.give(undefined);
      this.#cancelLook();
    }
  }

  /**
   * Waits for room; undefined when there is no connection (any more).
   * @throws operation.aborted, what `fail` is given
   */
  enter(options: EnterOptions): Promise<Room | undefined> {
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted) {
        reject(abortedError(options.signal));
        return;
      }
      if (this.#connections.size === 0) {
        resolve(undefined);
        return;
      }
      const onAbort = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        waiting.fail(abortedError(options.signal));
        if (this.#queue.length === 0) this.#cancelLook();
      };
      const waiting: Waiting = {
        ...options,
        give: (room) => {
          options.signal?.removeEventListener("abort", onAbort);
          resolve(room);
        },
        fail: (error) => {
          options.signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      };
      options.signal?.addEventListener("abort", onAbort, { once: true });
      this.#insert(waiting);
      this.give();
    });
  }

  /** Nobody waits on. */
  fail(error: BerthError): void {
    for (const waiting of this.#queue.splice(0)) waiting.fail(error);
    this.#cancelLook();
  }

  /** Gives the room that there is to those who wait. */
  give(): void {
    this.#cancelLook();
    for (;;) {
      const first = this.#queue[0];
      if (first === undefined) return;
      const pooled = this.#roomiest(first.urgent);
      if (pooled === undefined) break;
      this.#queue.shift();
      first.give(this.#room(pooled));
    }
    const urgent = this.#queue[0]?.urgent === true;
    const all = [...this.#connections].filter((pooled) => urgent || !pooled.reserved);
    if (all.every((pooled) => pooled.full)) this.#options.grow(urgent);
    const soonest = Math.min(...all.map((pooled) => pooled.nextChangeMs));
    if (Number.isFinite(soonest)) {
      // It keeps the process alive: where nothing is open, nothing else does, and somebody waits.
      this.#lookAgain = this.#options.clock.after(soonest, () => this.give());
    }
  }

  #cancelLook(): void {
    this.#lookAgain?.();
    this.#lookAgain = undefined;
  }

  #insert(waiting: Waiting): void {
    const at = this.#queue.findIndex((other) =>
      other.urgent === waiting.urgent ? other.turn > waiting.turn : waiting.urgent,
    );
    this.#queue.splice(at === -1 ? this.#queue.length : at, 0, waiting);
  }

  #roomiest(urgent: boolean): PooledConnection | undefined {
    let best: PooledConnection | undefined;
    for (const pooled of this.#connections) {
      if (pooled.reserved && !urgent) continue;
      if (pooled.hasRoom && (best === undefined || pooled.sessions < best.sessions)) best = pooled;
    }
    return best;
  }

  #room(pooled: PooledConnection): Room {
    let state: "opening" | "open" | "left" = "opening";
    pooled.opening();
    return {
      pooled,
      accepted: () => {
        if (state !== "opening") return;
        state = "open";
        pooled.accepted();
        this.give();
      },
      refused: () => {
        if (state !== "opening") return 0;
        state = "left";
        const inRow = pooled.refused();
        this.give();
        return inRow;
      },
      leave: () => {
        if (state === "left") return;
        if (state === "opening") pooled.abandoned();
        else pooled.left();
        state = "left";
        this.give();
      },
    };
  }
}
