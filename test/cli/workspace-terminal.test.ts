import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openRuntime } from "../../src/runtimes/open.ts";
import { waitFor } from "../fixtures/process.ts";
import { BERTH } from "./berth.ts";
import { type WorkspaceDesk, workspaceDesk } from "./workspace-desk.ts";

const COLUMNS = 60;

/** Runs the command in a narrow terminal and answers its questions in turn; returns its exit code and what it showed. */
async function inTerminal(at: WorkspaceDesk, args: readonly string[], ...answers: string[]) {
  await using runtime = await openRuntime({ type: "local" }, { stateDirectory: at.env.BERTH_HOME ?? "" });
  const { BERTH_HOME, GIT_CONFIG_GLOBAL, GIT_CONFIG_NOSYSTEM } = at.env;
  await using terminal = await runtime.spawn([process.execPath, BERTH, ...args], {
    tty: { columns: COLUMNS, rows: 24 },
    cwd: at.project,
    env: { BERTH_HOME, GIT_CONFIG_GLOBAL, GIT_CONFIG_NOSYSTEM, NO_COLOR: "1", CI: "" },
  });
  let text = "";
  const pump = (async () => {
    for await (const chunk of terminal.output()) {
      if (chunk.type === "data") text += Buffer.from(chunk.data).toString();
    }
  })();
  let asked = 0;
  for (const answer of answers) {
    await waitFor(`a question in ${args.join(" ")}`, () => /\(yes, no\) $/.test(text.slice(asked)));
    asked = text.length;
    await terminal.stdin.write(`${answer}\n`);
  }
  const { exitCode } = await terminal.exit;
  await pump;
  return { exitCode, text: text.replaceAll("\r\n", "\n") };
}

test("at a terminal: trust shows what would run and asks", async () => {
  await using at = await workspaceDesk({ ".berth/init": "#!/bin/sh\nprintf '\\033[31m'\n" });
  const no = await inTerminal(at, ["trust"], "no");
  assert.equal(no.exitCode, 1);
  assert.match(no.text, /\.berth\/init, when a workspace is set up:\n {2}│ #!\/bin\/sh\n/);
  assert.match(no.text, /Nothing was changed\.\n$/);
  assert.match((await at.berth("trust", "--list")).stderr, /No project is trusted/);
  const yes = await inTerminal(at, ["trust"], "yes");
  assert.equal(yes.exitCode, 0);
  assert.match(await at.ok("trust", "--list"), /my-project/);
});

test("at a terminal: a forced deletion shows what is lost and asks, but where nothing is; rows fit", async () => {
  await using at = await workspaceDesk();
  await at.ok(
    "ws",
    "create",
    "one",
    "--branch",
    "a-branch/with-a-name/that-is-longer/than-the-terminal",
    "-q",
  );
  const list = await inTerminal(at, ["ws", "list"]);
  const rows = list.text.trimEnd().split("\n");
  assert.deepEqual([rows.length, Math.max(...rows.map(({ length }) => length))], [2, COLUMNS]);
  assert.match(rows[1] ?? "", /^one +a-branch\/.*… {2}worktree {2}ready {2}\d/);

  const path = (await at.ok("ws", "path", "one")).trim();
  await writeFile(join(path, "work"), "x");
  const no = await inTerminal(at, ["ws", "delete", "--force", "one"], "no");
  assert.equal(no.exitCode, 1);
  assert.match(no.text, /Lost with one:\n {2}1 untracked file\n {4}work\n/);
  assert.ok(existsSync(path));
  const yes = await inTerminal(at, ["ws", "delete", "--force", "one"], "yes");
  assert.equal(yes.exitCode, 0, yes.text);
  assert.ok(!existsSync(path));

  await at.ok("ws", "create", "two", "-q");
  assert.equal((await inTerminal(at, ["ws", "delete", "--force", "two"])).exitCode, 0);
});
