import assert from "node:assert/strict";
import { test } from "node:test";
import { streamPair } from "../testing.ts";
import { EventLog, sendEvents } from "./event-log.ts";

function append(log: EventLog, count: number): void {
  for (let index = 0; index < count; index++) {
    log.append({ type: "process.started", message: "", processId: String(log.next), data: {}, owner: "me" });
  }
}

/** What a client gets that asks now, until `count` events have come. */
function read(
  log: EventLog,
  since: number | undefined,
  count: number,
  workspace?: string,
): Promise<Record<string, unknown>[]> {
  return new Promise((resolve) => {
    const { client, server } = streamPair();
    const seen: Record<string, unknown>[] = [];
    client.handler = {
      onResponse: (result) => seen.push(result as Record<string, unknown>),
      onEvent: (event) => {
        seen.push(event as Record<string, unknown>);
        if (seen.length === count + 1) resolve(seen);
      },
    };
    sendEvents(log, server, { since, workspace, clientId: "me" });
  });
}

test("events come from now on, or from the number that a client asks for", async () => {
  const log = new EventLog();
  append(log, 3);
  const fromNow = read(log, undefined, 1);
  const again = read(log, 1, 3);
  append(log, 1);
  assert.deepEqual(
    (await fromNow).map((event) => event.next ?? event.sequence),
    [3, 3],
  );
  assert.deepEqual(
    (await again).map((event) => event.next ?? event.sequence),
    [1, 1, 2, 3],
  );
});

test("events that are no longer kept are a gap", async () => {
  const log = new EventLog();
  append(log, 2_001);
  const seen = await read(log, 0, 1_001);
  assert.deepEqual(seen[1], { gap: { from: 0, to: 1_001 } });
  assert.deepEqual([seen[2]?.sequence, seen.at(-1)?.sequence], [1_001, 2_000]);
});

test("an event says whether the process is the asking client's own, and not whose else", async () => {
  const log = new EventLog();
  append(log, 1);
  log.append({ type: "process.started", message: "", processId: "x", data: {}, owner: "other" });
  const seen = await read(log, 0, 2);
  assert.deepEqual(
    seen.slice(1).map((event) => [event.own, event.owner]),
    [
      [true, undefined],
      [false, undefined],
    ],
  );
});

test("with a workspace only events of its processes come, under the numbers of all", async () => {
  const log = new EventLog();
  for (const workspace of ["a", undefined, "b", "a"]) {
    log.append({ type: "process.started", message: "", processId: "x", data: {}, workspace });
  }
  const seen = await read(log, 0, 2, "a");
  assert.deepEqual(
    seen.slice(1).map((event) => event.sequence),
    [0, 3],
  );
});
