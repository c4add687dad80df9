import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addressOf,
  filterOf,
  isAskedFor,
  isShown,
  isTrouble,
  itemNumber,
  queryOf,
  type ShownEvent,
  takesType,
  withBursts,
} from "./event-filter.ts";
import { isLineBetween, lineAt, markOf, type Verification, verifiedSentence } from "./verification.ts";

const event = (sequence: number, given: Partial<ShownEvent> = {}): ShownEvent => ({
  sequence,
  time: new Date(Date.UTC(2026, 0, 1, 0, 0, sequence)).toISOString(),
  type: "process.started",
  message: `event ${sequence}`,
  ...given,
});

const filter = (search: string) => filterOf(new URLSearchParams(search));

test("a filter is the same after a way through the address", () => {
  const given = filter(
    "type=process,file.written&process=p1&cause=req_1&since=2026-01-01T00:00:00Z&text=a b&workspace=w1",
  );
  assert.deepEqual(filterOf(new URLSearchParams(addressOf(given))), given);
  assert.deepEqual(given.types, ["process", "file.written"]);
  assert.deepEqual(addressOf(filter("")), {});
});

test("what an address can't mean is left out", () => {
  assert.deepEqual(filter("type=a..b,<x>,&since=soon&until="), filter(""));
});

test("the runner is asked for all but cause and words", () => {
  assert.deepEqual(queryOf(filter("type=process&process=p1&cause=req_1&text=x")), {
    type: ["process"],
    process: "p1",
  });
});

test("types are dotted prefixes", () => {
  assert.ok(takesType("process", "process.started"));
  assert.ok(takesType("process.started", "process.started"));
  assert.ok(!takesType("proc", "process.started"));
});

test("live events are those that a page would have", () => {
  const asked = (search: string, given: Partial<ShownEvent> = {}) =>
    isAskedFor(event(5, given), filter(search));
  assert.ok(asked(""));
  assert.ok(!asked("type=file"));
  assert.ok(asked("type=file,process"));
  assert.ok(!asked("workspace=w1"));
  assert.ok(asked("workspace=w1&process=p1", { workspace: "w1", process_id: "p1" }));
  assert.ok(!asked("since=2026-01-01T00:00:06Z"));
  assert.ok(asked("since=2026-01-01T00:00:05Z&until=2026-01-01T00:00:05Z"));
});

test("words are found anywhere in an event, all of them", () => {
  const one = event(1, { actor: "token:ci", data: { path: "src/Server.ts" }, cause: "req_7" });
  assert.ok(isShown(one, filter("text=server token")));
  assert.ok(!isShown(one, filter("text=server nobody")));
  assert.ok(isShown(one, filter("cause=req_7")));
  assert.ok(!isShown(one, filter("cause=req_8")));
});

test("many of one type in a row are one item", () => {
  const written = (sequence: number) => event(sequence, { type: "file.written", workspace: "w1" });
  const items = withBursts([event(9), written(8), written(7), written(6), written(5), event(4), written(3)]);
  assert.deepEqual(
    items.map((item) => (item.kind === "burst" ? item.events.length : item.event.sequence)),
    [9, 4, 4, 3],
  );
  assert.equal(itemNumber(items[1] as (typeof items)[number]), 5);
});

test("no burst over workspaces, processes or pauses", () => {
  const each = (given: (n: number) => Partial<ShownEvent>) =>
    withBursts([8, 7, 6, 5].map((n) => event(n, given(n)))).length;
  assert.equal(
    each(() => ({})),
    1,
  );
  assert.equal(
    each((n) => ({ workspace: `w${n}` })),
    4,
  );
  assert.equal(
    each((n) => ({ process_id: `p${n}` })),
    4,
  );
  assert.equal(
    each((n) => ({ time: new Date(n * 6000).toISOString() })),
    4,
  );
});

test("no burst over the end of what was verified", () => {
  const items = withBursts(
    [8, 7, 6, 5, 4, 3, 2, 1].map((n) => event(n)),
    (sequence) => sequence > 4,
  );
  assert.deepEqual(items.map(itemNumber), [5, 1]);
});

test("what went wrong is known by its type", () => {
  assert.ok(isTrouble("operation.failed") && isTrouble("process.lost") && isTrouble("access.refused"));
  assert.ok(!isTrouble("process.started") && !isTrouble("connection.restored"));
});

const verified = (given: Partial<Verification> = {}) => ({
  at: new Date(2026, 0, 1, 14, 3),
  found: {
    ok: true,
    records: 12_345,
    first_sequence: 1,
    head: { sequence: 12_345, hash: "00" },
    broken: null,
    signed: { sequence: 12_345, hash: "00", signed_at: "2026-01-01T14:03:00Z" },
    duration_ms: 5,
    ...given,
  },
});
const broken = { sequence: 40, damage: "changed" as const, reason: "its hash is another one" };

test("records are verified up to the head, and those after it are newer", () => {
  assert.equal(markOf(12_345, verified()), "verified");
  assert.equal(markOf(12_346, verified()), "newer");
  assert.equal(markOf(4, verified({ first_sequence: 5 })), "unknown");
});

test("behind a broken record nothing is known", () => {
  const found = verified({ ok: false, broken, head: { sequence: 39, hash: "00" } });
  assert.deepEqual(
    [39, 40, 41].map((sequence) => markOf(sequence, found)),
    ["verified", "broken", "unknown"],
  );
  assert.equal(lineAt(found), 40);
});

test("the line stands once, at the record up to which it was verified", () => {
  const found = verified({ head: { sequence: 20, hash: "00" } });
  assert.equal(isLineBetween(25, 20, found), true);
  assert.equal(isLineBetween(25, 18, found), true, "the record itself is not among those that are shown");
  assert.equal(isLineBetween(undefined, 20, found), true);
  assert.equal(isLineBetween(20, 19, found), false);
  assert.equal(isLineBetween(30, 25, found), false);
  assert.equal(isLineBetween(20, undefined, found), false);
  assert.equal(isLineBetween(25, 20, undefined), false);
});

test("what was found is told in a sentence", () => {
  assert.equal(verifiedSentence(verified()), "Verified up to record 12,345 at 14:03, signed");
  assert.match(
    verifiedSentence(
      verified({ signed: { sequence: 12_000, hash: "00", signed_at: "2026-01-01T14:00:00Z" } }),
    ),
    /signed up to record 12,000$/,
  );
  assert.match(verifiedSentence(verified({ signed: null })), /not signed/);
  assert.match(verifiedSentence(verified({ ok: false, broken })), /^Broken at record 40: its hash/);
});
