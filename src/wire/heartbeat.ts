import { performance } from "node:perf_hooks";
import { DEAD_AFTER_MS, PING_IDLE_MS } from "./frame.ts";
import { readU32, writeU32 } from "./frame-codec.ts";

/** Between two measurements under load. */
const PROBE_INTERVAL_MS = 20;
/** No DATA for so long: a measured round trip is an idle one. */
const QUIET_MS = 500;
const PAYLOAD_BYTES = 8;

export interface HeartbeatOptions {
  /** Silence after which the peer is asked. Default PING_IDLE_MS. */
  readonly idleMs?: number;
  /** Silence after which the connection is dead. Default DEAD_AFTER_MS. */
  readonly deadMs?: number;
}

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
  #timer: NodeJS.Timeout | undefined;
  #heardAt = performance.now();
  #dataAt = 0;
  #dueAt = 0;
  #dueWall = 0;
  #sequence = 0;
  #sentAt = 0;
  #waiting = false;
  #smoothedMs: number | undefined;
  #quietMs: number | undefined;

  constructor(events: HeartbeatEvents, options: HeartbeatOptions = {}) {
    this.#events = events;
    this.#idleMs = options.idleMs ?? PING_IDLE_MS;
    this.#deadMs = options.deadMs ?? DEAD_AFTER_MS;
  }

  /** Measures the idle round trip and starts watching. */
  start(): void {
    this.#heardAt = performance.now();
    this.#ping(this.#heardAt);
    this.#arm(this.#idleMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Smoothed round trip in ms. */
  get roundTripMs(): number | undefined {
    return this.#smoothedMs;
  }

  /** Bytes came from the peer. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  /** DATA went or came: what is measured now is a loaded round trip. */
  loaded(): void {
    this.#dataAt = this.#heardAt;
  }

  /** Starts a measurement unless one runs or was made just now; false then. */
  probe(): boolean {
    if (this.#timer === undefined) return false;
    if (this.#waiting) return false;
    if (this.#heardAt - this.#sentAt < PROBE_INTERVAL_MS) return false;
    this.#ping(performance.now());
    return true;
  }

  pong(payload: Uint8Array): void {
    if (!this.#waiting || payload.length !== PAYLOAD_BYTES || readU32(payload, 0) !== this.#sequence) return;
    this.#waiting = false;
    const now = performance.now();
    const ms = now - this.#sentAt;
    this.#smoothedMs = this.#smoothedMs === undefined ? ms : this.#smoothedMs * 0.75 + ms * 0.25;
    const quiet = this.#dataAt === 0 || this.#sentAt - this.#dataAt > QUIET_MS;
    if (this.#quietMs === undefined || ms < this.#quietMs) this.#quietMs = ms;
    else if (quiet) this.#quietMs = this.#quietMs * 0.75 + ms * 0.25;
    this.#events.measured(ms, this.#quietMs, now);
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
    this.#dueAt = performance.now() + delay;
    this.#dueWall = Date.now() + delay;
    this.#timer = setTimeout(this.#check, delay);
    this.#timer.unref();
  }

  readonly #check = (): void => {
    const now = performance.now();
    const lateMs = Math.max(now - this.#dueAt, Date.now() - this.#dueWall);
    const silentMs = now - this.#heardAt;
    if (lateMs > this.#idleMs) {
      // The monotonic clock stands still during a suspend, the other one does not.
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
