import assert from "node:assert/strict";
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory, smallDisk } from "../../test/fixtures/disk.ts";
import { requireOrSkip } from "../../test/fixtures/install.ts";
import { waitFor } from "../../test/fixtures/process.ts";
import { isBerthError } from "../contract/errors.ts";
import { lazyEventLog } from "./lazy.ts";
import { openEventLog } from "./open.ts";
import { WriteQueue } from "./write-queue.ts";

test("events are told behind a number and as they come, with filters, and a reader that stands still holds up nobody", async () => {
  await using scratch = await scratchDirectory();
  await using log = await openEventLog({ stateDirectory: scratch.path });
  await using other = await openEventLog({ stateDirectory: scratch.path, threads: false });
  log.append({ type: "a.before", message: "0" });
  await log.flush();
  const stop = new AbortController();
  const { signal } = stop;
  const read = async (options: Parameters<typeof log.follow>[0], seen: string[]) => {
    for await (const { event } of log.follow({ ...options, signal })) seen.push(event.message);
  };
  const [all, fromNow, filtered]: [string[], string[], string[]] = [[], [], []];
  const slow = log.follow({ after: 0, signal })[Symbol.asyncIterator]();
  assert.equal((await slow.next()).value?.event.message, "0");
  const readers = [
    read({ after: 0 }, all),
    read({}, fromNow),
    read({ types: ["b"], workspaces: ["w1", "w2"] }, filtered),
  ];
  // Reading from now on begins with the call, before anything is written.
  await log.head();
  const expected = ["0"];
  for (let at = 1; at <= 1_500; at++) {
    const one = at % 2 === 0 ? log : other;
    one.append({ type: at % 3 === 0 ? "b.x" : "a.x", workspace: `w${at % 4}`, message: String(at) });
    // In turns, so that the order is known.
    if (at % 100 === 0) await Promise.all([log.flush(), other.flush()]);
    expected.push(String(at));
  }
  await waitFor("everything is told", () => all.length >= 1_501 && fromNow.length >= 1_500, {
    deadlineMs: 60_000,
  });
  assert.deepEqual(
    all.toSorted((a, b) => Number(a) - Number(b)),
    expected,
  );
  assert.deepEqual(fromNow, all.slice(1), "in one order for all");
  const wanted = all.filter((message) => Number(message) % 3 === 0 && [1, 2].includes(Number(message) % 4));
  await waitFor("the filtered ones are told", () => filtered.length >= wanted.length, { deadlineMs: 60_000 });
  assert.deepEqual(filtered, wanted);
  const rest: string[] = [];
  for (let at = 0; at < 1_500; at++) rest.push((await slow.next()).value?.event.message ?? "");
  assert.deepEqual(rest, all.slice(1));
  stop.abort();
  await Promise.all(readers);
  assert.equal((await slow.next()).done, true);
});

test("times never go backwards, and since and until find by them", async () => {
  await using scratch = await scratchDirectory();
  await using log = await openEventLog({ stateDirectory: scratch.path, threads: false });
  const now = Date.now();
  const real = Date.prototype.toISOString;
  let offsetMs = 0;
  const clock = (value: Date) => real.call(new Date(value.getTime() + offsetMs));
  Date.prototype.toISOString = function () {
    return clock(this);
  };
  try {
    for (const next of [0, 5_000, -60_000, 10_000]) {
      offsetMs = next;
      log.append({ type: "a.b", message: String(next) });
      await log.flush();
    }
  } finally {
    Date.prototype.toISOString = real;
  }
  const times = (await log.read()).map(({ event }) => event.time);
  assert.deepEqual(times, times.toSorted());
  assert.equal(times[2], times[1]);
  const found = async (query: Parameters<typeof log.read>[0]) =>
    (await log.read(query)).map(({ event }) => event.sequence);
  assert.deepEqual(await found({ since: times[1] }), [2, 3, 4]);
  assert.deepEqual(await found({ until: times[1] }), [1, 2, 3]);
  assert.deepEqual(await found({ since: new Date(now + 3_600_000).toISOString() }), []);
  assert.deepEqual(await found({ until: "2020-01-01T00:00:00+02:00" }), []);
});

test("what several programs tell of one thing is taken once", async () => {
  await using scratch = await scratchDirectory();
  await using one = await openEventLog({ stateDirectory: scratch.path, threads: false });
  await using two = await openEventLog({ stateDirectory: scratch.path, threads: false });
  for (let at = 0; at < 50; at++) {
    for (const log of [one, two])
      log.append({ type: "process.exited", message: String(at), source: `boot:${at}` });
  }
  await Promise.all([one.flush(), two.flush()]);
  const messages = (await one.read()).map(({ event }) => Number(event.message));
  assert.deepEqual(
    messages.toSorted((a, b) => a - b),
    Array.from({ length: 50 }, (_, at) => at),
  );
  assert.equal((await one.verify()).records, 50);
});

test("a full disk costs nothing but time: it is told once, and what was kept is written when there is room", async (t) => {
  const disk = await requireOrSkip(t, () => smallDisk({ size: 1024 * 1024 }));
  if (disk === undefined) return;
  await using _disk = disk;
  const troubles: Error[] = [];
  await using log = await openEventLog({
    stateDirectory: join(disk.path, "state"),
    onTrouble: (error) => troubles.push(error),
  });
  log.append({ type: "a.b", message: "0" });
  await log.flush();
  const filler = join(disk.path, "filler");
  assert.throws(() => writeFileSync(filler, Buffer.alloc(2 * 1024 * 1024)), /ENOSPC/);
  for (let at = 1; at <= 40; at++)
    log.append({ type: "a.b", message: String(at), data: { long: "x".repeat(10_000) } });
  await assert.rejects(log.flush(), (error) => isBerthError(error, "ENOSPC"));
  await assert.rejects(log.flush(), (error) => isBerthError(error, "ENOSPC"));
  assert.equal(troubles.length, 1, String(troubles));
  truncateSync(filler, 0);
  const written = async () => (await log.head()).sequence === 41;
  await waitFor("it is written by itself", written, { deadlineMs: 60_000 });
  assert.deepEqual(
    (await log.read()).map(({ event }) => event.message),
    Array.from({ length: 41 }, (_, at) => String(at)),
  );
  assert.equal((await log.verify()).ok, true);
});

test("what is beyond the room for waiting events is lost, and an event in its place says how much", async () => {
  const written: string[] = [];
  let isFull = true;
  const troubles: string[] = [];
  const queue = new WriteQueue({
    write: async (drafts) => {
      if (isFull) throw new Error("full");
      written.push(...drafts.map(({ type, rest }) => (type === "log.gap" ? rest : type)));
    },
    onTrouble: ({ message }) => troubles.push(message),
  });
  const draft = (type: string) => ({
    time: "2026-11-21T20:44:38.123Z",
    type,
    workspace: null,
    processId: null,
    source: null,
    rest: `"message":"${"x".repeat(1024 * 1024)}"}`,
  });
  for (let at = 0; at < 70; at++) queue.push(draft(`a${at}`));
  await assert.rejects(queue.flush(), /full/);
  assert.deepEqual(troubles, ["full"]);
  isFull = false;
  await queue.flush();
  queue.push(draft("later"));
  await queue.flush();
  const kept = written.findIndex((text) => text.startsWith('"message":"'));
  assert.ok(kept >= 60 && kept < 70, String(kept));
  assert.deepEqual(
    written.slice(0, kept),
    Array.from({ length: kept }, (_, at) => `a${at}`),
  );
  assert.match(written[kept] ?? "", new RegExp(`^"message":"${70 - kept} events could not be kept`));
  assert.deepEqual(written.slice(kept + 1), ["later"]);
  await queue.close();
});

test("the key is its owner's alone and stays; the head is signed at the end", async () => {
  await using scratch = await scratchDirectory();
  {
    await using log = await openEventLog({ stateDirectory: scratch.path });
    log.append({ type: "a.b", message: "" });
  }
  const key = join(scratch.path, "events.key");
  assert.equal(statSync(key).mode & 0o777, 0o600);
  const before = readFileSync(key, "utf8");
  await using log = await openEventLog({ stateDirectory: scratch.path, threads: false });
  const found = await log.verify();
  assert.deepEqual([found.ok, found.signed?.sequence], [true, 1]);
  await log.sign();
  assert.equal(readFileSync(key, "utf8"), before);
  writeFileSync(key, "no key");
  await assert.rejects(log.verify(), (error) => isBerthError(error, "store.damaged"));
});

test("a log that nobody writes to is not opened; one that can't be opened is told once", async () => {
  await using scratch = await scratchDirectory();
  {
    await using _log = lazyEventLog({ stateDirectory: join(scratch.path, "none") });
  }
  assert.equal(statSync(join(scratch.path, "none"), { throwIfNoEntry: false }), undefined);
  writeFileSync(join(scratch.path, "file"), "");
  const troubles: Error[] = [];
  {
    await using log = lazyEventLog({
      stateDirectory: join(scratch.path, "file", "state"),
      onTrouble: (error) => troubles.push(error),
    });
    log.append({ type: "a.b", message: "" });
    await assert.rejects(log.flush());
  }
  assert.equal(troubles.length, 1);
});

test("histories of a database of the first version are the beginning of the chain", async () => {
  await using scratch = await scratchDirectory();
  await cp(join(import.meta.dirname, "../../test/store/version-1.db"), join(scratch.path, "berth.db"));
  await using log = await openEventLog({ stateDirectory: scratch.path, threads: false });
  log.append({ type: "a.b", message: "new" });
  const found = await log.verify();
  assert.deepEqual([found.ok, found.records], [true, 2]);
  const [first] = await log.read({ workspace: "w0123456789" });
  assert.equal(first?.event.message, "made");
});
