import assert from "node:assert/strict";
import { test } from "node:test";
import { scratchDirectory } from "../../../test/fixtures/disk.ts";
import { openEventLog } from "../../events/open.ts";
import { History } from "./history.ts";

test("the history of a workspace is its part of the log, and of that what is of the workspace itself", async () => {
  await using scratch = await scratchDirectory();
  await using log = await openEventLog({ stateDirectory: scratch.path, threads: false });
  const history = new History(log);
  for (let count = 0; count < 4; count++) {
    await history.record("w1", { type: "workspace.tick", message: String(count), data: { count } });
    if (count % 2 === 0) await history.record("w2", { type: "workspace.tick", message: String(count) });
    log.append({ type: "process.started", message: "another", workspace: "w1" });
  }
  const told = await history.of("w1");
  assert.deepEqual(
    told.map(({ message, data }) => [message, data]),
    ["0", "1", "2", "3"].map((message, count) => [message, { count }]),
  );
  assert.deepEqual(
    (await history.of("w2")).map(({ message }) => message),
    ["0", "2"],
  );
  assert.deepEqual(await history.of("w3"), []);
  const [first] = await log.read({ workspace: "w1", limit: 1 });
  assert.equal(told[0]?.at, first?.event.time);
});
