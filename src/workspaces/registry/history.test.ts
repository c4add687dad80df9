import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory } from "../../../test/fixtures/disk.ts";
import { openStore } from "../../store/open.ts";
import { History } from "./history.ts";

const DAY_MS = 24 * 3_600_000;

test("of a workspace's history the newest events are kept, and the same of every workspace", async () => {
  await using scratch = await scratchDirectory();
  await using store = await openStore(join(scratch.path, "berth.db"));
  const history = new History(store);
  for (let count = 0; count < 12; count++) {
    await history.record("w1", { type: "tick", message: String(count) }, 10);
    if (count % 4 === 0) await history.record("w2", { type: "tick", message: String(count) }, 10);
  }
  const messages = async (id: string) => (await history.of(id)).map(({ message }) => message);
  assert.deepEqual(
    await messages("w1"),
    Array.from({ length: 10 }, (_, at) => String(at + 2)),
  );
  assert.deepEqual(await messages("w2"), ["0", "4", "8"]);
});

test("the history of a workspace that has been gone for 90 days is forgotten, that of one that lives is not", async () => {
  await using scratch = await scratchDirectory();
  await using store = await openStore(join(scratch.path, "berth.db"));
  const history = new History(store);
  const at = new Date().toISOString();
  await store.db
    .insertInto("project")
    .values({ id: "p", name: "p", git_dir: "/p", path: "/p", identity: null, trusted: 0, created_at: at })
    .execute();
  const row = { project_id: "p", name: "a", name_key: "a", branch: "a", state: "ready", runtime: "{}" };
  const flags = { owns_checkout: 1, owns_branch: 1, created_at: at, updated_at: at };
  await store.db
    .insertInto("workspace")
    .values({ ...row, ...flags, id: "lives" })
    .execute();
  for (const id of ["lives", "gone"]) await history.record(id, { type: "made", message: "made" });
  await history.prune(Date.now() + 89 * DAY_MS);
  assert.equal((await history.of("gone")).length, 1);
  await history.prune(Date.now() + 91 * DAY_MS);
  assert.equal((await history.of("gone")).length, 0);
  assert.equal((await history.of("lives")).length, 1);
});
