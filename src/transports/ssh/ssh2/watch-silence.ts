/** ssh2 asks the server this often whether it is there; the answer is a few bytes. */
export const ASK_EVERY_MS = 5_000;
/** Two questions without any byte after them, and the time of a third. */
const SILENCE_LIMIT_MS = 15_000;
const LOOK_EVERY_MS = 1_000;
/** A look that comes this much late: the loop stood still, or the machine slept. */
const STALL_MS = 5_000;

export interface SilenceOptions {
  /** Bytes received so far. */
  readonly received: () => number;
  readonly onSilence: (silentMs: number) => void;
  /** Seams for tests. */
  readonly limitMs?: number;
  readonly lookEveryMs?: number;
  readonly stallMs?: number;
}

/**
 * Tells once when nothing at all has come for 15 s. Any byte counts as life, not only the answers: they queue behind
 * what is being transferred. After a stall or a suspend (monotonic clocks may stand still in it, wall clocks don't)
 * the time starts anew, so that the other side has been asked once more before the connection is given up.
 * @returns what ends the watch
 */
export function watchSilence(options: SilenceOptions): () => void {
  const {
    received,
    onSilence,
    limitMs = SILENCE_LIMIT_MS,
    lookEveryMs = LOOK_EVERY_MS,
    stallMs = STALL_MS,
  } = options;
  let bytes = received();
  let heardAt = performance.now();
  let lookedAt = { monotonic: performance.now(), wall: Date.now() };
  const timer = setInterval(() => {
    const now = { monotonic: performance.now(), wall: Date.now() };
    const gapMs = Math.max(now.monotonic - lookedAt.monotonic, now.wall - lookedAt.wall);
    lookedAt = now;
    const total = received();
    if (total !== bytes || gapMs > lookEveryMs + stallMs) {
      bytes = total;
      heardAt = now.monotonic;
      return;
    }
    if (now.monotonic - heardAt < limitMs) return;
    clearInterval(timer);
    onSilence(now.monotonic - heardAt);
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
