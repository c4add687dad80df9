import type { BerthError } from "../../contract/errors.ts";
import type { Clock } from "./clock.ts";

/** Waits behind failed attempts in a row, in seconds; the last one is kept. */
const BACKOFF_S = [1, 2, 4, 7, 10] as const;
/** ± share of each wait, so that the clients of a host that comes back don't come all at once. */
const JITTER = 0.2;
/** A connection that did not last this long counts as one more failed attempt. */
const STABLE_AFTER_MS = 5_000;
/** What was well so long ago is taken to be well. */
const HEALTHY_FOR_MS = 15_000;
const MINUTE_MS = 60_000;

/** What the pool knows of a host. Times are milliseconds since 1970. */
export interface SshHealth {
  /** "dev@box:2222" */
  readonly name: string;
  readonly key: string;
  /** "healthy": connected, or 15 s ago at most; "unhealthy": the last attempt failed; "unknown": neither. */
  readonly state: "healthy" | "unhealthy" | "unknown";
  /** Of the last connection. */
  readonly transport: "openssh" | "ssh2" | undefined;
  /** Why that transport. */
  readonly reason: string | undefined;
  /** A connection was made, or a session or stream opened. */
  readonly lastSuccess: number | undefined;
  /** An attempt failed or a connection was lost. */
  readonly lastFailure: number | undefined;
  readonly lastError: { readonly code: string; readonly message: string } | undefined;
  readonly consecutiveFailures: number;
  /** No attempt is made before. */
  readonly backoffUntil: number | undefined;
  /** Further connections to the same host count. */
  readonly attemptsLastMinute: number;
  readonly connections: number;
  readonly sessions: number;
  /** Commands that wait for a session. */
  readonly queued: number;
}

export type HealthRecord = Omit<
  SshHealth,
  "name" | "key" | "transport" | "reason" | "connections" | "sessions" | "queued"
>;

/** How attempts to reach one host went, and when the next may be made. */
export class HostHealth {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #attempts: number[] = [];
  #lastSuccess: number | undefined;
  #lastFailure: number | undefined;
  #lastError: BerthError | undefined;
  #failures = 0;
  /** Connections in a row that did not last. */
  #flaps = 0;
  #backoffUntil: number | undefined;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  get lastError(): BerthError | undefined {
    return this.#lastError;
  }

  /** The last attempt failed. */
  get failed(): boolean {
    return this.#failures > 0;
  }

  /** Milliseconds until the next attempt may be made. */
  get waitMs(): number {
    return Math.max(0, (this.#backoffUntil ?? 0) - this.#clock.now());
  }

  /** What the last attempt failed with has been mended: the next one may be made at once. */
  mended(): void {
    this.#backoffUntil = undefined;
  }

  attempt(): void {
    this.#attempts.push(this.#clock.now());
    this.#forgetAttempts();
  }

  connected(): void {
    this.#failures = 0;
    this.#backoffUntil = undefined;
    this.succeeded();
  }

  succeeded(): void {
    this.#lastSuccess = this.#clock.now();
  }

  attemptFailed(error: BerthError): void {
    this.#failures++;
    this.#failure(error);
    this.#backOff(this.#failures + this.#flaps);
  }

  /** A connection has ended that was made at `madeAt`. */
  lost(error: BerthError, madeAt: number): void {
    this.#failure(error);
    // Several that end together are one loss.
    if (this.waitMs > 0) return;
    const stable = this.#clock.now() - madeAt >= STABLE_AFTER_MS;
    this.#flaps = stable ? 0 : this.#flaps + 1;
    if (!stable) this.#backOff(this.#failures + this.#flaps);
  }

  record(connections: number): HealthRecord {
    this.#forgetAttempts();
    const recently =
      this.#lastSuccess !== undefined && this.#clock.now() - this.#lastSuccess < HEALTHY_FOR_MS;
    return {
      state: connections > 0 ? "healthy" : this.failed ? "unhealthy" : recently ? "healthy" : "unknown",
      lastSuccess: this.#lastSuccess,
      lastFailure: this.#lastFailure,
      lastError:
        this.#lastError === undefined
          ? undefined
          : { code: this.#lastError.code, message: this.#lastError.message },
      consecutiveFailures: this.#failures,
      backoffUntil: this.waitMs > 0 ? this.#backoffUntil : undefined,
      attemptsLastMinute: this.#attempts.length,
    };
  }

  #failure(error: BerthError): void {
    this.#lastError = error;
    this.#lastFailure = this.#clock.now();
  }

  #backOff(inRow: number): void {
    this.#backoffUntil = this.#clock.now() + backoffMs(inRow, this.#random);
  }

  #forgetAttempts(): void {
    const since = this.#clock.now() - MINUTE_MS;
    while (this.#attempts[0] !== undefined && this.#attempts[0] <= since) this.#attempts.shift();
  }
}

/** Milliseconds to wait behind the n-th failure in a row (from 1). */
export function backoffMs(inRow: number, random: () => number): number {
  const seconds = BACKOFF_S[Math.min(inRow, BACKOFF_S.length) - 1] ?? BACKOFF_S[0];
  return seconds * 1000 * (1 - JITTER + 2 * JITTER * random());
}
