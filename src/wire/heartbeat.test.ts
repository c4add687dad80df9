import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, Heartbeat } from "./heartbeat.ts";

/** A clock that only moves when told. */
class ManualClock implements Clock {
  #now = 1000;
  #wallAhead = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#wallAhead;
  }

  timer(callback: () => void, ms: number): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Runs what is due, in order, at its time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      this.#timers = this.#timers.filter((other) => other !== next);
      next.callback();
    }
    this.#now = end;
  }

  /** Time passes without any timer: a stalled loop. What was due runs late. */
  stall(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }

  /** As a suspended machine: only the wall clock went on. */
  suspend(ms: number): void {
    this.#wallAhead += ms;
  }
}

function heart(): {
  clock: ManualClock;
  heartbeat: Heartbeat;
  pings: Uint8Array[];
  dead: number[];
  ms: number[];
  idle: number[];
} {
  const clock = new ManualClock();
  const pings: Uint8Array[] = [];
  const dead: number[] = [];
  const ms: number[] = [];
  const idle: number[] = [];
  const heartbeat = new Heartbeat(
    {
      ping: (payload) => pings.push(payload),
      dead: (silentMs) => dead.push(silentMs),
      measured: (roundTripMs, idleMs) => {
        ms.push(roundTripMs);
        idle.push(idleMs);
      },
    },
    { clock },
  );
  heartbeat.start();
  return { clock, heartbeat, pings, dead, ms, idle };
}

test("measures once at the start, asks after 5 s of silence, is dead after 12 s", () => {
  const { clock, pings, dead } = heart();
  assert.equal(pings.length, 1);
  clock.advance(4_999);
  assert.equal(pings.length, 1);
  clock.advance(1);
  assert.equal(pings.length, 2);
  clock.advance(6_999);
  assert.deepEqual(dead, []);
  clock.advance(1);
  assert.deepEqual(dead, [12_000]);
});

test("whatever the peer says keeps it alive, and while it speaks nobody asks", () => {
  const { clock, heartbeat, pings, dead } = heart();
  for (let index = 0; index < 30; index += 1) {
    clock.advance(4_000);
    heartbeat.heard();
  }
  assert.deepEqual(dead, []);
  assert.equal(pings.length, 1);
});

test("an answered question keeps an idle connection for ever", () => {
  const { clock, heartbeat, pings, dead } = heart();
  for (let answered = 0; answered < 20; ) {
    clock.advance(500);
    if (pings.length > answered) {
      heartbeat.heard();
      heartbeat.pong(pings.at(-1)!);
      answered = pings.length;
    }
  }
  assert.deepEqual(dead, []);
});

test("after a stalled loop it asks once more before it gives up", () => {
  const { clock, pings, dead } = heart();
  clock.stall(60_000);
  assert.deepEqual(dead, []);
  assert.equal(pings.length, 2);
  clock.advance(6_999);
  assert.deepEqual(dead, []);
  clock.advance(1);
  assert.equal(dead.length, 1);
});

test("after a suspend it asks once more, and an answer saves the connection", () => {
  const { clock, heartbeat, pings, dead } = heart();
  clock.advance(5_000);
  clock.suspend(3_600_000);
  clock.advance(7_000);
  assert.deepEqual(dead, []);
  assert.equal(pings.length, 3);
  heartbeat.heard();
  heartbeat.pong(pings[2]!);
  clock.advance(6_000);
  assert.deepEqual(dead, []);
});

test("round trips are measured by the echo of the latest question only", () => {
  const { clock, heartbeat, pings, ms } = heart();
  clock.advance(40);
  heartbeat.pong(new Uint8Array(8));
  heartbeat.pong(new Uint8Array(3));
  assert.deepEqual(ms, []);
  heartbeat.heard();
  heartbeat.pong(pings[0]!);
  assert.deepEqual(ms, [40]);
  heartbeat.pong(pings[0]!);
  assert.deepEqual(ms, [40]);
  assert.equal(heartbeat.roundTripMs, 40);
});

test("a first answer that came late does not make the way long: the shortest of several counts", () => {
  const { clock, heartbeat, pings, idle } = heart();
  for (const ms of [180, 40, 55, 40]) {
    clock.advance(ms);
    heartbeat.heard();
    heartbeat.pong(pings.at(-1)!);
  }
  assert.equal(pings.length, 4);
  assert.ok(Math.abs(idle.at(-1)! - 40) < 5, `${idle}`);
});

test("once data flows it asks only for who receives it", () => {
  const { clock, heartbeat, pings } = heart();
  heartbeat.heard();
  heartbeat.loaded();
  clock.advance(40);
  heartbeat.pong(pings[0]!);
  assert.equal(pings.length, 1);
});

test("stopped, it neither asks nor declares anything", () => {
  const { clock, heartbeat, pings, dead } = heart();
  heartbeat.stop();
  clock.advance(100_000);
  assert.equal(heartbeat.probe(), false);
  assert.equal(pings.length, 1);
  assert.deepEqual(dead, []);
});
