import assert from "node:assert/strict";
import { test } from "node:test";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { bench, DENIED, isCode, REFUSED, watch } from "./pool.testing.ts";
import { createSshPool } from "./pool.ts";
import { FakeClock, fakeTarget, settle } from "./testing.ts";

test("all who wait share one attempt and its failure, which is counted once", async () => {
  const { pool, target, state } = bench();
  state.failure = REFUSED;
  const outcomes = await Promise.allSettled(
    Array.from({ length: 30 }, () => pool.connect(target, { maxWaitMs: 0 })),
  );
  assert.equal(state.attempts, 1);
  for (const outcome of outcomes) {
    assert.ok(outcome.status === "rejected" && isBerthError(outcome.reason, "ssh.connection_refused"));
  }
  const {
    consecutiveFailures,
    attemptsLastMinute,
    lastError,
    lastFailure,
    state: health,
  } = pool.health(target);
  assert.deepEqual(
    [consecutiveFailures, attemptsLastMinute, lastError?.code, health],
    [1, 1, "ssh.connection_refused", "unhealthy"],
  );
  assert.ok(lastFailure !== undefined);
});

test("who aborts goes alone; when all have gone the attempt ends, and was no failure", async () => {
  const { pool, target, state, seen, clock } = bench();
  const gate = Promise.withResolvers<void>();
  state.until = gate.promise;
  const [first, second] = [new AbortController(), new AbortController()];
  const outcomes = [
    watch(pool.connect(target, { signal: first.signal })),
    watch(pool.connect(target, { signal: second.signal })),
  ];
  await settle();
  first.abort();
  await settle();
  assert.ok(isBerthError(outcomes[0]?.error, "operation.aborted"));
  assert.equal(outcomes[1]?.settled, false);
  assert.equal(seen[0]?.signal.aborted, false);
  second.abort();
  await settle();
  const late = watch(pool.connect(target));
  await settle();
  assert.ok(isBerthError(outcomes[1]?.error, "operation.aborted"));
  assert.equal(seen[0]?.signal.aborted, true);
  assert.equal(state.attempts, 2);
  gate.resolve();
  await clock.pass(0);
  assert.ok(late.value);
  const { consecutiveFailures, lastFailure, connections } = pool.health(target);
  assert.deepEqual([consecutiveFailures, lastFailure, connections], [0, undefined, 1]);
});

test("an attempt that was given up leaves no connection behind, however late it comes", async () => {
  const { pool, target, state, made } = bench();
  const gate = Promise.withResolvers<void>();
  state.until = gate.promise;
  const abort = new AbortController();
  const outcome = watch(pool.connect(target, { signal: abort.signal }));
  await settle();
  abort.abort();
  gate.resolve();
  await settle();
  assert.ok(isBerthError(outcome.error, "operation.aborted"));
  assert.equal(made[0]?.closed, true);
});

test("an abort while it is waited ends the wait without an attempt", async () => {
  const { pool, target, state, clock } = bench();
  state.failure = REFUSED;
  await assert.rejects(pool.connect(target, { maxWaitMs: 0 }));
  const abort = new AbortController();
  const outcome = watch(pool.connect(target, { signal: abort.signal }));
  await clock.pass(500);
  abort.abort();
  await clock.pass(10_000);
  assert.ok(isBerthError(outcome.error, "operation.aborted"));
  assert.equal(state.attempts, 1);
  assert.equal(clock.foreground, 0, "no timer is left that keeps the process alive");
  assert.equal(pool.health(target).consecutiveFailures, 1);
});

test("connecting has 15 s, in which the time of a person who is asked does not count", async () => {
  const { pool, target, state, clock, seen } = bench();
  const never = new Promise<void>(() => {});
  state.until = never;
  const outcome = watch(pool.connect(target, { maxWaitMs: 0 }));
  await clock.pass(14_999);
  assert.equal(outcome.settled, false);
  await clock.pass(1);
  assert.ok(isBerthError(outcome.error, "ssh.connect_timeout"));
  assert.equal(outcome.error?.message, "dev@box did not answer within 15 s");
  assert.ok(isBerthError(seen[0]?.signal.reason, "ssh.connect_timeout"));
  assert.equal(pool.health(target).consecutiveFailures, 1);

  await clock.pass(60_000);
  state.until = undefined;
  state.failure = DENIED;
  const typing = Promise.withResolvers<string>();
  const asked = watch(pool.connect(target, { maxWaitMs: 0, onPrompt: () => typing.promise }));
  await clock.pass(600_000);
  assert.equal(asked.settled, false);
  typing.resolve("secret");
  await settle();
  assert.deepEqual(state.answers, ["secret"]);
  assert.ok(isBerthError(asked.error, "ssh.auth_failed"));
});

test("what is left of the 15 s counts on when the person has answered", async () => {
  const clock = new FakeClock();
  const pool = createSshPool({
    clock,
    connect: async (_target, { onPrompt }) => {
      await new Promise<void>((resolve) => clock.after(10_000, resolve));
      await onPrompt?.({ kind: "password", subject: "box", text: "Password: ", echo: false });
      return new Promise(() => {});
    },
  });
  const typing = Promise.withResolvers<string>();
  const outcome = watch(pool.connect(fakeTarget(), { maxWaitMs: 0, onPrompt: () => typing.promise }));
  await clock.pass(300_000);
  assert.equal(outcome.settled, false);
  typing.resolve("secret");
  await clock.pass(4_999);
  assert.equal(outcome.settled, false);
  await clock.pass(1);
  assert.ok(isBerthError(outcome.error, "ssh.connect_timeout"));
});

test("who can be asked does not share the failure of an attempt that could ask nobody", async () => {
  const { pool, target, state, seen } = bench();
  state.failure = berthError("ssh.auth_failed", { context: { methods: "publickey,password" } });
  const gate = Promise.withResolvers<void>();
  state.until = gate.promise;
  const silent = watch(pool.connect(target, { maxWaitMs: 0 }));
  await settle();
  const person = watch(pool.connect(target, { maxWaitMs: 0, onPrompt: async () => "secret" }));
  await settle();
  gate.resolve();
  state.until = undefined;
  await settle();
  assert.ok(isBerthError(silent.error, "ssh.auth_failed"));
  assert.equal(seen[0]?.onPrompt, undefined);
  assert.equal(seen.length, 2);
  assert.deepEqual(state.answers, ["secret"]);
  assert.ok(isBerthError(person.error, "ssh.auth_failed"), "asked, and refused");
  await assert.rejects(
    pool.connect(target, { maxWaitMs: 0, onPrompt: async () => "secret" }),
    isCode("ssh.auth_failed"),
  );
  assert.equal(seen.length, 2, "not hammered");
});

test("a question that a person does not answer is no failure of the host", async () => {
  const { pool, target, state } = bench();
  state.failure = berthError("operation.aborted", { message: "the question was not answered" });
  const onPrompt = async () => undefined;
  await assert.rejects(pool.connect(target, { onPrompt }), isCode("operation.aborted"));
  const { consecutiveFailures, lastError, backoffUntil } = pool.health(target);
  assert.deepEqual([consecutiveFailures, lastError, backoffUntil], [0, undefined, undefined]);
});
