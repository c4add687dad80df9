import { DEAD_AFTER_MS, PING_IDLE_MS } from "./frame.ts";
import { readU32, writeU32 } from "./frame-codec.ts";

/** Between two measurements under load. */
const PROBE_INTERVAL_MS = 20;
/** No DATA for so long: a measured round trip is an idle one. */
const QUIET_MS = 500;
const PAYLOAD_BYTES = 8;
/** Questions in a row at the start: one answer may be late for reasons that are not the way's. */
const START_PROBES = 4;

export interface HeartbeatOptions {
  /** Silence after which the peer is asked. Default PING_IDLE_MS. */
  readonly idleMs?: number;
  /** Silence after which the connection is dead. Default DEAD_AFTER_MS. */
  readonly deadMs?: number;
  /** Default: the machine's clocks. */
  readonly clock?: Clock;
}

export interface Clock {
  /** Monotonic ms; stands still while the machine is suspended. */
  now(): number;
  /** Wall clock ms; goes on. */
  wall(): number;
  /** Calls back after so many ms; the result cancels. Keeps no process alive. */
  timer(callback: () => void, ms: number): () => void;
}

const MACHINE_CLOCK: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  timer(callback, ms) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export interface HeartbeatEvents {
  ping(payload: Uint8Array): void;
  dead(silentMs: number): void;
  measured(ms: number, idleMs: number, now: number): void;
}

/**
 * Knows whether the peer lives and how far away it is. It asks by PING after silence, and declares the
 * connection dead after more of it; but when its own timer was late (a stalled loop, a suspended machine) it
 * may be the one that did not listen, so it asks once more first.
 */
export class Heartbeat {
  readonly #events: HeartbeatEvents;
  readonly #idleMs: number;
  readonly #deadMs: number;
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;
  #heardAt = 0;
  #dataAt = 0;
  #dueAt = 0;
  #dueWall = 0;
  #sequence = 0;
  #sentAt = 0;
  #waiting = false;
  #startProbes = 0;
  #smoothedMs: number | undefined;
  #quietMs: number | undefined;

  constructor(events: HeartbeatEvents, options: HeartbeatOptions = {}) {
    this.#events = events;
    this.#idleMs = options.idleMs ?? PING_IDLE_MS;
    this.#deadMs = options.deadMs ?? DEAD_AFTER_MS;
    this.#clock = options.clock ?? MACHINE_CLOCK;
  }

  /** Measures the idle round trip and starts watching. */
  start(): void {
    this.#heardAt = this.#clock.now();
    this.#startProbes = START_PROBES - 1;
    this.#ping(this.#heardAt);
    this.#arm(this.#idleMs);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Smoothed round trip in ms. */
  get roundTripMs(): number | undefined {
    return this.#smoothedMs;
  }

  /** Bytes came from the peer. */
  heard(): void {
    this.#heardAt = this.#clock.now();
  }

  /** DATA went or came: what is measured now is a loaded round trip. */
  loaded(): void {
    this.#dataAt = this.#heardAt;
  }

  /** Starts a measurement unless one runs or was made just now; false then. */
  probe(): boolean {
    // An answer that never came (the peer had too much to say) does not end all measuring.
    const soonest = this.#sentAt + (this.#waiting ? this.#deadMs : PROBE_INTERVAL_MS);
    if (this.#cancel === undefined || this.#heardAt < soonest) return false;
    this.#ping(this.#clock.now());
    return true;
  }

  pong(payload: Uint8Array): void {
    if (!this.#waiting || payload.length !== PAYLOAD_BYTES || readU32(payload, 0) !== this.#sequence) return;
    this.#waiting = false;
    const now = this.#clock.now();
    const ms = now - this.#sentAt;
    this.#smoothedMs = this.#smoothedMs === undefined ? ms : this.#smoothedMs * 0.75 + ms * 0.25;
    const quiet = this.#dataAt === 0 || this.#sentAt - this.#dataAt > QUIET_MS;
    if (this.#quietMs === undefined || ms < this.#quietMs) this.#quietMs = ms;
    else if (quiet) this.#quietMs = this.#quietMs * 0.75 + ms * 0.25;
    this.#events.measured(ms, this.#quietMs, now);
    // Streams that carry DATA ask by themselves.
    if (this.#startProbes === 0 || this.#dataAt !== 0 || this.#cancel === undefined) return;
    this.#startProbes -= 1;
    this.#ping(now);
  }

  #ping(now: number): void {
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#sentAt = now;
    this.#waiting = true;
    const payload = new Uint8Array(PAYLOAD_BYTES);
    writeU32(payload, 0, this.#sequence);
    this.#events.ping(payload);
  }

  #arm(inMs: number): void {
    const delay = Math.max(1, Math.ceil(inMs));
    this.#dueAt = this.#clock.now() + delay;
    this.#dueWall = this.#clock.wall() + delay;
    this.#cancel = this.#clock.timer(this.#check, delay);
  }

  readonly #check = (): void => {
    const now = this.#clock.now();
    // Either clock may show it: a stalled loop both, a suspend only the wall clock.
    const lateMs = Math.max(now - this.#dueAt, this.#clock.wall() - this.#dueWall);
    const silentMs = now - this.#heardAt;
    if (lateMs > this.#idleMs) {
      // It was this end that did not listen; what the peer sent meanwhile may still lie in the socket.
      this.#heardAt = now - this.#idleMs;
      this.#ping(now);
      this.#arm(this.#deadMs - this.#idleMs);
    } else if (silentMs >= this.#deadMs) {
      this.stop();
      this.#events.dead(silentMs);
    } else if (silentMs >= this.#idleMs) {
      this.#ping(now);
      this.#arm(this.#deadMs - silentMs);
    } else {
      this.#arm(this.#idleMs - silentMs);
    }
  };
}
