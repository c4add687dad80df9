import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Workspace, WorkspaceStatus } from "../../src/contract/workspace.ts";
import { BERTH, collect } from "./berth.ts";
import { workspaceDesk } from "./workspace-desk.ts";

const INIT = "#!/bin/sh\necho setting up $BERTH_WORKSPACE\ntouch set-up\n";

test("a workspace from its making to its end: create, show, exec, diff, pull, delete", async () => {
  await using at = await workspaceDesk({ ".berth/init": INIT, ".gitignore": "set-up\n" });
  const made = await at.berth("ws", "create", "fix-login", "--trust");
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout.toString(), /^fix-login: ready, branch fix-login\n {2}worktree {2}\//);
  assert.match(made.stderr, /setting up fix-login\n/);

  const path = (await at.ok("workspace", "path", "fix-login")).trim();
  assert.ok(existsSync(join(path, "set-up")));
  assert.equal(await at.ok("exec", "-w", "fix-login", "--", "pwd"), `${path}\n`);
  const shown = await at.ok("ws", "show", "fix-login", "--history");
  assert.match(shown, /state +ready/);
  assert.match(shown, /set-up +\.berth\/init: exit code 0 after/);
  assert.match(shown, /\n {4}setting up fix-login\n/);
  assert.match(shown, /workspace\.ready/);
  const listed = await at.ok("ws", "list");
  assert.match(listed, /^NAME +BRANCH +PLACE +STATE +AGE\nfix-login +fix-login +worktree +ready +\d/);

  await writeFile(join(path, "readme.txt"), "changed there\n");
  await writeFile(join(path, "new file"), "x\n");
  assert.match(await at.ok("ws", "diff", "fix-login"), /\+changed there/);
  assert.match(await at.ok("ws", "diff", "fix-login", "--stat", "--", "readme.txt"), /readme\.txt \|/);
  assert.match(await at.ok("ws", "diff", "fix-login", "--name-status", "--base", "head"), /^M\treadme\.txt/m);

  const refused = await at.berth("ws", "delete", "fix-login");
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /1 changed file\n {4}readme\.txt\n {2}1 untracked file\n {4}new file\n/);
  assert.match(refused.stderr, /\[workspace\.would_lose_work\]\n {2}\S/);
  const status = await at.json<WorkspaceStatus>("ws", "status", "fix-login");
  assert.deepEqual([status.changed, status.untracked], [["readme.txt"], ["new file"]]);

  at.git(path, "add", ".");
  at.git(path, "commit", "--quiet", "-m", "done there");
  const only = await at.berth("ws", "delete", "fix-login");
  assert.match(only.stderr, /1 commit\n {4}[0-9a-f]{10} done there\n/);
  await at.ok("ws", "pull", "fix-login");
  at.git(at.project, "merge", "--quiet", "--squash", "fix-login");
  at.git(at.project, "commit", "--quiet", "-m", "squashed");
  assert.match(await at.ok("ws", "status", "fix-login"), /Nothing would be lost/);
  await at.ok("ws", "delete", "fix-login");
  assert.ok(!existsSync(path));
  assert.equal(at.git(at.project, "branch", "--format=%(refname:short)"), "main");
  const gone = await at.berth("ws", "show", "fix-login");
  assert.equal(gone.code, 125);
  assert.match(gone.stderr, /\[workspace\.unknown\]/);
});

test("hooks run only when the project is trusted, which is shown and asked before", async () => {
  await using at = await workspaceDesk({ ".berth/init": INIT, ".gitignore": "set-up\n" });
  const hook = join(at.project, ".git/hooks/pre-commit");
  await writeFile(hook, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const made = await at.berth("ws", "create", "one");
  assert.equal(made.code, 0, made.stderr);
  assert.match(
    made.stderr,
    /hooks are off and \.berth\/init did not run: the project is not trusted\n.*berth trust/,
  );
  const commit = ["exec", "-w", "one", "--", "git", "commit", "--allow-empty", "-qm", "x"];
  assert.equal((await at.berth(...commit)).code, 0);

  const alone = await at.berth("trust");
  assert.equal(alone.code, 125);
  assert.match(alone.stdout.toString(), /git hooks:\n {2}.*pre-commit\n\.berth\/init.*\n {2}│ #!\/bin\/sh\n/);
  assert.match(alone.stderr, /--yes/);
  assert.match((await at.berth("trust", "--list")).stderr, /No project is trusted/);
  await at.ok("trust", "--yes", ".");
  assert.match(await at.ok("trust", "--list"), /my-project +\/.*my project\n/);
  assert.match((await at.berth("ws", "init", "one")).stderr, /setting up one/);
  assert.equal((await at.berth(...commit)).code, 1);

  await at.ok("trust", "--revoke");
  assert.equal((await at.berth(...commit)).code, 0);
});

test("a set-up that fails leaves a usable workspace, says how it ended, and can be repeated", async () => {
  await using at = await workspaceDesk({ ".berth/init": "#!/bin/sh\necho no such package >&2\nexit 3\n" });
  const made = await at.berth("ws", "create", "one", "--trust", "--json");
  assert.equal(made.code, 1);
  assert.equal(made.stderr, "");
  const one = JSON.parse(made.stdout.toString()) as Workspace;
  assert.deepEqual(
    [one.state, one.init?.exit?.exitCode, one.init?.output],
    ["init_failed", 3, "no such package\n"],
  );
  const again = await at.berth("ws", "init", "one");
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^no such package\nberth: \.berth\/init ended with exit code 3 after/m);
  assert.match(await at.ok("ws", "list"), /init failed/);
  assert.equal((await at.berth("exec", "-w", "one", "--", "true")).code, 0);
  await writeFile(join(one.place?.path ?? "", ".berth/init"), "#!/bin/sh\n");
  assert.equal((await at.berth("ws", "init", "one")).code, 0);
  assert.match(await at.ok("ws", "show", "one"), /state +ready/);
});

test("in a workspace the command works in that one, in its set-up too", async () => {
  await using at = await workspaceDesk();
  const command = `'${process.execPath}' '${BERTH}' exec -- pwd`;
  await at.write(".berth/init", `#!/bin/sh\nBERTH_HOME='${at.env.BERTH_HOME}' ${command}\n`);
  at.git(at.project, "add", ".");
  at.git(at.project, "commit", "--quiet", "-m", "hook");
  const made = await at.json<Workspace>("ws", "create", "one", "--trust");
  assert.equal(made.init?.output, `${made.place?.path}\n`);
});

test("-w, BERTH_WORKSPACE and -r: who wins, and what excludes each other", async () => {
  await using at = await workspaceDesk({ "berth.yaml": "runtimes:\n  tmp: local:/tmp\n" });
  await at.ok("ws", "create", "one", "-q");
  await at.ok("ws", "create", "two", "-q");
  const pwd = async (...args: string[]) => (await at.ok("exec", ...args, "--", "pwd")).trim();
  assert.match(await pwd("-w", "one"), /\/one$/);
  at.env.BERTH_WORKSPACE = "two";
  at.env.BERTH_RUNTIME = "tmp";
  assert.match(await pwd(), /\/two$/);
  assert.match(await pwd("-w", "one"), /\/one$/);
  assert.equal(await pwd("-r", "tmp"), "/tmp");
  delete at.env.BERTH_WORKSPACE;
  assert.equal(await pwd(), "/tmp");
  assert.match(await pwd("-w", "my-project/two"), /\/two$/);

  for (const [args, said] of [
    [["exec", "-r", "tmp", "-w", "one", "--", "true"], /-r and -w exclude each other \[cli\.usage\]/],
    [["exec", "-w", "one", "--accept-new", "--", "true"], /has its own configuration/],
    [["exec", "-w", "one", "--mount", "/a:/b", "--", "true"], /has its own configuration/],
    [["exec", "-w", "oen", "--", "true"], /no workspace oen.*\n {2}Did you mean one\?/],
  ] as const) {
    const ran = await at.berth(...args);
    assert.equal(ran.code, 125);
    assert.match(ran.stderr, said);
  }

  await at.ok("exec", "-w", "one", "-d", "--name", "dev", "--", "sleep", "1000");
  assert.match(await at.ok("ps", "-w", "one"), /dev/);
  assert.doesNotMatch(await at.ok("ps", "-w", "two"), /dev/);
  await at.ok("kill", "-w", "one", "dev");
  await at.ok("rm", "-w", "one", "dev");
  await at.ok("cp", "-w", "one", "readme.txt", ":copied");
  assert.equal(await at.ok("exec", "-w", "one", "--", "cat", "copied"), "a project\n");
  assert.match(await at.ok("check", "-w", "one"), /^ok .*worktrees\/my-project-[0-9a-f]{6}\/one/m);
});

test("what can't be is refused with a remedy, and nothing is left of it", async () => {
  await using at = await workspaceDesk();
  await at.ok("ws", "create", "one", "-q");
  for (const [args, said] of [
    [["create", "one"], /\[workspace\.name_taken\]/],
    [["create", "a b"], /\[workspace\.name_invalid\]/],
    [["create", "x", "--start", "nowhere"], /\[workspace\.start_unknown\]/],
    [["create", "x", "--branch", "main"], /checked out in .*\[workspace\.branch_in_use\]/],
    [["create", "x", "--branch", "a..b"], /\[workspace\.branch_invalid\]/],
    [["create", "x", "-r", "nowhere"], /\[config\.unknown_runtime\]/],
    [["create", "x", "--cpus", "2"], /options of a place without a place \[cli\.usage\]/],
    [["create", "x", "-r", "ssh://127.0.0.1:1"], /\[ssh\./],
    [["create", "x", "--project", "/"], /\[workspace\.not_a_project\]/],
    [["rename", "one", "one/two"], /\[workspace\.name_invalid\]/],
    [["stop", "one"], /\[workspace\.not_stoppable\]/],
    [["config", "one", "--set", "type=local"], /\[workspace\.config_immutable\]/],
    [["config", "one", "--set", "workdri=x"], /\[config\.invalid\]/],
    [["config", "one", "--set", "daemon=sometimes"], /\[config\.invalid\]/],
    [["diff", "one", "--base", "nowhere"], /\[workspace\.start_unknown\]/],
    [["diff", "one", "--stat", "--name-status"], /cannot be used with/],
    [["shell", "nobody"], /\[workspace\.unknown\]/],
  ] as const) {
    const ran = await at.berth("ws", ...args);
    assert.equal(ran.code, 125, `${args.join(" ")}: ${ran.stdout}${ran.stderr}`);
    assert.match(ran.stderr, said);
    assert.equal(ran.stdout.toString(), "");
  }
  const outside = await at.run(["ws", "create", "x"], undefined, at.directory);
  assert.match(outside.stderr, /\[workspace\.not_a_project\]/);
  const asJson = await at.berth("ws", "create", "one", "--json");
  assert.equal(JSON.parse(asJson.stderr).error.code, "workspace.name_taken");
  assert.deepEqual(
    (await at.json<Workspace[]>("ws", "list")).map(({ name }) => name),
    ["one"],
  );
  assert.equal(at.git(at.project, "branch", "--format=%(refname:short)"), "main\none");
});

test("uncommitted work travels: into a new workspace, into a fork, and home as a patch", async () => {
  await using at = await workspaceDesk({ ".gitignore": "*.env\n", ".berth/include": "local.env\n" });
  await at.write("readme.txt", "changed\n");
  await at.write("new.txt", "new\n");
  await at.write("local.env", "SECRET=1\n");
  await at.write("other.env", "x\n");
  await at.ok("ws", "create", "one", "--changes", "-q");
  const one = (await at.ok("ws", "path", "one")).trim();
  assert.equal(await readFile(join(one, "readme.txt"), "utf8"), "changed\n");
  assert.ok(existsSync(join(one, "new.txt")) && existsSync(join(one, "local.env")));
  assert.ok(!existsSync(join(one, "other.env")));

  await at.ok("ws", "fork", "one", "two", "-q");
  const two = (await at.ok("ws", "path", "two")).trim();
  assert.equal(await readFile(join(two, "readme.txt"), "utf8"), "changed\n");
  await at.ok("ws", "rename", "two", "three");
  assert.ok(!existsSync(two));

  await at.write("readme.txt", "changed otherwise\n");
  const conflict = await at.berth("ws", "apply", "three");
  assert.match(conflict.stderr, /\[workspace\.apply_conflict\]/);
  at.git(at.project, "checkout", "--quiet", "readme.txt");
  at.git(at.project, "clean", "--quiet", "-fd");
  assert.match(await at.ok("ws", "apply", "three", "--dry-run"), /readme\.txt/);
  assert.equal(await readFile(join(at.project, "readme.txt"), "utf8"), "a project\n");
  await at.ok("ws", "apply", "three");
  assert.equal(await readFile(join(at.project, "readme.txt"), "utf8"), "changed\n");
  await at.ok("ws", "delete", "three", "--force");
  await at.ok("ws", "delete", "one", "--force", "--json");
  assert.equal((await at.berth("ws", "list")).stdout.toString(), "");
});

test("the configuration of a workspace is read, set by dotted fields, and used", async () => {
  await using at = await workspaceDesk();
  await at.ok("ws", "create", "one", "-q");
  assert.equal(await at.ok("ws", "config", "one"), "type  worktree\n");
  await at.ok("ws", "config", "one", "--set", "env.PORT=3000", "--set", "daemon=never");
  assert.deepEqual(await at.json("ws", "config", "one"), {
    type: "worktree",
    env: { PORT: "3000" },
    daemon: "never",
  });
  assert.equal(await at.ok("exec", "-w", "one", "--", "sh", "-c", "echo $PORT"), "3000\n");
  await at.ok("ws", "config", "one", "--unset", "env.PORT", "--unset", "daemon");
  assert.deepEqual(await at.json("ws", "config", "one"), { type: "worktree" });
});

test("an interrupt while a workspace is made leaves nothing, and while it is set up says what is there", async () => {
  await using at = await workspaceDesk({ ".berth/init": "#!/bin/sh\necho set-up-runs\nsleep 1000\n" });
  const child = at.start(["ws", "create", "one", "--trust"]);
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    const before = said.includes("set-up-runs");
    said += chunk;
    // Once: a second one would end it at once.
    if (!before && said.includes("set-up-runs")) child.kill("SIGINT");
  });
  const ran = await collect(child);
  assert.equal(ran.code, 125);
  assert.match(ran.stderr, /\[operation\.aborted\]/);
  assert.match(ran.stderr, /berth: one is there: .*\n {2}`berth workspace init one` goes on/);
  assert.match(await at.ok("ws", "show", "one"), /initializing, interrupted|init failed/);
  await at.ok("ws", "delete", "one");
});

test("from inside of its own checkout a workspace is found, and deleted", async () => {
  await using at = await workspaceDesk();
  await at.ok("ws", "create", "one", "-q");
  const path = (await at.ok("ws", "path", "one")).trim();
  const inside = (...args: string[]) => at.run(["ws", ...args], undefined, path);
  assert.match((await inside("list")).stdout.toString(), /^one +one/m);
  assert.equal((await inside("create", "two", "-q")).stdout.toString(), "two\n");
  const deleted = await inside("delete", "one");
  assert.equal(deleted.code, 0, deleted.stderr);
  assert.ok(!existsSync(path));
  assert.match(await at.ok("ws", "list"), /^NAME.*\ntwo +[^\n]*\n$/);
});

test("a project that was moved is known again, with its worktrees", async () => {
  await using at = await workspaceDesk();
  const one = await at.json<Workspace>("ws", "create", "one");
  const moved = join(at.directory, "moved");
  await rename(at.project, moved);
  const there = (...args: string[]) => at.run(args, undefined, moved);
  assert.match((await there("ws", "list")).stdout.toString(), /^one +one/m);
  const status = await there("exec", "-w", "one", "--", "git", "status", "--short", "--branch");
  assert.equal(status.stdout.toString(), "## one\n", status.stderr);
  const shown = JSON.parse((await there("ws", "show", "one", "--json")).stdout.toString()) as Workspace;
  assert.deepEqual([shown.id, shown.place?.base, shown.project.path], [one.id, join(moved, ".git"), moved]);
  // A copy is another project.
  await cp(moved, join(at.directory, "copy"), { recursive: true });
  const copied = await at.run(["ws", "list"], undefined, join(at.directory, "copy"));
  assert.equal(copied.stdout.toString(), "");
  assert.equal((await there("ws", "delete", "one")).code, 0);
});

test("a checkout that was removed by hand is told as that, its commits are found, and it can be forgotten", async () => {
  await using at = await workspaceDesk();
  await at.ok("ws", "create", "one", "-q");
  const path = (await at.ok("ws", "path", "one")).trim();
  at.git(path, "commit", "--quiet", "--allow-empty", "-m", "there");
  await rm(path, { recursive: true });
  for (const args of [
    ["exec", "-w", "one", "--", "true"],
    ["exec", "-w", "one", "-d", "--", "true"],
  ]) {
    const ran = await at.berth(...args);
    assert.equal(ran.code, 125);
    assert.match(ran.stderr, /the checkout of one is not at .*one any more.*\[workspace\.missing\]/);
  }
  assert.match(await at.ok("ws", "status", "one"), /problem: .*\n.*\n {2}1 commit\n {4}[0-9a-f]{10} there\n/);
  assert.match((await at.berth("ws", "delete", "one")).stderr, /\[workspace\.would_lose_work\]/);
  await at.ok("ws", "delete", "one", "--force");
  assert.equal(at.git(at.project, "branch", "--format=%(refname:short)"), "main");
});

test("completion knows the words, and the names of this project's workspaces", async () => {
  await using at = await workspaceDesk();
  const complete = async (cwd: string, ...words: string[]) =>
    (await at.run(["__complete", "--", ...words], undefined, cwd)).stdout
      .toString()
      .split("\n")
      .filter(Boolean);
  // Asking makes no state.
  assert.deepEqual(await complete(at.project, "ws", "show", ""), []);
  assert.ok(!existsSync(at.env.BERTH_HOME ?? ""));
  await at.ok("ws", "create", "one", "-q");
  assert.deepEqual(await complete(at.project, "ws", "del"), ["delete"]);
  assert.deepEqual(await complete(at.project, "workspace", "delete", "o"), ["one"]);
  assert.deepEqual(await complete(at.project, "ws", "delete", "--force", ""), ["one"]);
  assert.deepEqual(await complete(at.project, "ws", "rename", "one", ""), []);
  assert.deepEqual(await complete(at.project, "exec", "-w", ""), ["one"]);
  assert.deepEqual(await complete(at.directory, "exec", "-w", ""), ["my-project/one"]);
});

test("doctor and gc tell of workspaces", async () => {
  await using at = await workspaceDesk();
  const findings = async () =>
    JSON.parse((await at.berth("doctor", "--json")).stdout.toString()).findings as {
      name: string;
      state: string;
      hint?: string;
    }[];
  assert.ok(!(await findings()).some(({ name }) => name.startsWith("workspace")));
  await at.ok("ws", "create", "one", "-q");
  assert.deepEqual(
    (await findings()).find(({ name }) => name === "workspaces"),
    { name: "workspaces", state: "ok", detail: "1" },
  );
  const path = (await at.ok("ws", "path", "one")).trim();
  at.git(at.project, "worktree", "remove", "--force", path);
  const [finding] = (await findings()).filter(({ name }) => name === "workspace one");
  assert.equal(finding?.state, "warn");
  assert.notEqual(finding?.hint, "");
  const report = JSON.parse((await at.berth("gc", "--dry-run", "--json")).stdout.toString());
  assert.deepEqual(report.workspaces.completed, []);
});
