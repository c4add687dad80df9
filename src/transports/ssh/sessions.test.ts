import assert from "node:assert/strict";
import { test } from "node:test";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { createSshPool } from "./pool.ts";
import { FakeClock, FakeConnection, fakeTarget, settle } from "./testing.ts";

/** A pool to a server with MaxSessions. */
function bench(maxSessions: number, maxConnections = 4) {
  const clock = new FakeClock();
  const made: FakeConnection[] = [];
  const state = { attempts: 0, failure: undefined as BerthError | undefined };
  const pool = createSshPool({
    clock,
    random: () => 0.5,
    connect: async () => {
      state.attempts++;
      if (state.failure !== undefined) throw state.failure;
      const connection = new FakeConnection(maxSessions);
      made.push(connection);
      return { connection, reason: "the test says so" };
    },
  });
  const open = () => made.reduce((sum, connection) => sum + connection.open.length, 0);
  const refusals = () => made.reduce((sum, connection) => sum + connection.refusals, 0);
  return { clock, made, state, pool, target: fakeTarget({ maxConnections }), open, refusals };
}

type Bench = ReturnType<typeof bench>;

/** Ends what is open until all have ended; tells the order in which they were opened. */
async function drain({ made, clock }: Bench, started: Promise<unknown>[]): Promise<string[]> {
  const order: string[] = [];
  let done = false;
  const all = Promise.all(started).then(() => {
    done = true;
  });
  for (let turn = 0; turn < 1_000 && !(done && made.every(({ open }) => open.length === 0)); turn++) {
    for (const { open } of made) {
      for (const session of [...open]) {
        order.push(session.commandLine);
        session.end(0);
      }
    }
    await settle();
    if (turn % 20 === 19) await clock.pass(100);
  }
  await all;
  return order;
}

for (const maxSessions of [1, 2, 10]) {
  test(`200 commands at once all run where a connection has ${maxSessions} sessions`, async () => {
    const place = bench(maxSessions);
    const started = Array.from({ length: 200 }, (_, index) => place.pool.exec(place.target, `${index}`));
    const order = await drain(place, started);
    assert.deepEqual(
      order.map(Number).sort((a, b) => a - b),
      Array.from({ length: 200 }, (_, index) => index),
    );
    assert.ok(place.made.length <= 4, `${place.made.length} connections`);
    // Asked for in packs of ten until the limit is known, on each connection.
    assert.ok(place.refusals() <= 40, `${place.refusals()} refusals`);
  });
}

test("a limit is learnt from a refusal: then nothing is refused, and the rest waits in order", async () => {
  const place = bench(3, 1);
  const { pool, target, made, open, refusals } = place;
  const started = Array.from({ length: 12 }, (_, index) => pool.exec(target, `${index}`));
  await settle();
  await settle();
  await settle();
  assert.equal(open(), 3);
  assert.deepEqual([pool.health(target).sessions, pool.health(target).queued], [3, 9]);
  const learnt = refusals();
  assert.ok(learnt > 0);
  const order: string[] = [];
  while (open() > 0) {
    const session = made[0]?.open[0];
    order.push(session?.commandLine ?? "");
    session?.end(0);
    for (let turn = 0; turn < 4; turn++) await settle();
  }
  await Promise.all(started);
  assert.deepEqual(
    order,
    started.map((_, index) => `${index}`),
  );
  assert.equal(refusals(), learnt);
});

test("sessions that are accepted after others were refused count to the limit as well", async () => {
  const place = bench(5, 1);
  const { pool, target, made, open } = place;
  await pool.connect(target);
  const [connection] = made;
  assert.ok(connection);
  connection.slowToAccept = true;
  const started = Array.from({ length: 8 }, (_, index) => pool.exec(target, `${index}`));
  await settle();
  assert.deepEqual([open(), connection.refusals], [5, 3]);
  connection.open[0]?.end(0);
  await settle();
  assert.equal(open(), 5);
  await drain(place, started);
});

test("further connections are made only when those that there are have no room, and only up to the limit", async () => {
  const place = bench(10, 3);
  const few = Array.from({ length: 10 }, (_, index) => place.pool.exec(place.target, `${index}`));
  await Promise.all(few);
  assert.equal(place.made.length, 1);
  const more = Array.from({ length: 50 }, (_, index) => place.pool.exec(place.target, `more ${index}`));
  for (let turn = 0; turn < 40; turn++) await settle();
  assert.equal(place.made.length, 3);
  assert.equal(place.open(), 30);
  assert.equal(place.pool.health(place.target).attemptsLastMinute, 3);
  await drain(place, more);
});

test("that a further connection is refused is no failure of those who wait, and is not tried on and on", async () => {
  const place = bench(2, 4);
  await place.pool.connect(place.target);
  place.state.failure = berthError("ssh.server_busy", { context: { host: "box" } });
  const started = Array.from({ length: 40 }, (_, index) => place.pool.exec(place.target, `${index}`));
  await drain(place, started);
  assert.ok(place.state.attempts <= 4, `${place.state.attempts} attempts`);
  const { consecutiveFailures, state } = place.pool.health(place.target);
  assert.deepEqual([consecutiveFailures, state], [0, "healthy"]);
});

test("a further connection is tried again after its backoff while somebody waits", async () => {
  const place = bench(1, 2);
  await place.pool.exec(place.target, "long");
  place.state.failure = berthError("ssh.server_busy", { context: { host: "box" } });
  const waiting = place.pool.exec(place.target, "waits");
  for (let turn = 0; turn < 10; turn++) await settle();
  assert.equal(place.state.attempts, 2);
  place.state.failure = undefined;
  await place.clock.pass(1_000);
  await waiting;
  assert.equal(place.made.length, 2);
});

test("a limit is tried again, one session at a time, so that a raised one is found; less and less often", async () => {
  const place = bench(2, 1);
  const { pool, target, clock, made, open } = place;
  const started = Array.from({ length: 8 }, (_, index) => pool.exec(target, `${index}`));
  await settle();
  const [connection] = made;
  assert.ok(connection);
  assert.equal(open(), 2);
  const refusedAt: number[] = [];
  const since = clock.now();
  for (let before = connection.refusals; clock.now() - since < 300_000; ) {
    await clock.pass(500);
    if (connection.refusals > before) refusedAt.push((clock.now() - since) / 1_000);
    assert.ok(connection.refusals - before <= 1);
    before = connection.refusals;
  }
  assert.deepEqual(refusedAt, [1, 3, 7, 15, 31, 63, 123, 183, 243]);
  connection.maxSessions = 5;
  const before = connection.refusals;
  await clock.pass(60_000);
  await settle();
  assert.deepEqual([open(), connection.refusals], [5, before + 1]);
  await drain(place, started);
});

test("what ends others goes first, on a connection of its own where there is no room at all", async () => {
  const place = bench(1, 1);
  const { pool, target, made, open } = place;
  await pool.exec(target, "runs");
  const waiting = pool.exec(target, "waits");
  for (let turn = 0; turn < 5; turn++) await settle();
  assert.deepEqual([made.length, open()], [1, 1]);
  const urgent = pool.exec(target, "ends the first", { urgent: true });
  for (let turn = 0; turn < 10; turn++) await settle();
  const ending = await urgent;
  assert.equal(made[1]?.open[0]?.commandLine, "ends the first");
  ending.close();
  for (let turn = 0; turn < 5; turn++) await settle();
  assert.deepEqual([made[1]?.open.length, pool.health(target).queued], [0, 1], "it is for nothing else");
  await pool.exec(target, "ends another", { urgent: true });
  const second = pool.exec(target, "ends the second", { urgent: true });
  for (let turn = 0; turn < 5; turn++) await settle();
  assert.equal(made.length, 2);
  made[0]?.open[0]?.end(0);
  for (let turn = 0; turn < 5; turn++) await settle();
  await second;
  assert.equal(made[0]?.open[0]?.commandLine, "ends the second");
  await drain(place, [waiting]);
});

test("who aborts while waiting for a session leaves the queue, and the others are served", async () => {
  const place = bench(1, 1);
  const { pool, target } = place;
  await pool.exec(target, "runs");
  const abort = new AbortController();
  const gone = pool.exec(target, "gone", { signal: abort.signal });
  gone.catch(() => {});
  const stays = pool.exec(target, "stays");
  for (let turn = 0; turn < 5; turn++) await settle();
  assert.equal(pool.health(target).queued, 2);
  abort.abort();
  await assert.rejects(gone, (error) => isBerthError(error, "operation.aborted"));
  assert.equal(pool.health(target).queued, 1);
  assert.deepEqual(await drain(place, [stays]), ["runs", "stays"]);
});

test("those who wait for a session when the connection is lost get one on the next", async () => {
  const place = bench(1, 1);
  const { pool, target, made, clock } = place;
  const running = await pool.exec(target, "runs");
  const waiting = [pool.exec(target, "1"), pool.exec(target, "2")];
  for (let turn = 0; turn < 5; turn++) await settle();
  await clock.pass(10_000);
  made[0]?.lose();
  await assert.rejects(running.exit, (error) => isBerthError(error, "transport.disconnected"));
  for (let turn = 0; turn < 10; turn++) await settle();
  assert.equal(made.length, 2);
  assert.deepEqual((await drain(place, waiting)).slice(-2), ["1", "2"]);
});

test("several connections that end together, soon after they were made, are backed off from as one", async () => {
  const place = bench(1, 4);
  const { pool, target, made } = place;
  await Promise.all([1, 2, 3, 4].map((index) => pool.exec(target, `${index}`)));
  assert.equal(made.length, 4);
  for (const connection of made) connection.lose();
  await settle();
  const { backoffUntil, consecutiveFailures } = pool.health(target);
  assert.equal((backoffUntil ?? 0) - place.clock.now(), 1_000);
  assert.equal(consecutiveFailures, 0);
});

test("a server that opens no session at all is told after a few seconds", async () => {
  const place = bench(0);
  const errors: unknown[] = [];
  const ask = () => place.pool.exec(place.target, "never").catch((error) => errors.push(error));
  for (let caller = 0; caller < 50; caller++) void ask();
  await place.clock.pass(2_000);
  assert.deepEqual(errors, []);
  await place.clock.pass(2_000);
  assert.equal(errors.length, 50);
  assert.ok(errors.every((error) => isBerthError(error, "ssh.sessions_refused")));
  // Ten that are asked for together, and five later ones alone.
  assert.ok(place.refusals() <= 15, `${place.refusals()} refusals`);
  assert.equal(place.made.length, 1);
  void ask();
  await place.clock.pass(2_000);
  assert.equal(errors.length, 51, "who comes later is told by the next refusal");
});

test("sessions that go on at the server after they ended here are got around by a further connection", async () => {
  const place = bench(3);
  const { pool, target, made, clock } = place;
  const started = await Promise.all([1, 2, 3].map((index) => pool.exec(target, `${index}`)));
  for (const process of started) process.close();
  const [first] = made;
  assert.ok(first);
  first.maxSessions = 0;
  const next = pool.exec(target, "next");
  await clock.pass(1_000);
  await next;
  assert.equal(made[1]?.open[0]?.commandLine, "next");
});

test("a connection that opens nothing is no reason to give up while commands run on another", async () => {
  const place = bench(1, 2);
  const { pool, target, made, clock } = place;
  await pool.exec(target, "long");
  const second = await pool.exec(target, "short");
  assert.ok(made[1]);
  made[1].maxSessions = 0;
  second.close();
  const waiting = pool.exec(target, "waits");
  await clock.pass(20_000);
  made[0]?.open[0]?.end(0);
  await clock.pass(2_000);
  await waiting;
  assert.equal(made[0]?.open[0]?.commandLine, "waits");
});

test("a place of a session that could not be opened for another reason is given back", async () => {
  const place = bench(1, 1);
  const { pool, target, made } = place;
  await pool.connect(target);
  const [connection] = made;
  assert.ok(connection);
  connection.failure = berthError("ssh.sftp_missing", { context: { host: "box" } });
  for (let turn = 0; turn < 30; turn++) {
    await assert.rejects(pool.sftp(target), (error) => isBerthError(error, "ssh.sftp_missing"));
  }
  connection.failure = undefined;
  const stream = await pool.sftp(target);
  assert.equal(pool.health(target).sessions, 1);
  stream.destroy();
  await settle();
  assert.equal(pool.health(target).sessions, 0);
});
