import { setTimeout as delay } from "node:timers/promises";
import { berthError } from "../contract/errors.ts";
import { type InstallTarget, takeOverScript } from "./payload-scripts.ts";

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long another Berth that installs there is waited for. Default 10 minutes. */
  readonly lockTimeoutMs?: number | undefined;
  /** How long another Berth may show no progress before its lock is taken. Default 20 s. */
  readonly staleLockMs?: number | undefined;
}

const LOCK_TIMEOUT_MS = 10 * 60_000;
const STALE_LOCK_MS = 20_000;
const LOCK_POLL_MS = 300;

/** Waits for another Berth that installs in the same directory, as long as it gets on. */
export class LockWait {
  readonly #options: LockOptions;
  readonly #startedAtMs = performance.now();
  #seen = { fingerprint: "", sinceMs: this.#startedAtMs };

  constructor(options: LockOptions) {
    this.#options = options;
  }

  /**
   * Waits a moment, or takes the lock away from an owner that shows no progress: then the next attempt gets it.
   * @throws provision.locked after lockTimeoutMs
   */
  async next(
    locked: { readonly owner: string; readonly progress: string },
    target: InstallTarget,
    run: (script: string) => Promise<unknown>,
  ): Promise<void> {
    const { lockTimeoutMs = LOCK_TIMEOUT_MS, staleLockMs = STALE_LOCK_MS, signal } = this.#options;
    const nowMs = performance.now();
    const fingerprint = `${locked.owner}\n${locked.progress}`;
    if (fingerprint !== this.#seen.fingerprint) this.#seen = { fingerprint, sinceMs: nowMs };
    if (nowMs - this.#seen.sinceMs >= staleLockMs) {
      await run(takeOverScript(target, locked.owner));
      this.#seen = { fingerprint: "", sinceMs: nowMs };
    } else if (nowMs - this.#startedAtMs >= lockTimeoutMs) {
      throw berthError("provision.locked", { context: { directory: target.base } });
    } else {
      await delay(LOCK_POLL_MS, undefined, signal === undefined ? {} : { signal });
    }
  }
}
