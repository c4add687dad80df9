import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TestPlace, until } from "./testing.ts";

/** Events of a type, without their times. */
function told(place: TestPlace, type: string): unknown[] {
  return place.events
    .filter((event) => event.type === type)
    .map(({ processId, data }) => [processId, { ...data, time: undefined }]);
}

test("a process's start and exit are events", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const result = await runtime.exec(["sh", "-c", "printf abc; exit 3"]);
  await until(() => told(place, "process.exited").length === 1);
  assert.equal((told(place, "process.started")[0] as unknown[])[0], result.processId);
  const data = { exitCode: 3, signal: null, timedOut: false, durationMs: result.durationMs, outputBytes: 3 };
  assert.deepEqual(told(place, "process.exited"), [
    [result.processId, { ...data, own: true, time: undefined }],
  ]);
  const text = JSON.stringify(place.events);
  assert.ok(!text.includes("abc"), "neither output nor command line is in an event");
});

test("what a timeout left is an event", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const { processId } = await runtime.exec(["sleep", "60"], { timeoutMs: 50 });
  await until(() => told(place, "process.ended").length === 1);
  assert.deepEqual(told(place, "process.ended"), [
    [processId, { reason: "timeout", left: 0, own: true, time: undefined }],
  ]);
});

test("what happened while the connection was away is told when it is back, once", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const mark = join(place.directory, "hung-up");
  const script = `trap 'touch ${mark}' HUP; while :; do sleep 0.02; done`;
  const process = await runtime.spawn(["sh", "-c", script], { leaseMs: 200 });
  await until(() => told(place, "process.started").length === 1);
  const back = Promise.withResolvers<void>();
  place.beforeDial = () => back.promise;
  place.cut();
  await until(() => existsSync(mark));
  assert.equal(told(place, "process.lease").length, 0);
  back.resolve();
  await until(() => told(place, "process.lease").length === 1);
  assert.deepEqual(told(place, "process.lease"), [
    [process.id, { step: "SIGHUP", own: true, time: undefined }],
  ]);
  assert.equal(told(place, "process.started").length, 1);
});

test("of a daemon that took the place of another, everything is told from the start", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await runtime.exec(["true"]);
  place.cut();
  await place.restart();
  await runtime.exec(["true"]);
  await until(() => told(place, "process.exited").length === 2);
  assert.equal(told(place, "process.started").length, 2);
});
