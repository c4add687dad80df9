import assert from "node:assert/strict";
import { test } from "node:test";
import { Lease } from "./lease.ts";
import type { ManagedProcess } from "./process.ts";

/** Only what a lease sees of a process; its time is node:test's. */
function fake(): { process: ManagedProcess; sent: string[]; finish(): void } {
  const sent: string[] = [];
  const state = { finished: false };
  const process = {
    tty: undefined,
    detached: false,
    get finished() {
      return state.finished;
    },
    signal: async (name: string) => void sent.push(name),
    end: async ({ signal }: { signal: string }) => void sent.push(`end ${signal}`),
  } as unknown as ManagedProcess;
  return {
    process,
    sent,
    finish: () => {
      state.finished = true;
    },
  };
}

test("after the lease: HUP, 30 s later TERM, 30 s later KILL to the tree, each told", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { process, sent } = fake();
  const steps: string[] = [];
  const lease = new Lease(process, 60_000, (step) => steps.push(step));
  lease.release();
  t.mock.timers.tick(59_999);
  assert.deepEqual([sent, lease.reaping], [[], false]);
  t.mock.timers.tick(1);
  assert.deepEqual([sent, lease.reaping], [["SIGHUP"], true]);
  t.mock.timers.tick(30_000);
  t.mock.timers.tick(30_000);
  assert.deepEqual(sent, ["SIGHUP", "SIGTERM", "end SIGKILL"]);
  assert.deepEqual(steps, ["SIGHUP", "SIGTERM", "SIGKILL"]);
});

test("a client that comes back stops it, also between the signals, and the lease starts anew", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { process, sent } = fake();
  const lease = new Lease(process, 1000, () => {});
  lease.release();
  t.mock.timers.tick(1000);
  lease.hold();
  assert.equal(lease.reaping, false);
  t.mock.timers.tick(100_000);
  assert.deepEqual(sent, ["SIGHUP"]);
  lease.release();
  lease.release();
  t.mock.timers.tick(999);
  assert.deepEqual(sent, ["SIGHUP"]);
  t.mock.timers.tick(1);
  assert.deepEqual(sent, ["SIGHUP", "SIGHUP"]);
});

test("a detached or finished process has no lease", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const detached = fake();
  Object.assign(detached.process, { detached: true });
  new Lease(detached.process, 10, () => {}).release();
  const finished = fake();
  const lease = new Lease(finished.process, 10, () => {});
  lease.release();
  finished.finish();
  t.mock.timers.tick(1_000_000);
  assert.deepEqual([detached.sent, finished.sent], [[], []]);
});
