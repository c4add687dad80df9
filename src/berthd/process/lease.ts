import type { SignalName } from "../../contract/signals.ts";
import { longTimeout } from "./long-timeout.ts";
import type { ManagedProcess } from "./process.ts";

/** Time between HUP, TERM and KILL of a process whose owner stayed away (SEMANTICS, Commands 13). */
const STEP_MS = 30_000;
const EXEC_LEASE_MS = 30 * 60_000;
const TTY_LEASE_MS = 3 * 3_600_000;

/**
 * Ends a process that is bound to a client when that client is away for longer than the lease. Timers run on the
 * monotonic clock, which stands still during suspend. A client that comes back stops it, also between the signals.
 */
export class Lease {
  readonly #process: ManagedProcess;
  #leaseMs: number;
  readonly #onStep: (step: SignalName) => void;
  readonly #onEnded: (left: number) => void;
  #cancel: (() => void) | undefined;
  /** The signals have begun. */
  reaping = false;

  /** `onStep` is told each signal, `onEnded` how many processes of the tree were left by the last one. */
  constructor(
    process: ManagedProcess,
    leaseMs: number | undefined,
    onStep: (step: SignalName) => void,
    onEnded: (left: number) => void = () => {},
  ) {
    this.#process = process;
    this.#leaseMs = leaseMs ?? (process.tty === undefined ? EXEC_LEASE_MS : TTY_LEASE_MS);
    this.#onStep = onStep;
    this.#onEnded = onEnded;
  }

  /** From the next time on that it counts. */
  set milliseconds(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Somebody cares again. */
  hold(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.reaping = false;
  }

  /** Nobody is connected any more: the lease counts. */
  release(): void {
    if (this.#cancel !== undefined || this.#process.finished || this.#process.detached) return;
    // An embedded host must not keep its caller's process alive for a lease.
    this.#cancel = longTimeout(() => this.#reap("SIGHUP"), this.#leaseMs, { keepAlive: false });
  }

  #reap(step: SignalName): void {
    if (this.#process.finished) return;
    this.reaping = true;
    this.#onStep(step);
    if (step === "SIGKILL") {
      void this.#process.end({ signal: "SIGKILL" }).then(this.#onEnded);
      return;
    }
    this.#process.signal(step).catch(() => {
      // It ended between the look and the signal.
    });
    const next = step === "SIGHUP" ? "SIGTERM" : "SIGKILL";
    this.#cancel = longTimeout(() => this.#reap(next), STEP_MS, { keepAlive: false });
  }
}
