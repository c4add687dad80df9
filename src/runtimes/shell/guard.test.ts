import assert from "node:assert/strict";
import { test } from "node:test";
import { RunGuard } from "./guard.ts";

test("no more than the limit are in at once, and waiters come in order", async () => {
  const guard = new RunGuard(2);
  const first = await guard.enter();
  await guard.enter();
  const order: string[] = [];
  const third = guard.enter().then((leave) => {
    order.push("third");
    return leave;
  });
  const fourth = guard.enter().then((leave) => {
    order.push("fourth");
    return leave;
  });
  first();
  first();
  (await third)();
  await fourth;
  assert.deepEqual(order, ["third", "fourth"]);
});

test("an aborted waiter leaves the line and takes no place", async () => {
  const guard = new RunGuard(1);
  const leave = await guard.enter();
  const abort = new AbortController();
  const waiting = guard.enter(abort.signal);
  const next = guard.enter();
  abort.abort(new Error("no more"));
  await assert.rejects(waiting, /no more/);
  leave();
  (await next)();
  (await guard.enter())();
});
