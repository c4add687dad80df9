import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { openStore } from "../../store/open.ts";
import { Idempotency, type IdempotencyStore } from "./idempotency.ts";
import { idempotencyStore } from "./idempotency-store.ts";

const REQUEST = {
  tokenId: "tok_a",
  operationId: "createForward",
  target: "/x",
  body: Buffer.from("{}"),
  keepsPart: false,
};
const PARTLY = { ...REQUEST, keepsPart: true };
const DAY_MS = 24 * 3_600_000;

async function withStore(
  work: (store: Awaited<ReturnType<typeof openStore>>) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "berth-answers-"));
  try {
    await using store = await openStore(join(directory, "berth.db"));
    await work(store);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const answers = (text: string) => () => Promise.resolve({ answer: { status: 201, json: text } });

test("a key is of one token and one operation, and known for a day", () =>
  withStore(async (store) => {
    let now = Date.parse("2026-01-01T00:00:00Z");
    const keys = new Idempotency(idempotencyStore(store, () => now));
    const jsonOf = async (request: typeof REQUEST, text: string) =>
      (await keys.once("k", request, answers(text))).answer.json;
    assert.equal(await jsonOf(REQUEST, "1"), "1");
    assert.equal(await jsonOf(REQUEST, "2"), "1");
    assert.equal(await jsonOf({ ...REQUEST, tokenId: "tok_b" }, "3"), "3");
    assert.equal(await jsonOf({ ...REQUEST, operationId: "exec" }, "4"), "4");
    now += DAY_MS - 1;
    assert.equal(await jsonOf(REQUEST, "5"), "1");
    now += 60_001;
    assert.equal(await jsonOf(REQUEST, "6"), "6");
    const { count } = await store.db
      .selectFrom("answer")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    assert.equal(Number(count), 1, "old ones are removed");
  }));

test("what can't be kept is answered all the same; a repeat is told that nobody knows", () =>
  withStore(async (store) => {
    const kept = idempotencyStore(store);
    const full: IdempotencyStore = { ...kept, finish: () => Promise.reject(new Error("no space left")) };
    const keys = new Idempotency(full);
    assert.deepEqual((await keys.once("k", REQUEST, answers("1"))).answer, { status: 201, json: "1" });
    await assert.rejects(keys.once("k", REQUEST, answers("2")), (error) =>
      isBerthError(error, "request.idempotency_interrupted"),
    );
  }));

test("of an answer that may hold secrets a part is kept, and the repeat makes the whole of it", () =>
  withStore(async (store) => {
    const keys = new Idempotency(idempotencyStore(store));
    const parts: unknown[] = [];
    const work = async (part?: unknown) => {
      parts.push(part);
      return { answer: { status: 200, json: '{"out":"hunter2"}' }, part: '{"id":"p"}' };
    };
    const first = await keys.once("k", PARTLY, work);
    const again = await keys.once("k", PARTLY, work);
    assert.deepEqual(
      [first.answer, again.answer.json, again.replayed],
      [again.answer, '{"out":"hunter2"}', true],
    );
    assert.deepEqual(parts, [undefined, { id: "p" }]);
    const rows = await store.db.selectFrom("answer").selectAll().execute();
    assert.deepEqual(
      rows.map(({ body }) => body),
      ['{"id":"p"}'],
    );
  }));
