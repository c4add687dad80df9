import assert from "node:assert/strict";
import { test } from "node:test";
import { isBerthError } from "../../../contract/errors.ts";
import { Channel } from "./channel.ts";
import { SessionAhead } from "./session-ahead.ts";

function channel(local: number): Channel {
  return new Channel({ local, remote: local, window: 0, maxDataBytes: 1, send: () => {} });
}

/** Opens numbered channels, each when it is told to. */
function opener() {
  const openings: PromiseWithResolvers<Channel>[] = [];
  const ahead = new SessionAhead(() => {
    const opening = Promise.withResolvers<Channel>();
    openings.push(opening);
    return opening.promise;
  });
  return {
    ahead,
    count: () => openings.length,
    open: (index: number): Channel => {
      const opened = channel(index);
      openings[index]?.resolve(opened);
      return opened;
    },
    refuse: (index: number): void => openings[index]?.reject(new Error("refused")),
  };
}

test("what was opened ahead is taken once; without it a session is opened", async () => {
  const server = opener();
  const first = server.ahead.take(undefined);
  server.open(0);
  assert.equal((await first).local, 0);
  server.ahead.prepare();
  server.ahead.prepare();
  assert.equal(server.count(), 2, "there is one ahead and no more");
  const second = server.ahead.take(undefined);
  const third = server.ahead.take(undefined);
  assert.equal(server.count(), 3);
  server.open(1);
  server.open(2);
  assert.deepEqual([(await second).local, (await third).local], [1, 2]);
});

test("a session that the server has closed meanwhile is not used", async () => {
  const server = opener();
  server.ahead.prepare();
  server.open(0).onClose();
  const taken = server.ahead.take(undefined);
  await new Promise((resolve) => setImmediate(resolve));
  server.open(1);
  assert.equal((await taken).local, 1);
});

test("after a refusal none is opened ahead any more", async () => {
  const server = opener();
  server.ahead.prepare();
  server.refuse(0);
  await new Promise((resolve) => setImmediate(resolve));
  server.ahead.prepare();
  assert.equal(server.count(), 1);
  const taken = server.ahead.take(undefined);
  server.open(1);
  assert.equal((await taken).local, 1);
});

test("who aborts leaves it to the next one, or has it closed", async () => {
  const server = opener();
  server.ahead.prepare();
  const abort = new AbortController();
  const aborted = server.ahead.take(abort.signal);
  abort.abort();
  await assert.rejects(aborted, (error) => isBerthError(error, "operation.aborted"));
  const next = server.ahead.take(undefined);
  server.open(0);
  assert.equal((await next).local, 0);
  assert.equal(server.count(), 1);

  server.ahead.prepare();
  const late = new AbortController();
  const other = server.ahead.take(late.signal);
  server.ahead.prepare();
  late.abort();
  await assert.rejects(other, (error) => isBerthError(error, "operation.aborted"));
  const unwanted = server.open(1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(unwanted.over, true);
});
