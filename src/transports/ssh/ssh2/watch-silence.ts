/** As `ssh` with ServerAliveInterval 5: asked when nothing has come for so long; the answer is a few bytes. */
const ASK_EVERY_MS = 5_000;
/** Two questions without any byte after them, and the time of a third. */
const SILENCE_LIMIT_MS = 15_000;
const LOOK_EVERY_MS = 1_000;
/** A look that comes this much late: the loop stood still, or the machine slept. */
const STALL_MS = 5_000;

export interface SilenceOptions {
  /** Bytes received so far. */
  readonly received: () => number;
  /** Asks the other side for a sign of life. */
  readonly ask: () => void;
  readonly onSilence: (silentMs: number) => void;
  /** Milliseconds; default those of this machine. A seam for tests. */
  readonly clock?: () => Clock;
}

interface Clock {
  readonly monotonic: number;
  readonly wall: number;
}

function machineClock(): Clock {
  return { monotonic: performance.now(), wall: Date.now() };
}

/**
 * Asks when nothing has come for 5 s, and tells once when nothing at all has come for 15 s. Any byte counts as life,
 * not only the answers: they queue behind what is being transferred. After a stall or a suspend (monotonic clocks
 * may stand still in it, wall clocks don't) it asks at once and the time starts anew.
 * @returns what ends the watch
 */
export function watchSilence({ received, ask, onSilence, clock = machineClock }: SilenceOptions): () => void {
  let bytes = received();
  let asked = 0;
  let lookedAt = clock();
  let heardAt = lookedAt.monotonic;
  const timer = setInterval(() => {
    const now = clock();
    const gapMs = Math.max(now.monotonic - lookedAt.monotonic, now.wall - lookedAt.wall);
    lookedAt = now;
    const total = received();
    const stalled = gapMs > LOOK_EVERY_MS + STALL_MS;
    if (total !== bytes || stalled) {
      bytes = total;
      heardAt = now.monotonic;
      asked = 0;
      if (stalled) ask();
      return;
    }
    const silentMs = now.monotonic - heardAt;
    if (silentMs >= SILENCE_LIMIT_MS) {
      clearInterval(timer);
      onSilence(silentMs);
    } else if (silentMs >= (asked + 1) * ASK_EVERY_MS) {
      asked += 1;
      ask();
    }
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
