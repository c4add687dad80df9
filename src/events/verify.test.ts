import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import fc from "fast-check";
import { scratchDirectory } from "../../test/fixtures/disk.ts";
import { isBerthError } from "../contract/errors.ts";
import { openEventLog } from "./open.ts";
import type { SignedHead } from "./signature.ts";
import type { Damage, Verification, VerifyOptions } from "./verify.ts";
import { verifyExport } from "./verify-export.ts";

const COUNT = 20;

async function filled(stateDirectory: string, count = COUNT): Promise<{ text: string; head: SignedHead }> {
  await using log = await openEventLog({ stateDirectory, threads: false });
  for (let at = 0; at < count; at++) {
    log.append({
      type: "workspace.tick",
      message: `it's ${at}\u2028`,
      workspace: `w${at % 3}`,
      data: { at },
    });
  }
  const head = await log.sign();
  let text = "";
  for await (const piece of log.export()) text += piece;
  return { text, head };
}

async function* bytes(text: string, size = 700): AsyncIterable<Uint8Array> {
  const all = Buffer.from(text);
  for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
}

function expectBroken(found: Verification, damage: Damage, sequence: number, what: string): void {
  assert.deepEqual(
    [found.broken?.damage, found.broken?.sequence],
    [damage, sequence],
    `${what}: ${found.broken?.reason}`,
  );
  assert.equal(found.ok, false);
}

/** As somebody would write the rest of the chain anew behind a record. */
function rehash(lines: string[], from: number): void {
  for (let at = from; at <= COUNT; at++) {
    const before = Buffer.from(lines[at - 1]?.slice(0, 64) ?? "", "hex");
    const record = lines[at]?.slice(65) ?? "";
    lines[at] = `${createHash("sha256").update(before).update(record).digest("hex")} ${record}`;
  }
}

test("an export is verified as it is, and whatever is done to it is named", async () => {
  await using scratch = await scratchDirectory();
  const { text, head } = await filled(scratch.path);
  const whole = await verifyExport(bytes(text), {});
  assert.deepEqual(
    [whole.ok, whole.records, whole.firstSequence, whole.head.hash],
    [true, COUNT, 1, head.hash],
  );
  const signed = await verifyExport(bytes(text), { publicKey: head.publicKey });
  assert.deepEqual([signed.ok, signed.signed?.sequence], [true, COUNT]);

  const after = async (change: (lines: string[]) => unknown, options: VerifyOptions = {}) => {
    const lines = text.trimEnd().split("\n");
    change(lines);
    return await verifyExport(bytes(`${lines.join("\n")}\n`), options);
  };
  const cases: readonly [string, Damage, number, (lines: string[]) => unknown][] = [
    ["a letter", "changed", 7, (lines) => lines.splice(7, 1, lines[7]?.replace("it's", "it`s") ?? "")],
    ["a hash", "changed", 7, (lines) => lines.splice(7, 1, lines[7]?.replace(/^../, "00") ?? "")],
    ["no record", "changed", 7, (lines) => lines.splice(7, 1, "what?")],
    ["one removed", "missing", 7, (lines) => lines.splice(7, 1)],
    ["three removed", "missing", 7, (lines) => lines.splice(7, 3)],
    ["the first removed", "missing", 1, (lines) => lines.splice(1, 1)],
    ["one twice", "inserted", 8, (lines) => lines.splice(8, 0, lines[7] ?? "")],
    ["two exchanged", "reordered", 7, (lines) => lines.splice(7, 2, lines[8] ?? "", lines[7] ?? "")],
    ["the last lines cut", "cut", 15, (lines) => lines.splice(15)],
    ["the last record cut", "cut", 20, (lines) => lines.splice(20, 1)],
    [
      "one inserted under the number of the next",
      "inserted",
      7,
      (lines) => lines.splice(7, 0, `${"a".repeat(64)} ${lines[7]?.slice(65).replace("it's", "new")}`),
    ],
  ];
  for (const [what, damage, sequence, change] of cases)
    expectBroken(await after(change), damage, sequence, what);

  // Who writes everything behind a change anew is found by what was signed.
  const forge = (lines: string[]) => {
    lines[5] = lines[5]?.replace("it's", "it`s") ?? "";
    rehash(lines, 5);
    const last = lines[COUNT]?.slice(0, 64) ?? "";
    lines[COUNT + 1] =
      lines[COUNT + 1]?.replace(/"hash":"[0-9a-f]{64}","head":.*/, `"hash":"${last}","head":null}`) ?? "";
  };
  assert.equal((await after(forge)).ok, true, "without a signature it can't be seen");
  expectBroken(await after(forge, { head }), "rewritten", COUNT, "a head that was kept");
  expectBroken(await after(forge, { publicKey: head.publicKey }), "signature", COUNT, "a key that is known");
  const cutAndTold = (lines: string[]) => {
    lines.splice(15, 6);
    const last = lines[14]?.slice(0, 64);
    lines[15] = JSON.stringify({ end: true, records: 14, sequence: 14, hash: last, head: null });
  };
  assert.equal((await after(cutAndTold)).ok, true);
  expectBroken(await after(cutAndTold, { head }), "cut", 15, "a cut that the last line hides");
  const another = { ...head, signature: head.signature.replace(/^../, "AA") };
  expectBroken(await after(() => {}, { head: another }), "signature", COUNT, "a head that nobody signed");
});

test("what is no export is told as that", async () => {
  for (const text of ["", "hello\n", "{}\n", '{"format":"berth.events.v2","first_sequence":1}\n']) {
    await assert.rejects(
      verifyExport(bytes(text), {}),
      (error) => isBerthError(error, "config.invalid") && /no export/.test(error.message),
    );
  }
});

test("property: no change of a byte of the records goes unnoticed", async () => {
  await using scratch = await scratchDirectory();
  const { text } = await filled(scratch.path, 6);
  const all = Buffer.from(text);
  const begin = all.indexOf("\n") + 1;
  const end = all.lastIndexOf('{"end":');
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: begin, max: end - 1 }),
      fc.integer({ min: 1, max: 255 }),
      fc.integer({ min: 1, max: 5_000 }),
      async (at, by, size) => {
        const changed = Buffer.from(all);
        changed[at] = (changed[at] ?? 0) ^ by;
        const pieces = async function* () {
          for (let from = 0; from < changed.length; from += size) yield changed.subarray(from, from + size);
        };
        assert.equal((await verifyExport(pieces(), {})).ok, false);
      },
    ),
    { numRuns: 300 },
  );
});

test("whatever is done to the database is named, with the first record that is not as it was written", async () => {
  const change = async (sql: string | ((database: DatabaseSync) => void), options: VerifyOptions = {}) => {
    await using scratch = await scratchDirectory();
    await filled(scratch.path);
    const database = new DatabaseSync(join(scratch.path, "berth.db"));
    if (typeof sql === "string") database.exec(sql);
    else sql(database);
    database.close();
    await using log = await openEventLog({ stateDirectory: scratch.path, threads: false });
    return await log.verify(options);
  };
  const whole = await change("select 1");
  assert.deepEqual([whole.ok, whole.records, whole.signed?.sequence], [true, COUNT, COUNT]);
  const swap = `update event_log set sequence = -1 where sequence = 7; update event_log set sequence = 7 where sequence = 8;
    update event_log set sequence = 8 where sequence = -1`;
  const cases: readonly [string, Damage, number, string][] = [
    [
      "record",
      "changed",
      7,
      "update event_log set record = replace(record, 'it''s', 'it`s') where sequence = 7",
    ],
    ["hash", "changed", 7, "update event_log set hash = zeroblob(32) where sequence = 7"],
    ["workspace", "changed", 7, "update event_log set workspace = 'w9' where sequence = 7"],
    ["type", "changed", 7, "update event_log set type = 'workspace' where sequence = 7"],
    ["source", "changed", 7, "update event_log set source = 'x' where sequence = 7"],
    ["removed", "missing", 7, "delete from event_log where sequence = 7"],
    ["beginning removed", "missing", 1, "delete from event_log where sequence < 7"],
    ["swapped", "reordered", 7, swap],
    [
      "removed and numbered anew",
      "reordered",
      7,
      "delete from event_log where sequence = 7; update event_log set sequence = sequence - 1 where sequence > 7",
    ],
    ["end removed", "cut", 15, "delete from event_log where sequence >= 15"],
    ["all removed", "cut", 1, "delete from event_log"],
    [
      "beginning removed as if by rule",
      "missing",
      7,
      "insert into event_anchor select 1, sequence, hash from event_log where sequence = 7; delete from event_log where sequence <= 7",
    ],
  ];
  for (const [what, damage, sequence, sql] of cases) expectBroken(await change(sql), damage, sequence, what);
  const inserted = await change((database) => {
    database.exec("update event_log set sequence = sequence + 1000 where sequence >= 7");
    database.exec("update event_log set sequence = sequence - 999 where sequence >= 1000");
    database.exec(
      "insert into event_log select 7, hash, type, workspace, process_id, source, record from event_log where sequence = 8",
    );
  });
  assert.equal(inserted.ok, false);
});

test("an end that was cut off before it was signed is noticed by a head that was kept elsewhere", async () => {
  await using scratch = await scratchDirectory();
  const { head } = await filled(scratch.path);
  const database = new DatabaseSync(join(scratch.path, "berth.db"));
  database.exec("delete from event_head; delete from event_log where sequence > 12");
  database.close();
  await using log = await openEventLog({ stateDirectory: scratch.path, threads: false });
  assert.deepEqual([(await log.verify()).ok, (await log.verify()).signed], [true, null]);
  expectBroken(await log.verify({ head }), "cut", 13, "cut");
});

test("what is removed by rule leaves a chain that verifies, also when it is cut short or goes on meanwhile", async () => {
  await using scratch = await scratchDirectory();
  await filled(scratch.path, 5_000);
  await using log = await openEventLog({ stateDirectory: scratch.path, threads: false });
  const verifying = log.verify();
  const removed = await log.prune(-1);
  assert.equal(removed, 4_999);
  assert.equal((await verifying).ok, true);
  const found = await log.verify();
  assert.deepEqual([found.ok, found.firstSequence, found.head.sequence], [true, 5_000, 5_001]);
  const [event] = await log.read({ types: ["log.pruned"] });
  assert.deepEqual([event?.event.data?.count, event?.event.data?.through], [4_999, 4_999]);
  let text = "";
  for await (const piece of log.export()) text += piece;
  assert.equal((await verifyExport(bytes(text), {})).records, 2);
  assert.equal(await log.prune(1), 0, "nothing is older");
  log.append({ type: "a.b", message: "" });
  assert.equal((await log.verify()).records, 3);
});
