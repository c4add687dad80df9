import { INITIAL_WINDOW_BYTES, MAX_WINDOW_BYTES } from "./frame.ts";

/** Round trips below this are all the same to window growth: they measure the event loop, not the way. */
const MIN_IDLE_MS = 1;
/**
 * Round trips as multiples of the idle one. A question is sent when data comes and credit goes back, so it sees
 * the queue at its shortest; others see up to a quarter of the window more.
 */
const GROW_BELOW = 1.25;
const SHRINK_ABOVE = 1.4;
const SHRINK_AFTER_SAMPLES = 3;
/** Where a round trip takes under MIN_IDLE_MS more than this would only fill memory. */
const MAX_SHORT_WAY_BYTES = 1024 * 1024;
/** On a way at least this long a lasting queue is the network's, so that a window may become smaller than at first. */
const LONG_WAY_MS = 10;
/** Three quarters of it, what is granted at least to who keeps up, hold a whole DATA frame. */
const MIN_WINDOW_BYTES = 128 * 1024;
/** Beyond their first 256 KiB the windows of one connection grow by so much together. */
export const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
/** A window that had to shrink stays so for a while. */
const SHRUNK_FOR_MS = 30_000;

/**
 * The idle round trip that was measured may be too long (this program or its peer was busy just then), and while DATA goes
 * none is idle. So now and then on a long way half of the window is kept back for one measurement: it shows a shorter one.
 */
const THIN_EVERY_MS = 10_000;

/** What the windows of one connection share. */
export interface WindowBudget {
  growthBytes: number;
}

/** One measurement: round trip now, the shortest without load, and the time of it, all in ms. */
export interface RoundTrip {
  readonly ms: number;
  readonly idleMs: number;
  readonly now: number;
}

/**
 * The receiving half's credit. It is given back as the receiver uses bytes. It doubles when it is the
 * bottleneck (a full window came within one round trip) and the round trip shows no queue on the way; it
 * loses a quarter when a queue stays, so that what others ask takes less than twice its idle time.
 */
export class ReceiveWindow {
  #sizeBytes = INITIAL_WINDOW_BYTES;
  /** What the peer may still send. */
  #creditBytes = INITIAL_WINDOW_BYTES;
  #heldBytes = 0;
  /** Used by the receiver, not yet given back. */
  #freedBytes = 0;
  /** Credit to withhold while shrinking. */
  #debtBytes = 0;
  #sinceProbeBytes = 0;
  #probed = false;
  #congested = 0;
  #ceilingBytes = MAX_WINDOW_BYTES;
  #ceilingUntil = 0;
  /** Credit kept back for one measurement. */
  #lentBytes = 0;
  #thinAt: number | undefined;
  readonly #budget: WindowBudget;

  constructor(budget: WindowBudget) {
    this.#budget = budget;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Received and not yet used. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Counts received bytes. False when the peer overran its credit. */
  receive(bytes: number): boolean {
    if (bytes > this.#creditBytes) return false;
    this.#creditBytes -= bytes;
    this.#heldBytes += bytes;
    this.#sinceProbeBytes += bytes;
    return true;
  }

  /** The receiver is done with so many bytes. Returns the credit to announce now, 0 for none. */
  consumed(bytes: number): number {
    const used = Math.min(bytes, this.#heldBytes);
    this.#heldBytes -= used;
    this.#freedBytes += used;
    return this.#freedBytes * 4 >= this.#sizeBytes ? this.#grant() : 0;
  }

  /** True when so much came that a measurement of the round trip is worth a PING. */
  get wantsProbe(): boolean {
    return !this.#probed && this.#sinceProbeBytes * 2 >= this.#sizeBytes;
  }

  probeStarted(): void {
    this.#probed = true;
    this.#sinceProbeBytes = 0;
  }

  /** The answer of a probe is there. Returns credit to announce now. */
  measured({ ms, idleMs, now }: RoundTrip): number {
    if (!this.#probed) return 0;
    this.#probed = false;
    const received = this.#sinceProbeBytes;
    this.#sinceProbeBytes = 0;
    if (this.#lentBytes > 0) return this.#returnLent();
    this.#thinAt ??= now + THIN_EVERY_MS;
    if (now >= this.#thinAt && idleMs >= LONG_WAY_MS) {
      this.#thinAt = now + THIN_EVERY_MS;
      this.#lentBytes = this.#sizeBytes / 2;
      this.#debtBytes += this.#lentBytes;
      return 0;
    }
    const stretch = ms / Math.max(idleMs, MIN_IDLE_MS);
    if (stretch > SHRINK_ABOVE) {
      this.#congested += 1;
      if (this.#congested >= SHRINK_AFTER_SAMPLES)
        this.#shrink(idleMs >= LONG_WAY_MS ? MIN_WINDOW_BYTES : INITIAL_WINDOW_BYTES, now);
      return 0;
    }
    this.#congested = 0;
    // A window that was used up within a round trip is the bottleneck; grants come in quarters of it.
    return stretch < GROW_BELOW && received * 4 >= this.#sizeBytes * 3 ? this.#grow(idleMs, now) : 0;
  }

  /** Gives back what it took of the shared budget. */
  release(): void {
    this.#budget.growthBytes -= this.#sizeBytes - INITIAL_WINDOW_BYTES;
    this.#sizeBytes = INITIAL_WINDOW_BYTES;
  }

  #returnLent(): number {
    const unpaid = Math.min(this.#debtBytes, this.#lentBytes);
    this.#debtBytes -= unpaid;
    this.#freedBytes += this.#lentBytes - unpaid;
    this.#lentBytes = 0;
    return this.#grant();
  }

  #grow(idleMs: number, now: number): number {
    if (now >= this.#ceilingUntil) this.#ceilingBytes = MAX_WINDOW_BYTES;
    const most = idleMs < MIN_IDLE_MS ? MAX_SHORT_WAY_BYTES : MAX_WINDOW_BYTES;
    const size = Math.min(this.#sizeBytes * 2, this.#ceilingBytes, most);
    const growth = size - this.#sizeBytes;
    if (growth <= 0 || this.#budget.growthBytes + growth > MAX_GROWTH_BYTES) return 0;
    this.#budget.growthBytes += growth;
    this.#sizeBytes = size;
    this.#freedBytes += growth;
    return this.#grant();
  }

  #shrink(floorBytes: number, now: number): void {
    this.#congested = 0;
    const size = Math.max(Math.min(floorBytes, this.#sizeBytes), (this.#sizeBytes / 4) * 3);
    const less = this.#sizeBytes - size;
    if (less === 0) return;
    this.#budget.growthBytes -= less;
    this.#sizeBytes = size;
    this.#debtBytes += less;
    this.#ceilingBytes = size;
    this.#ceilingUntil = now + SHRUNK_FOR_MS;
  }

  #grant(): number {
    const withheld = Math.min(this.#debtBytes, this.#freedBytes);
    this.#debtBytes -= withheld;
    const credit = this.#freedBytes - withheld;
    this.#freedBytes = 0;
    this.#creditBytes += credit;
    return credit;
  }
}
