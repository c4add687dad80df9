import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { Secrets } from "../contract/mask.ts";
import { draftOf, eventOf, hashOf, MAX_RECORD_BYTES, recordOf, timeOf, ZERO_HASH } from "./record.ts";

const TIME = "2026-11-21T20:44:38.123Z";

test("a record is compact JSON whose fields stand in one order, whatever order they were given in", () => {
  const draft = draftOf(
    {
      data: { b: 1, a: [true, null] },
      message: 'it\'s "done"\n',
      cause: "req_1",
      actor: "token:ci",
      source: "boot:7",
      processId: "p1",
      workspace: "w0123456789",
      runtime: "local",
      type: "process.exited",
    },
    TIME,
  );
  const record = recordOf(draft, 42, TIME);
  assert.equal(
    record,
    `{"sequence":42,"time":"${TIME}","type":"process.exited","workspace":"w0123456789","process_id":"p1","source":"boot:7","actor":"token:ci","cause":"req_1","runtime":"local","message":"it's \\"done\\"\\n","data":{"b":1,"a":[true,null]}}`,
  );
  assert.equal(timeOf(record), TIME);
  assert.equal(eventOf(record).processId, "p1");
  assert.equal(
    recordOf(draftOf({ type: "a", message: "" }, TIME), 1, TIME),
    `{"sequence":1,"time":"${TIME}","type":"a","message":""}`,
  );
});

test("the hash is SHA-256 of the previous hash's bytes and the record's bytes", () => {
  for (const record of ['{"a":"ü€😀"}', "x".repeat(200_000), "€".repeat(70_000)]) {
    const expected = createHash("sha256").update(ZERO_HASH).update(record, "utf8").digest("hex");
    assert.equal(Buffer.from(hashOf(ZERO_HASH, record)).toString("hex"), expected);
  }
});

test("property: whatever is given becomes one line of JSON within the limit that parses to the same", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()),
      fc.option(fc.string({ unit: "binary" }), { nil: undefined }),
      (message, data, id) => {
        const record = recordOf(
          draftOf({ type: "a.b", message, data, workspace: id, cause: id }, TIME),
          1,
          TIME,
        );
        assert.ok(!record.includes("\n"));
        assert.ok(Buffer.byteLength(record) <= MAX_RECORD_BYTES);
        // What is hashed is what is stored: no lone surrogates that would change on their way.
        assert.equal(Buffer.from(record).toString(), record);
        const event = eventOf(record);
        assert.equal(event.sequence, 1);
        if (message.length < 1_000) assert.equal(event.message, message.toWellFormed());
      },
    ),
  );
});

test("an event that is too long is cut in its data, with a note", () => {
  const data = {
    first: 1,
    long: "ü".repeat(100_000),
    list: Array.from({ length: 20_000 }, String),
    last: true,
  };
  const record = recordOf(draftOf({ type: "a", message: "m".repeat(10_000), data }, TIME), 1, TIME);
  assert.ok(Buffer.byteLength(record) <= MAX_RECORD_BYTES, String(Buffer.byteLength(record)));
  const event = eventOf(record);
  assert.equal(event.data?.first, 1);
  assert.equal(event.data?.last, true);
  assert.equal(event.data?.list, undefined);
  assert.match(String(event.data?.long), /^ü{1000,}…$/);
  assert.equal(event.data?.cut_from_bytes, Buffer.byteLength(JSON.stringify(data)));
});

test("data that is no JSON is left out with a note, and never thrown", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  for (const data of [circle, { n: 1n }]) {
    const event = eventOf(recordOf(draftOf({ type: "a", message: "m", data }, TIME), 1, TIME));
    assert.match(String(event.data?.not_kept), /can't be written as JSON/);
  }
});

test("masking reaches everything but ids and type; where it leaves no JSON, texts are masked one by one", () => {
  const secrets = new Secrets();
  for (const secret of ["hunter22", "process", "w0123456789"]) secrets.add(secret);
  const input = {
    type: "process.started",
    workspace: "w0123456789",
    processId: "p-hunter22",
    runtime: "ssh://hunter22@box",
    message: 'said "hunter22"',
    data: { deep: [{ password: "hunter22" }] },
  };
  const record = recordOf(
    draftOf(input, TIME, (text) => secrets.json(text)),
    1,
    TIME,
  );
  assert.ok(record.includes('"type":"process.started","workspace":"w0123456789","process_id":"p-hunter22"'));
  assert.equal(record.match(/hunter22/g)?.length, 1);
  const crude = (text: string) => text.replaceAll('"', "").replaceAll("hunter22", "***");
  const event = eventOf(recordOf(draftOf(input, TIME, crude), 1, TIME));
  assert.equal(event.message, "said ***");
  assert.deepEqual(event.data, { deep: [{ password: "***" }] });
});
