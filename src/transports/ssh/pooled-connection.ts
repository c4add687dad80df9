import type { Clock } from "./clock.ts";
import type { SshConnection } from "./connection.ts";

/** Sessions that are asked for at once while nobody knows how many the server opens: its default is ten. */
const MAX_OPENING = 10;
/**
 * After this a limit that was learnt is tried again, one session at a time; twice as long each time that it is found
 * again. It may be too low: sessions that have ended here still count there until what ran in them has ended.
 */
const LIMIT_LASTS_MS = 1_000;
const MAX_LIMIT_LASTS_MS = 60_000;
/** Pause when a session is refused although none is open: what ran in the last one may still be ending there. */
const REFUSED_PAUSE_MS = 100;
const MAX_REFUSED_PAUSE_MS = 1_600;
/** A connection that nobody has used for so long is closed. */
const IDLE_CLOSE_MS = 60_000;

/**
 * One connection of the pool: what is open on it, and how many sessions its server opens. That is not known until a
 * session is refused while n are open; then it is n, until it is found to be more.
 */
export class PooledConnection {
  readonly connection: SshConnection;
  /** Why it is one of that transport. */
  readonly reason: string;
  /** Beyond the limit of connections, for what ends others: nothing else gets room on it. */
  reserved: boolean;
  readonly madeAt: number;
  readonly #clock: Clock;
  #open = 0;
  #opening = 0;
  #streams = 0;
  #limit: { sessions: number; until: number; lastsMs: number } | undefined;
  #hadSessions = false;
  #refusedInRow = 0;
  #pausedUntil = 0;
  #cancelIdle: (() => void) | undefined;

  constructor(connection: SshConnection, reason: string, clock: Clock, reserved = false) {
    this.connection = connection;
    this.reason = reason;
    this.reserved = reserved;
    this.#clock = clock;
    this.madeAt = clock.now();
    this.#used();
  }

  get hadSessions(): boolean {
    return this.#hadSessions;
  }

  get sessions(): number {
    return this.#open + this.#opening;
  }

  /** A further session can be asked for. */
  get hasRoom(): boolean {
    const now = this.#clock.now();
    if (this.connection.closed || now < this.#pausedUntil) return false;
    if (this.#limit === undefined) return this.#opening < MAX_OPENING;
    if (this.sessions < this.#limit.sessions) return true;
    return now >= this.#limit.until && this.#opening === 0;
  }

  /** No further session can be asked for until one ends. */
  get full(): boolean {
    if (this.connection.closed) return true;
    // Sessions that ended here go on there as long as what ran in them does not end.
    if (this.#hadSessions && this.#clock.now() < this.#pausedUntil) return true;
    return this.#limit !== undefined && this.#open >= this.#limit.sessions;
  }

  /** Milliseconds after which there may be room although nothing has ended; infinite when not. */
  get nextChangeMs(): number {
    const now = this.#clock.now();
    const times = [this.#pausedUntil, this.#limit?.until ?? 0].filter((time) => time > now);
    return times.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...times) - now;
  }

  opening(): void {
    this.#opening++;
    this.#used();
  }

  accepted(): void {
    this.#opening--;
    this.#open++;
    this.#hadSessions = true;
    this.#refusedInRow = 0;
    if (this.#limit !== undefined && this.#open > this.#limit.sessions) this.#limit.sessions = this.#open;
  }

  /** How often in a row that was so although nothing else was open or being opened. */
  refused(): number {
    this.#opening--;
    const now = this.#clock.now();
    const alone = this.sessions === 0;
    if (alone) {
      this.#pausedUntil = now + Math.min(MAX_REFUSED_PAUSE_MS, REFUSED_PAUSE_MS * 2 ** this.#refusedInRow++);
    }
    this.#learn(Math.max(1, this.#open), now);
    this.#used();
    return alone ? this.#refusedInRow : 0;
  }

  #learn(sessions: number, now: number): void {
    const before = this.#limit;
    // Of several that were asked for together the first refusal teaches how long it lasts.
    const again = before !== undefined && sessions >= before.sessions;
    const lastsMs = !again
      ? LIMIT_LASTS_MS
      : now < before.until
        ? before.lastsMs
        : Math.min(MAX_LIMIT_LASTS_MS, before.lastsMs * 2);
    this.#limit = { sessions, until: now + lastsMs, lastsMs };
  }

  abandoned(): void {
    this.#opening--;
    this.#used();
  }

  left(): void {
    this.#open--;
    this.#used();
  }

  /** A stream that is no session. The function that is returned gives it back. */
  hold(): () => void {
    this.#streams++;
    this.#used();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#streams--;
      this.#used();
    };
  }

  /** No timer is left. */
  forget(): void {
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
  }

  /** While nothing is open it does not keep the process alive, and is closed after a while. */
  #used(): void {
    this.forget();
    if (this.connection.closed) return;
    if (this.sessions + this.#streams > 0) {
      this.connection.ref?.();
      return;
    }
    this.connection.unref?.();
    this.#cancelIdle = this.#clock.after(IDLE_CLOSE_MS, () => void this.connection.close(), {
      background: true,
    });
  }
}
