import assert from "node:assert/strict";
import { test } from "node:test";
import { scratchDirectory } from "../../test/fixtures/disk.ts";
import { openEventLog } from "../events/open.ts";
import { eventsHere, storedEvents } from "./event-source.ts";

test("the newest so many of a type, also where others stand between them and a page does not hold them", async () => {
  await using scratch = await scratchDirectory();
  await using log = await openEventLog({ stateDirectory: scratch.path, threads: false });
  for (let number = 1; number <= 2_500; number++) {
    log.append({ type: "file.written", message: String(number) });
    log.append({ type: "process.input", message: String(number) });
  }
  await log.flush();
  const source = eventsHere(log);
  const messages = async (limit: number | undefined) => {
    const found: string[] = [];
    for await (const page of storedEvents(source, { types: ["process"] }, limit)) {
      assert.ok(page.length <= 1_000);
      found.push(...page.map(({ message }) => message));
    }
    return found;
  };
  const all = Array.from({ length: 2_500 }, (_, at) => String(at + 1));
  assert.deepEqual(await messages(undefined), all);
  for (const limit of [1, 999, 1_000, 1_001, 2_000, 2_499, 2_500, 9_999]) {
    assert.deepEqual(await messages(limit), all.slice(-limit), String(limit));
  }
  assert.deepEqual(await messages(0), []);
});
