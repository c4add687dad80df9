import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { isAlive, waitFor } from "../../../test/fixtures/process.ts";
import { Bench } from "./checkout.testing.ts";
import { addCheckout } from "./checkout.ts";
import { localGitPlace } from "./places.ts";
import { updateCheckout } from "./update.ts";

process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_SYSTEM = "/dev/null";
const git = localGitPlace();

/** A project, a clone of it, and a checkout of its branch in that. */
async function cloned(bench: Bench) {
  const project = bench.repository("project");
  const base = join(bench.directory, "clone");
  bench.git(bench.directory, "clone", "-q", "--bare", project, base);
  bench.git(base, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*");
  const path = join(bench.directory, "w");
  const commit = bench.git(project, "rev-parse", "HEAD");
  const add = { gitDir: base, path, branch: "main", commit, newBranch: false, ownsBase: true, hooks: false };
  await addCheckout(git, { ...add, upstream: "main" });
  return { project, base, path, commit };
}

test("an existing branch is brought up to its upstream; what hinders that is a notice", async () => {
  using bench = new Bench();
  const { project, path, commit } = await cloned(bench);
  assert.deepEqual(await updateCheckout(git, { path, hooks: false }), {
    state: "updated",
    from: commit,
    to: commit,
  });
  const next = bench.commit(project, "second", { "b.txt": "b\n" });
  bench.git(path, "config", "pull.rebase", "true");
  assert.deepEqual(await updateCheckout(git, { path, hooks: false }), {
    state: "updated",
    from: commit,
    to: next,
  });
  bench.commit(path, "mine", { "c.txt": "c\n" });
  bench.commit(project, "third", { "d.txt": "d\n" });
  const diverged = await updateCheckout(git, { path, hooks: false });
  assert.equal(diverged.state, "failed");
  assert.match("notice" in diverged ? diverged.notice : "", /^git pull: fatal: Not possible to fast-forward/);
  assert.equal(bench.git(path, "status", "--porcelain"), "");
});

test("without an upstream, a branch or a commit nothing is pulled", async () => {
  using bench = new Bench();
  const { path } = await cloned(bench);
  bench.git(path, "checkout", "-q", "-b", "new");
  assert.deepEqual(await updateCheckout(git, { path, hooks: false }), {
    state: "skipped",
    reason: "the branch new follows no other one",
  });
  bench.git(path, "checkout", "-q", "--detach");
  assert.equal((await updateCheckout(git, { path, hooks: false })).state, "skipped");
});

test("hooks of the pull run with trust only", async () => {
  using bench = new Bench();
  const { project, base, path } = await cloned(bench);
  mkdirSync(join(base, "hooks"), { recursive: true });
  writeFileSync(join(base, "hooks", "post-merge"), "#!/bin/sh\ntouch ran\n", { mode: 0o755 });
  bench.commit(project, "second", { "b.txt": "b\n" });
  assert.equal((await updateCheckout(git, { path, hooks: false })).state, "updated");
  assert.equal(existsSync(join(path, "ran")), false);
  bench.commit(project, "third", { "c.txt": "c\n" });
  assert.equal((await updateCheckout(git, { path, hooks: true })).state, "updated");
  assert.equal(existsSync(join(path, "ran")), true);
});

/** As a hanging ssh: deaf to TERM, with a child of its own. Returns the file with their pids. */
function hangs(bench: Bench, base: string): string {
  const deaf = join(bench.directory, "deaf");
  const pids = join(bench.directory, "pids");
  const script = `#!/bin/sh
trap '' TERM
sleep 600 &
echo $$ $! > '${pids}'
wait
wait
`;
  writeFileSync(deaf, script, { mode: 0o755 });
  bench.git(base, "config", "core.sshCommand", deaf);
  bench.git(base, "config", "ssh.variant", "simple");
  bench.git(base, "config", "remote.origin.url", "ssh://nobody@127.0.0.1/x");
  return pids;
}

/** They are killed; whoever adopted them has yet to look. */
async function nothingLeft(pids: string): Promise<void> {
  const left = readFileSync(pids, "utf8").trim().split(" ");
  assert.equal(left.length, 2);
  await waitFor("nothing of it is left", () => left.every((pid) => !isAlive(Number(pid))));
}

test("a pull that hangs ends at its deadline, with all that it has started", async () => {
  using bench = new Bench();
  const { base, path } = await cloned(bench);
  const pids = hangs(bench, base);
  // Long enough for it to hang on a busy machine.
  const result = await updateCheckout(git, { path, hooks: false, deadlineMs: 5000 });
  assert.deepEqual(result, { state: "failed", notice: "git pull was not done in 5 s" });
  await nothingLeft(pids);
  assert.equal(existsSync(join(base, "worktrees", "w", "index.lock")), false);
});

test("an aborted pull ends with all that it has started, long before its deadline", async () => {
  using bench = new Bench();
  const { base, path } = await cloned(bench);
  const pids = hangs(bench, base);
  const abort = new AbortController();
  const update = updateCheckout(git, { path, hooks: false, deadlineMs: 600_000, signal: abort.signal });
  await waitFor("the pull hangs", () => existsSync(pids) && readFileSync(pids, "utf8").endsWith("\n"));
  abort.abort();
  await assert.rejects(update, { code: "operation.aborted" });
  await nothingLeft(pids);
});

test("a remote that takes connections and says nothing is asked no questions", async () => {
  using bench = new Bench();
  const { base, path } = await cloned(bench);
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const { port } = silent.address() as { port: number };
  bench.git(base, "config", "remote.origin.url", `git://127.0.0.1:${port}/x`);
  const result = await updateCheckout(git, { path, hooks: false, deadlineMs: 1000 });
  assert.deepEqual(result, { state: "failed", notice: "git pull was not done in 1 s" });
  silent.close();
});
