import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { BerthEventInput } from "../../src/contract/events.ts";
import { draftOf, recordOf } from "../../src/events/record.ts";
import { headFromJson, isSignatureValid } from "../../src/events/signature.ts";
import { verifyExport } from "../../src/events/verify-export.ts";

interface Golden {
  readonly records: readonly {
    readonly input: BerthEventInput;
    readonly time: string;
    readonly record: string;
    readonly hash: string;
  }[];
  readonly head: unknown;
}

const EXPORT = join(import.meta.dirname, "golden.v1.txt");
const golden = JSON.parse(readFileSync(join(import.meta.dirname, "golden.json"), "utf8")) as Golden;

test("the vectors of the format: records, hashes, a signed head and an export are what they were", async () => {
  let previous: Uint8Array = Buffer.alloc(32);
  for (const [at, { input, time, record, hash }] of golden.records.entries()) {
    assert.equal(recordOf(draftOf(input, time), at + 1, time), record);
    // Not by Berth's own function: by the definition.
    previous = createHash("sha256").update(previous).update(Buffer.from(record, "utf8")).digest();
    assert.equal(Buffer.from(previous).toString("hex"), hash);
  }
  const head = headFromJson(golden.head);
  assert.ok(isSignatureValid(head));
  assert.ok(!isSignatureValid({ ...head, sequence: head.sequence + 1 }));
  const found = await verifyExport(createReadStream(EXPORT), { publicKey: head.publicKey, head });
  assert.deepEqual(
    [found.ok, found.records, found.head.hash, found.signed?.sequence],
    [true, golden.records.length, head.hash, head.sequence],
  );
});
