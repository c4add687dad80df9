import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bench } from "./support.ts";

test("uncommitted state that comes along besides, or can't, is told and stays in the history", async () => {
  await using it = await bench();
  const { workspaces, project, events, here } = it;
  project.write({
    ignored: "kept\n",
    ".berth/include": "/ignored\n",
    "src/a.txt": "changed\n",
    "inner/f": "1\n",
  });
  project.git("init", "-q", "inner");
  project.git("-C", "inner", "commit", "-q", "--allow-empty", "-m", "inner");
  const made = await workspaces.create({
    name: "fix",
    runtime: { type: "worktree", daemon: "never" },
    project: project.path,
    changes: true,
  });
  const path = made.place?.path ?? "";
  assert.deepEqual([existsSync(join(path, "ignored")), existsSync(join(path, "inner"))], [true, false]);
  const told = events
    .filter(({ type }) => /left_behind|files_included/.test(type))
    .map(({ message }) => message);
  assert.deepEqual(told, [
    "1 ignored files came along by .berth/include (1 KiB)",
    "left behind: the repository inner/",
  ]);
  const history = (await workspaces.history("fix", here)).map(({ message }) => message);
  for (const message of told) assert.ok(history.includes(message), message);
});
