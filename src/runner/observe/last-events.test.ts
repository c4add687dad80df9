import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventLog, StoredEvent } from "../../events/event-log.ts";
import { LastEvents } from "./last-events.ts";

/** A log of events of workspaces, whose time is their number; counts what is read of it. */
function logOf() {
  const stored: { sequence: number; time: string; workspace: string | undefined }[] = [];
  const log = {
    reads: 0,
    append(...workspaces: (string | undefined)[]) {
      for (const workspace of workspaces) {
        const sequence = stored.length + 1;
        stored.push({ sequence, time: String(sequence), workspace });
      }
      return stored.length;
    },
    async read({ workspace, after = 0, limit = 0 }: Parameters<EventLog["read"]>[0] & object) {
      log.reads += 1;
      return stored
        .filter((event) => event.sequence > after && (workspace ?? event.workspace) === event.workspace)
        .reverse()
        .slice(0, limit)
        .map((event) => ({ event }) as StoredEvent);
    },
  };
  return log;
}

test("each is looked up once, then only what is new is read, and many new ones are looked up again", async () => {
  const log = logOf();
  const last = new LastEvents(log);
  const look = async (sequence: number) => Object.fromEntries(await last.look(["a", "b", "c"], sequence));
  assert.deepEqual(await look(log.append("a", "b", "a", undefined)), { a: "3", b: "2" });
  assert.equal(log.reads, 3);
  assert.deepEqual(await look(4), { a: "3", b: "2" });
  assert.equal(log.reads, 3, "nothing is new");
  assert.deepEqual(await look(log.append("c", "a", "other", "a")), { a: "8", b: "2", c: "5" });
  assert.equal(log.reads, 4);
  // One that is written between the number and the reading is not missed, and not told twice.
  const number = log.append("b");
  log.append("b");
  assert.deepEqual(await look(number), { a: "8", b: "10", c: "5" });
  assert.deepEqual(await look(10), { a: "8", b: "10", c: "5" });
  assert.equal(log.reads, 5);
  assert.deepEqual(await look(log.append("a", ...Array(200).fill("b"))), { a: "11", b: "211", c: "5" });
});
