/** Failures that an address has free. */
const FREE_FAILURES = 10;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** An address without a failure for this long starts anew. */
const FORGET_AFTER_MS = 10 * 60_000;
const MAX_ADDRESSES = 10_000;

interface Failures {
  count: number;
  lastMs: number;
  blockedUntilMs: number;
}

/**
 * Failed authentications by address: from the eleventh on, further ones are told to wait, twice as long each time they
 * fail after a pause, at most a minute. Who has a valid token is never asked here, so that nobody locks a user out who
 * shares the address (a proxy, a machine with several users).
 */
export class FailureLimit {
  readonly #failures = new Map<string, Failures>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Counts a failure; milliseconds that this address has to wait, 0: none. */
  failed(address: string): number {
    const now = this.#now();
    const key = networkOf(address);
    const before = this.#failures.get(key);
    const known = before !== undefined && now - before.lastMs < FORGET_AFTER_MS ? before : undefined;
    const failures = known ?? { count: 0, lastMs: now, blockedUntilMs: 0 };
    this.#failures.delete(key);
    this.#failures.set(key, failures);
    if (this.#failures.size > MAX_ADDRESSES) this.#failures.delete(this.#failures.keys().next().value ?? "");
    failures.lastMs = now;
    if (failures.blockedUntilMs > now) return failures.blockedUntilMs - now;
    failures.count += 1;
    if (failures.count <= FREE_FAILURES) return 0;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (failures.count - FREE_FAILURES - 1), LONGEST_PAUSE_MS);
    failures.blockedUntilMs = now + pauseMs;
    return pauseMs;
  }
}

/** One host has a whole /64 of IPv6. */
function networkOf(address: string): string {
  if (!address.includes(":") || address.startsWith("::ffff:")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const filled =
    tail === undefined ? groups : [...groups, ...Array(8 - groups.length - rest.length).fill("0"), ...rest];
  return filled.slice(0, 4).join(":");
}
