import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { EVENT, frame, Helper, isRunning, spawnPayload, u32 } from "./helper-client.ts";

const { errno } = constants;

for (const [name, bytes] of [
  ["a length below the header's", u32(4)],
  ["a length of zero", u32(0)],
  ["a length above the limit", u32(0xffffffff)],
  ["an unknown request", frame(99, 1)],
  ["the reserved request", frame(6, 1)],
  ["a forwarded request that is too long", frame(3, 1, Buffer.alloc(200))],
] as const) {
  test(`${name} ends the helper with a message, and every tree`, async () => {
    await using helper = new Helper();
    const run = helper.run(["sleep", "60"]);
    const { pid } = await run.started();
    helper.channel.write(bytes);
    assert.deepEqual(await helper.ended(), { code: 0, signal: null });
    assert.match(helper.stderr, /^berth-helper: protocol error: .*\n$/);
    assert.ok(!isRunning(pid));
  });
}

test("the id of a living process can't be taken again", async () => {
  await using helper = new Helper();
  const run = helper.run(["sleep", "60"]);
  await run.started();
  helper.channel.write(frame(1, run.id, spawnPayload(["true"])));
  await helper.ended();
  assert.match(helper.stderr, /id of a start is in use/);
});

test("a start that is cut short or inconsistent is FAILED with EINVAL, and nothing else is touched", async () => {
  await using helper = new Helper();
  const other = helper.run(["sleep", "60"]);
  await other.started();
  const whole = spawnPayload(["sh", "-c", "true"], { env: { A: "1", B: "2" } });
  const runs = Array.from({ length: whole.length }, (_, length) =>
    helper.runPayload(whole.subarray(0, length)),
  );
  runs.push(helper.runPayload(Buffer.concat([whole, Buffer.of(0)])));
  for (const at of [16, 33, 34]) {
    // Counts far above what follows: of groups, of arguments, of environment strings.
    const wrong = Buffer.from(whole);
    const count = [16, 34, whole.length - 12][[16, 33, 34].indexOf(at)]!;
    wrong.writeUInt32LE(0xfffffff0, count);
    runs.push(helper.runPayload(wrong));
  }
  for (const run of runs) {
    await run.until(EVENT.FAILED);
    assert.deepEqual(run.story, [`FAILED 1 ${errno.EINVAL}`]);
  }
  assert.equal(other.find(EVENT.EXITED), undefined);
  await helper.run(["true"]).until(EVENT.EMPTY);
});

test("the largest frame is taken, one byte more is not", async () => {
  await using helper = new Helper();
  const limit = 4 * 1024 * 1024 + 64 * 1024;
  const base = spawnPayload(["true", ""]).length;
  const filler = "x".repeat(limit - 5 - base);
  const run = helper.runPayload(spawnPayload(["true", filler]));
  await run.until(EVENT.FAILED);
  assert.deepEqual(run.story, [`FAILED 6 ${errno.E2BIG}`]);
  helper.runPayload(spawnPayload(["true", `${filler}x`]));
  await helper.ended();
  assert.match(helper.stderr, /bad frame length/);
});

/** xorshift32: the same bytes in every run. */
function randomBytes(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}

test("no bytes crash it: random streams, and good frames with random damage", async () => {
  const good = Buffer.concat([
    frame(1, 1, spawnPayload(["true"])),
    frame(2, 1),
    frame(3, 1, Buffer.of(15, 0)),
    frame(4, 1, u32(5)),
  ]);
  for (let seed = 1; seed <= 60; seed++) {
    await using helper = new Helper();
    const noise = randomBytes(seed * 7919, 300);
    if (seed % 3 === 0) {
      helper.channel.end(noise);
    } else {
      const damaged = Buffer.from(good);
      for (let i = 0; i < 1 + (seed % 5); i++)
        damaged[noise.readUInt16LE(i * 4) % damaged.length] = noise[i * 4 + 2]!;
      helper.channel.end(damaged);
    }
    assert.deepEqual(await helper.ended(), { code: 0, signal: null }, `seed ${seed}: ${helper.stderr}`);
  }
});
