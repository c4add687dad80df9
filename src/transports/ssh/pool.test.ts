import assert from "node:assert/strict";
import { test } from "node:test";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { bench, DENIED, isCode, REFUSED, watch } from "./pool.testing.ts";
import { fakeTarget, settle } from "./testing.ts";

test("one connection is shared by everything that goes to the same host", async () => {
  const { pool, target, made, state } = bench();
  const same = { ...target };
  const [first] = await Promise.all([
    pool.exec(target, "one"),
    pool.exec(same, "two"),
    pool.dialUnix(same, "/run/sock"),
  ]);
  assert.equal(state.attempts, 1);
  assert.deepEqual(
    made[0]?.open.map(({ commandLine }) => commandLine),
    ["one", "two"],
  );
  assert.ok(first);
  await pool.connect(fakeTarget({ key: "another" }));
  assert.equal(made.length, 2);
  assert.deepEqual(
    pool.states().map(({ key, connections, sessions }) => [key, connections, sessions]),
    [
      [target.key, 1, 2],
      ["another", 1, 0],
    ],
  );
});

test("waits behind failures are 1, 2, 4, 7, 10, 10 seconds, and a success begins anew", async () => {
  const { pool, target, state, clock } = bench();
  state.failure = REFUSED;
  const waits: number[] = [];
  const outcome = watch(pool.connect(target, { onWait: (milliseconds) => waits.push(milliseconds) }));
  await clock.pass(40_000);
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 7_000, 10_000, 10_000, 10_000]);
  assert.equal(state.attempts, 7);
  assert.equal(outcome.settled, false);
  assert.equal(pool.health(target).consecutiveFailures, 7);
  state.failure = undefined;
  await clock.pass(10_000);
  assert.equal(outcome.value?.transport, "ssh2");
  const { state: health, consecutiveFailures, backoffUntil } = pool.health(target);
  assert.deepEqual([health, consecutiveFailures, backoffUntil], ["healthy", 0, undefined]);
});

test("each wait is a fifth shorter or longer at most", async () => {
  for (const [random, expected] of [
    [0, 800],
    [1, 1_200],
  ] as const) {
    const { pool, target, state } = bench({ random });
    state.failure = REFUSED;
    await assert.rejects(pool.connect(target, { maxWaitMs: 0 }));
    await assert.rejects(pool.connect(target, { maxWaitMs: 0 }), (error) => {
      assert.ok(isBerthError(error, "ssh.waiting"));
      assert.equal(error.context.retryInMs, expected);
      return true;
    });
  }
});

test("a host that is down is tried as often by thirty that wait as by one", async () => {
  const { pool, target, state, clock } = bench();
  state.failure = REFUSED;
  const abort = new AbortController();
  // Each comes again at once, as what runs already does when its connection was lost.
  const again = async (maxWaitMs: number | undefined): Promise<void> => {
    while (!abort.signal.aborted) {
      await pool.connect(target, { maxWaitMs, signal: abort.signal }).catch(() => {});
      await new Promise<void>((resolve) => clock.after(200, resolve));
    }
  };
  for (let caller = 0; caller < 30; caller++) void again(caller % 2 === 0 ? undefined : 0);
  await clock.pass(60_000);
  // At 0, 1, 3, 7, 14, 24, 34, 44, 54 seconds; in each later minute six.
  assert.ok(state.attempts <= 9, `${state.attempts} attempts`);
  assert.ok(state.attempts >= 8);
  assert.equal(pool.health(target).attemptsLastMinute, state.attempts - 1, "the first is a minute old");
  await clock.pass(60_000);
  assert.ok(pool.health(target).attemptsLastMinute <= 6);
  abort.abort();
  await clock.pass(100);
});

test("maxWaitMs 0 fails at once with the state; a longer one waits only for what comes in time", async () => {
  const { pool, target, state, clock } = bench();
  state.failure = REFUSED;
  await assert.rejects(pool.connect(target, { maxWaitMs: 0 }), isCode("ssh.connection_refused"));
  await assert.rejects(pool.connect(target, { maxWaitMs: 0 }), (error) => {
    assert.ok(isBerthError(error, "ssh.waiting"));
    assert.match(error.message, /nothing listens on port 22 of box.example/);
    assert.equal(Date.parse(String(error.context.retryAt)), clock.now() + 1_000);
    assert.equal(error.context.lastCode, "ssh.connection_refused");
    assert.equal(error.retryable, true);
    return true;
  });
  await assert.rejects(pool.connect(target, { maxWaitMs: 999 }), isCode("ssh.waiting"));
  assert.equal(state.attempts, 1);
  const patient = watch(pool.connect(target, { maxWaitMs: 2_500 }));
  await clock.pass(1_000);
  assert.equal(state.attempts, 2);
  assert.ok(
    isBerthError(patient.error, "ssh.connection_refused"),
    "the attempt after it would come too late",
  );
});

test("what waiting does not heal is not tried again by itself, and not more often by who asks again", async () => {
  const { pool, target, state, clock } = bench();
  state.failure = DENIED;
  await assert.rejects(pool.connect(target), isCode("ssh.auth_failed"));
  await clock.pass(60_000);
  assert.equal(state.attempts, 1);
  await assert.rejects(pool.connect(target), isCode("ssh.auth_failed"));
  assert.equal(state.attempts, 2);
  await assert.rejects(pool.connect(target, { maxWaitMs: 0 }), isCode("ssh.auth_failed"));
  assert.equal(state.attempts, 2, "the error is that of the last attempt");
  state.failure = undefined;
  const later = watch(pool.connect(target));
  await clock.pass(1_999);
  assert.equal(later.settled, false);
  await clock.pass(1);
  assert.ok(later.value);
});

test("a host that failed for its unknown key is tried at once when a key was recorded; another failure stays", async () => {
  for (const [code, attempts] of [
    ["ssh.host_key_unknown", 2],
    ["ssh.connection_refused", 1],
  ] as const) {
    const { pool, target, state } = bench();
    state.failure = berthError(code, { context: { host: "box" } });
    await assert.rejects(pool.connect(target, { maxWaitMs: 0 }), isCode(code));
    state.failure = undefined;
    pool.keyTrusted();
    await pool.connect(target, { maxWaitMs: 0 }).catch(() => undefined);
    assert.equal(state.attempts, attempts, code);
  }
});

test("a name that was never known is told at once; one that was known is waited for", async () => {
  const { pool, target, state, clock, made } = bench();
  state.failure = berthError("ssh.name_not_found", { context: { hostname: "box.example" } });
  await assert.rejects(pool.connect(target), isCode("ssh.name_not_found"));
  const known = state.failure;
  state.failure = undefined;
  const first = watch(pool.connect(target));
  await clock.pass(1_000);
  assert.ok(first.value);
  await clock.pass(10_000);
  made[0]?.lose();
  await settle();
  state.failure = known;
  const outcome = watch(pool.connect(target));
  await clock.pass(500);
  assert.equal(outcome.settled, false);
  state.failure = undefined;
  await clock.pass(1_000);
  assert.ok(outcome.value);
});

test("a connection that had no session gets one behind its first stream, so that sshd sends at once; no other does", async () => {
  const { pool, target, made } = bench();
  const streams = [await pool.dialUnix(target, "/run/sock"), await pool.dialUnix(target, "/run/sock")];
  assert.equal(made[0]?.hurried, 1);
  const another = bench();
  await another.pool.exec(another.target, "one");
  streams.push(await another.pool.dialUnix(another.target, "/run/sock"));
  assert.equal(another.made[0]?.hurried, 0);
  for (const stream of streams) stream.destroy();
});

test("a healthy connection is not probed: it is handed out without asking the host anything", async () => {
  const { pool, target, state, clock, made } = bench();
  const stream = await pool.dialUnix(target, "/run/sock");
  for (let second = 0; second < 300; second += 10) {
    await pool.connect(target);
    await clock.pass(10_000);
  }
  assert.equal(state.attempts, 1);
  assert.equal(made[0]?.open.length, 0);
  assert.equal(pool.health(target).state, "healthy");
  stream.destroy();
});

test("a host is healthy for 15 s after its last connection ended in order, and then unknown", async () => {
  const { pool, target, clock } = bench();
  assert.equal(pool.health(target).state, "unknown");
  const process = await pool.exec(target, "one");
  await clock.pass(120_000);
  process.close();
  await settle();
  await pool.exec(target, "two").then((two) => two.close());
  await pool.close();
  await clock.pass(14_000);
  assert.equal(pool.health(target).state, "healthy");
  await clock.pass(2_000);
  assert.equal(pool.health(target).state, "unknown");
});

test("a connection without use is closed after 60 s, and keeps no process alive until then", async () => {
  const { pool, target, clock, made, state } = bench();
  const process = await pool.exec(target, "one");
  const stream = await pool.dialUnix(target, "/run/sock");
  const [connection] = made;
  assert.equal(connection?.referenced, true);
  await clock.pass(120_000);
  process.close();
  await settle();
  await clock.pass(120_000);
  assert.deepEqual([connection?.referenced, connection?.closed], [true, false], "the stream is open");
  stream.destroy();
  await settle();
  assert.equal(connection?.referenced, false);
  assert.equal(clock.foreground, 0);
  await clock.pass(59_000);
  const again = await pool.exec(target, "two");
  assert.equal(connection?.referenced, true);
  again.close();
  await settle();
  await clock.pass(59_999);
  assert.equal(connection?.closed, false);
  await clock.pass(1);
  assert.equal(connection?.closed, true);
  await pool.exec(target, "three");
  assert.equal(state.attempts, 2);
  assert.equal(pool.health(target).lastFailure, undefined);
});

test("a connection that has ended is made anew on demand, at once when it had lasted", async () => {
  const { pool, target, clock, made, state } = bench();
  await pool.connect(target);
  await clock.pass(10_000);
  made[0]?.lose();
  await settle();
  assert.deepEqual(
    [pool.health(target).connections, pool.health(target).lastError?.code],
    [0, "transport.disconnected"],
  );
  await pool.connect(target, { maxWaitMs: 0 });
  assert.equal(state.attempts, 2);
});

test("connections that don't last are backed off from like failures", async () => {
  const { pool, target, clock, made, state } = bench();
  const abort = new AbortController();
  const again = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      await pool.connect(target, { signal: abort.signal }).catch(() => {});
      made.at(-1)?.lose();
      await settle();
    }
  };
  void again();
  await clock.pass(60_000);
  assert.ok(state.attempts <= 9, `${state.attempts} attempts`);
  abort.abort();
  await clock.pass(20_000);
});

test("a command's exit 255 is no failure of the connection", async () => {
  const { pool, target, made } = bench();
  const process = await pool.exec(target, "exit 255");
  made[0]?.open[0]?.end(255);
  assert.equal((await process.exit).exitCode, 255);
  await settle();
  const { consecutiveFailures, lastFailure, state, connections } = pool.health(target);
  assert.deepEqual([consecutiveFailures, lastFailure, state, connections], [0, undefined, "healthy", 1]);
});

test("a dial on a connection that was gone unnoticed is made again on a new one", async () => {
  const { pool, target, made, state, clock } = bench();
  await pool.connect(target);
  await clock.pass(10_000);
  const [gone] = made;
  assert.ok(gone);
  gone.failure = berthError("transport.disconnected");
  gone.dialUnix = async () => {
    gone.lose();
    throw berthError("transport.disconnected");
  };
  await pool.dialUnix(target, "/run/sock");
  assert.equal(state.attempts, 2);
});
