import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { waitFor } from "../fixtures/process.ts";
import { type ProcessDesk, processDesk } from "./process-desk.ts";

let desk: ProcessDesk;
before(async () => {
  desk = await processDesk();
});
after(() => desk[Symbol.asyncDispose]());

test("output of 0 bytes, 1, 64 KiB and more, with the boundaries of frames between", async () => {
  for (const bytes of [0, 1, 125, 126, 65_535, 65_536, 65_537, 3_000_001]) {
    const process = await desk.start(`head -c ${bytes} /dev/zero`);
    const viewer = await desk.attach(process.id, { keep: false });
    const exit = await viewer.ended();
    assert.deepEqual([exit.cursor, viewer.bytes, viewer.of("gap").length], [bytes, bytes, 0]);
    assert.equal(viewer.hash.digest("hex"), createHash("sha256").update(Buffer.alloc(bytes)).digest("hex"));
  }
});

test("a long output: every byte, also of one that is longer than any buffer", async () => {
  const megabytes = process.env.BERTH_LONG === "1" ? 1_000 : 64;
  const started = await desk.start(
    `read go; i=0; while [ $i -lt ${megabytes} ]; do dd if=random bs=1000000 status=none; i=$((i+1)); done`,
    { stdin: "pipe", log_limit_bytes: 2_000_000_000 },
  );
  const random = randomBytes(1_000_000);
  await writeFile(join(desk.workspace.place?.path ?? "", "random"), random);
  const viewer = await desk.attach(started.id, { keep: false });
  await desk.call("POST", `/processes/${started.id}/stdin`, { bytes: "go\n" });
  await viewer.ended();
  const expected = createHash("sha256");
  for (let index = 0; index < megabytes; index += 1) expected.update(random);
  assert.equal(viewer.bytes, megabytes * 1_000_000);
  assert.equal(viewer.hash.digest("hex"), expected.digest("hex"));
});

test("a hundred reattaches at random cursors, in the middle of writes: every byte once", async () => {
  const bytes = 30_000_000;
  const process = await desk.start([
    "sh",
    "-c",
    `head -c ${bytes} /dev/urandom > random; sha256sum < random > random.sha256; dd if=random bs=9973 status=none`,
  ]);
  const parts: Buffer[] = [];
  let cursor = 0;
  for (let times = 0; times < 100; times += 1) {
    const viewer = await desk.attach(process.id, { from: cursor });
    const wanted = cursor + Math.floor(Math.random() * ((2 * bytes) / 100));
    await waitFor("some output", () => viewer.cursor > wanted || viewer.closed !== undefined);
    viewer.close();
    assert.equal(viewer.of("gap").length, 0);
    // Only a part of what it got is used, so that the next one begins in the middle of a frame.
    const used = viewer.output.subarray(0, Math.floor(viewer.output.length * Math.random()));
    parts.push(used);
    cursor += used.length;
  }
  const last = await desk.attach(process.id, { from: cursor });
  await last.ended();
  const all = Buffer.concat([...parts, last.output]);
  assert.equal(all.length, bytes);
  const expected = await readFile(join(desk.workspace.place?.path ?? "", "random.sha256"), "utf8");
  assert.equal(createHash("sha256").update(all).digest("hex"), expected.split(" ")[0]);
});

test("clients at many places of one output meet, and each has every byte", async () => {
  const bytes = 24_000_000;
  const process = await desk.start(
    `head -c ${bytes / 2} /dev/urandom; read go; head -c ${bytes / 2} /dev/urandom`,
    {
      stdin: "pipe",
    },
  );
  await waitFor("the first half", async () => (await desk.look(process.id)).output_end === bytes / 2);
  const froms = [0, 0, 1, 65_536, 70_000, 5_000_000, -1, -65_536, bytes / 2 - 77, -bytes];
  const viewers = await Promise.all(froms.map((from) => desk.attach(process.id, { from })));
  await desk.call("POST", `/processes/${process.id}/stdin`, { bytes: "go\n" });
  for (const viewer of viewers) await viewer.ended();
  const whole = viewers[0]!.output;
  assert.equal(whole.length, bytes);
  for (const viewer of viewers) {
    const from = viewer.of("attached")[0]!.cursor;
    assert.ok(viewer.output.equals(whole.subarray(from)), `from ${from}`);
    assert.equal(viewer.of("gap").length, 0);
  }
});

test("one that reads nothing delays nobody, and has every byte once it reads", async () => {
  const bytes = 20_000_000;
  const process = await desk.start(`read go; head -c ${bytes} /dev/urandom`, { stdin: "pipe" });
  const stalled = await desk.attach(process.id);
  stalled.socket.pause();
  const viewer = await desk.attach(process.id);
  await desk.call("POST", `/processes/${process.id}/stdin`, { bytes: "go\n" });
  await viewer.ended();
  assert.equal(viewer.bytes, bytes);
  stalled.socket.resume();
  await stalled.ended();
  assert.ok(stalled.output.equals(viewer.output));
});

test("output that is gone is told as a gap, and the rest is exact", async () => {
  const process = await desk.start("head -c 30000000 /dev/zero; echo end", { log_limit_bytes: 4_000_000 });
  await desk.untilState(process.id, "exited");
  const viewer = await desk.attach(process.id, { from: 10 });
  const exit = await viewer.ended();
  const [gap] = viewer.of("gap");
  assert.ok(gap !== undefined && gap.from === 10);
  assert.equal(exit.cursor, 30_000_004);
  assert.equal(viewer.bytes, 30_000_004 - gap.to);
  assert.equal(viewer.output.subarray(-4).toString(), "end\n");
});

test("many lines on two channels arrive whole and in order by channel", async () => {
  const process = await desk.start(
    "i=0; while [ $i -lt 20000 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done",
  );
  const viewer = await desk.attach(process.id);
  await viewer.ended();
  const lines = viewer.output.toString();
  assert.equal(viewer.cursor, Buffer.byteLength(lines));
  assert.equal(viewer.bytes, 2 * (10 * 3 + 90 * 4 + 900 * 5 + 9000 * 6 + 10000 * 7));
});
