import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { LogStorage } from "./log-storage.ts";
import { type LogPosition, OutputLog } from "./output-log.ts";

async function place(): Promise<{ directory: string; storage: LogStorage } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), "berth-log-"));
  const storage = new LogStorage();
  return {
    directory,
    storage,
    async [Symbol.asyncDispose]() {
      storage.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Everything from a cursor: bytes by channel in order, and gaps. */
async function readAll(
  log: OutputLog,
  from: number,
  limit = 64 * 1024,
): Promise<{ bytes: [number, Buffer][]; gaps: [number, number][] }> {
  const position: LogPosition = { cursor: from };
  const bytes: [number, Buffer][] = [];
  const gaps: [number, number][] = [];
  for (;;) {
    const read = await log.read(position, limit);
    if (read.type === "end") return { bytes, gaps };
    if (read.type === "gap") {
      assert.equal(read.from, position.cursor);
      gaps.push([read.from, read.to]);
      position.cursor = read.to;
      continue;
    }
    const data = Buffer.concat(read.parts);
    assert.equal(
      data.length,
      read.runs.reduce((sum, run) => sum + run.length, 0),
    );
    assert.equal(read.next, position.cursor + data.length);
    let at = 0;
    for (const run of read.runs) {
      const last = bytes[bytes.length - 1];
      const piece = data.subarray(at, at + run.length);
      if (last?.[0] === run.channel) last[1] = Buffer.concat([last[1], piece]);
      else bytes.push([run.channel, piece]);
      at += run.length;
    }
    position.cursor = read.next;
  }
}

const appends = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.uint8Array({ minLength: 1, maxLength: 3000 })), {
  maxLength: 60,
});

function expected(parts: readonly (readonly [number, Uint8Array])[], from: number): [number, Buffer][] {
  const result: [number, Buffer][] = [];
  let cursor = 0;
  for (const [channel, bytes] of parts) {
    const rest = bytes.subarray(Math.max(0, Math.min(bytes.length, from - cursor)));
    cursor += bytes.length;
    if (rest.length === 0) continue;
    const last = result[result.length - 1];
    if (last?.[0] === channel) last[1] = Buffer.concat([last[1], rest]);
    else result.push([channel, Buffer.from(rest)]);
  }
  return result;
}

test("any cursor gives exactly what was written from there, from memory and from the disk", async () => {
  await using at = await place();
  let count = 0;
  await fc.assert(
    fc.asyncProperty(
      appends,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 5000 }),
      async (parts, share, limit) => {
        const directory = join(at.directory, String(count++));
        const log = new OutputLog({ directory, limitBytes: 2 ** 30, storage: at.storage });
        for (const [channel, bytes] of parts) log.append(channel, bytes);
        const from = Math.floor(log.end * share);
        assert.deepEqual(await readAll(log, from, limit), { bytes: expected(parts, from), gaps: [] });
        await log.flushed();
        log.releaseMemory(0);
        assert.equal(log.residentBytes, 0);
        assert.deepEqual(await readAll(log, from, limit), { bytes: expected(parts, from), gaps: [] });
        await log.close({ remove: false });
        if (log.end > 0) {
          const again = await OutputLog.recover({ directory, limitBytes: 2 ** 30, storage: at.storage });
          assert.deepEqual(await readAll(again, from, limit), { bytes: expected(parts, from), gaps: [] });
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("over its limit the oldest bytes go, a reader gets one gap and then exact bytes", async () => {
  await using at = await place();
  const directory = join(at.directory, "p");
  const log = new OutputLog({ directory, limitBytes: 8 * 1024 * 1024, storage: at.storage });
  const chunk = Buffer.alloc(1024 * 1024);
  for (let index = 0; index < 40; index++) {
    log.append(1, Buffer.from(chunk.fill(index)));
    await log.flushed();
  }
  const { bytes, gaps } = await readAll(log, 0);
  assert.equal(gaps.length, 1);
  assert.equal(gaps[0]?.[0], 0);
  assert.equal(gaps[0]?.[1], log.start);
  assert.ok(log.end - log.start <= 13 * 1024 * 1024, "held within the limit and a segment");
  assert.equal(bytes[0]?.[1].length, log.end - log.start);
  assert.equal(bytes[0]?.[1][bytes[0][1].length - 1], 39);
  assert.ok((await readdir(directory)).length <= 8);
});

test("a lossless reader keeps what it has not got", async () => {
  await using at = await place();
  const log = new OutputLog({
    directory: join(at.directory, "p"),
    limitBytes: 4 * 1024 * 1024,
    storage: at.storage,
  });
  const holder = { cursor: 0 };
  log.holders.add(holder);
  for (let index = 0; index < 20; index++) {
    log.append(1, Buffer.alloc(1024 * 1024, index));
    await log.flushed();
  }
  assert.equal(log.start, 0);
  assert.deepEqual((await readAll(log, 0)).gaps, []);
});

test("without a disk the log keeps the last bytes in memory and shows a gap", async () => {
  await using at = await place();
  const log = new OutputLog({ directory: undefined, limitBytes: 2 ** 30, storage: at.storage });
  for (let index = 0; index < 10; index++) log.append(1, Buffer.alloc(1024 * 1024, index));
  const { bytes, gaps } = await readAll(log, 0);
  assert.equal(gaps.length, 1);
  assert.ok(log.residentBytes <= 5 * 1024 * 1024);
  assert.equal(bytes[0]?.[1].at(-1), 9);
});

test("a disk that fails means memory only: bytes before stay readable, then a gap, then the last ones", async () => {
  await using at = await place();
  const directory = join(at.directory, "p");
  const log = new OutputLog({ directory, limitBytes: 2 ** 30, storage: at.storage });
  log.append(1, Buffer.alloc(3 * 1024 * 1024, 1));
  await log.flushed();
  at.storage.reserve = async () => false;
  for (let index = 0; index < 12; index++) {
    log.append(2, Buffer.alloc(1024 * 1024, 2));
    await log.flushed();
  }
  assert.equal(log.congested, false);
  const { bytes, gaps } = await readAll(log, 0);
  assert.deepEqual(bytes[0]?.[0], 1);
  assert.equal(bytes[0]?.[1].length, 3 * 1024 * 1024);
  assert.equal(gaps.length, 1);
  assert.equal(bytes.at(-1)?.[0], 2);
  assert.equal(log.end, 15 * 1024 * 1024);
});

test("all logs together stay within the memory budget", async () => {
  await using at = await place();
  const logs = Array.from(
    { length: 200 },
    (_, index) =>
      new OutputLog({
        directory: join(at.directory, String(index)),
        limitBytes: 2 ** 30,
        storage: at.storage,
      }),
  );
  for (const log of logs) log.append(1, Buffer.alloc(300 * 1024, 7));
  for (const log of logs) await log.flushed();
  logs[0]?.append(1, Buffer.alloc(10, 7));
  assert.ok(at.storage.residentBytes <= 32 * 1024 * 1024, `${at.storage.residentBytes}`);
  assert.equal((await readAll(logs[5]!, 0)).bytes[0]?.[1].length, 300 * 1024);
});
