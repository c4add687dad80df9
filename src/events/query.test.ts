import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { scratchDirectory } from "../../test/fixtures/disk.ts";
import { requireOrSkip } from "../../test/fixtures/install.ts";
import { postgres } from "../../test/fixtures/postgres.ts";
import type { BerthEvent } from "../contract/events.ts";
import type { EventLog } from "./event-log.ts";
import { openEventLog } from "./open.ts";

const TYPES = ["process.started", "process.exited", "process", "processes.x", "files.written", "log.gap"];
const WORKSPACES = ["w1", "w2", "w3", undefined];
const COUNT = 300;

async function fill(log: EventLog): Promise<BerthEvent[]> {
  for (let at = 0; at < COUNT; at++) {
    const type = TYPES[(at * 7) % TYPES.length] ?? "";
    const workspace = WORKSPACES[(at * 5) % WORKSPACES.length];
    log.append({ type, workspace, processId: at % 3 === 0 ? `p${at % 9}` : undefined, message: String(at) });
  }
  await log.flush();
  return (await log.read()).map(({ event }) => event);
}

/** Every filter against a plain look at all events. */
async function compare(log: EventLog): Promise<void> {
  const all = await fill(log);
  const sequence = fc.integer({ min: 0, max: COUNT + 2 });
  const query = fc.record(
    {
      workspace: fc.constantFrom("w1", "w2", "none"),
      workspaces: fc.subarray(["w1", "w2", "w3", "none"]),
      processId: fc.constantFrom("p0", "p3", "none"),
      types: fc.subarray(["process", "process.started", "files", "log.gap", "none", "proc"]),
      after: sequence,
      before: sequence,
      limit: fc.integer({ min: 1, max: 50 }),
      newest: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(query, async (asked) => {
      const fits = all.filter(
        (event) =>
          (asked.workspace === undefined || event.workspace === asked.workspace) &&
          (asked.workspaces === undefined || asked.workspaces.includes(event.workspace ?? "")) &&
          (asked.processId === undefined || event.processId === asked.processId) &&
          (asked.types === undefined ||
            asked.types.some((type) => event.type === type || event.type.startsWith(`${type}.`))) &&
          event.sequence > (asked.after ?? 0) &&
          event.sequence < (asked.before ?? COUNT + 1),
      );
      if (asked.newest) fits.reverse();
      const found = await log.read(asked);
      assert.deepEqual(
        found.map(({ event }) => event),
        fits.slice(0, asked.limit ?? 1_000),
      );
    }),
    { numRuns: 150 },
  );
}

test("property: SQLite finds what a look at all events finds, whatever the filter", async () => {
  await using scratch = await scratchDirectory();
  await using log = await openEventLog({ stateDirectory: scratch.path, threads: false });
  await compare(log);
});

test("property: so does PostgreSQL; several programs append to one chain there, and follow it", async (t) => {
  const server = await requireOrSkip(t, postgres);
  if (server === undefined) return;
  await using _server = server;
  await using scratch = await scratchDirectory();
  const database = await server.database();
  await using log = await openEventLog({ stateDirectory: scratch.path, database });
  await compare(log);
  await using other = await openEventLog({ stateDirectory: scratch.path, database });
  const stop = new AbortController();
  const seen: number[] = [];
  const following = (async () => {
    for await (const { event } of log.follow({ after: COUNT, signal: stop.signal })) {
      seen.push(event.sequence);
      if (seen.length === 200) return;
    }
  })();
  for (let at = 0; at < 100; at++) {
    for (const one of [log, other]) one.append({ type: "a.b", message: "", source: `s${at}` });
    for (const one of [log, other]) one.append({ type: "a.c", message: "" });
    if (at % 10 === 0) await Promise.all([log.flush(), other.flush()]);
  }
  await Promise.all([log.flush(), other.flush()]);
  await following;
  stop.abort();
  assert.deepEqual(
    seen,
    Array.from({ length: 200 }, (_, at) => COUNT + 1 + at),
  );
  await log.sign();
  const found = await other.verify();
  assert.deepEqual([found.ok, found.records, found.signed?.sequence], [true, COUNT + 300, COUNT + 300]);
  assert.equal(await log.prune(-1), COUNT + 299);
  assert.deepEqual((await other.verify()).broken, null);
});
