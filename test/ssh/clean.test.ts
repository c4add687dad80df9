import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cleanSsh } from "../../src/runtimes/ssh/clean.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { output, waitFor } from "../fixtures/process.ts";
import { processesOf, type SshBench, sshBench, TRANSPORTS } from "./support.ts";

async function bench(t: TestContext): Promise<SshBench | undefined> {
  return requireOrSkip(t, () => sshBench());
}

const stateOf = (own: SshBench) => join(own.user.home, ".local/state/berth");
const daemonsOf = async (own: SshBench) =>
  (await processesOf(own.user)).filter(({ commandLine }) => commandLine.includes("\0serve\0"));

for (const transport of TRANSPORTS) {
  test(`${transport}: everything that Berth put there goes, and nothing else`, async (t) => {
    const own = await bench(t);
    if (own === undefined) return;
    await using _ = own;
    const { home } = own.user;
    const elsewhere = await mkdtemp(join(tmpdir(), "berth-test-"));
    await writeFile(join(elsewhere, "precious"), "");
    const runtime = await own.open({ transport });
    await runtime.exec("mkdir -p ~/berth/project ~/other && echo work > ~/berth/project/file");
    await runtime.close();
    const state = stateOf(own);
    // Links of somebody's that lead out, one of them in the place of a payload.
    await symlink(elsewhere, join(state, "payload", "bundle-link"));
    await symlink(elsewhere, join(state, "run", "link"));
    const config = own.config({ transport });
    const plan = await cleanSsh(config, { dryRun: true });
    assert.ok(existsSync(join(state, "payload")));
    assert.equal((await daemonsOf(own)).length, 1);
    const report = await cleanSsh(config);
    assert.deepEqual(
      report.removed.map(({ path }) => path),
      plan.removed.map(({ path }) => path),
    );
    assert.equal(report.ended, 1);
    assert.ok(report.removed.some(({ path, bytes }) => path.includes("/payload/bundle-") && bytes > 100_000));
    assert.ok(report.removed.some(({ path }) => path.includes("/run/")));
    const kept = report.kept.map(({ path, kind }) => [path.slice(home.length + 1), kind]);
    assert.deepEqual(kept.sort(), [
      [".local/state/berth/run/link", "other"],
      ["berth/project", "workspace"],
    ]);
    assert.deepEqual(await readdir(elsewhere), ["precious"]);
    assert.deepEqual(await readdir(join(home, "berth/project")), ["file"]);
    assert.deepEqual(await readdir(state), ["run"]);
    assert.deepEqual(await readdir(join(state, "run")), ["link"]);
    await waitFor("the daemon has ended", async () => (await daemonsOf(own)).length === 0);
    const again = await cleanSsh(config);
    assert.deepEqual([again.removed, again.ended], [[], 0]);
    // It can be used again.
    await using anew = await own.open({ transport });
    assert.equal((await anew.exec("echo again")).stdout, "again\n");
  });
}

test("workspaces are named, wherever they stand, and can be used afterwards", async (t) => {
  const own = await bench(t);
  if (own === undefined) return;
  await using _ = own;
  const { home } = own.user;
  const elsewhere = join(home, "my work/spaces");
  const runtime = await own.open();
  const script = `set -e
for base in "$HOME/berth" "$1"; do
  git init -q --bare "$base/shop-abcdef/.base.git"
  cd "$base/shop-abcdef/.base.git"
  git -c user.name=dev -c user.email=dev@example.com commit-tree -m start "$(git hash-object -t tree -w /dev/null)" > start
  for name in fix-login other; do git worktree add -q -b "$name" "$base/shop-abcdef/$name" "$(cat start)"; done
  git init -q --bare "$base/empty-012345/.base.git"
done`;
  const made = await runtime.exec(["/bin/sh", "-c", script, "sh", elsewhere]);
  assert.equal(made.exitCode, 0, made.stderr);
  await runtime.close();
  const report = await cleanSsh(own.config({ baseDir: "~/my work/spaces" }));
  const below = [
    ["shop-abcdef/fix-login", "it is a workspace"],
    ["shop-abcdef/other", "it is a workspace"],
    ["empty-012345/.base.git", "it is a project's repository, for its next workspace there"],
  ] as const;
  assert.deepEqual(
    report.kept.map(({ path, kind, reason }) => [path, kind, reason]).sort(),
    [join(home, "berth"), elsewhere]
      .flatMap((base) => below.map(([path, reason]) => [join(base, path), "workspace", reason]))
      .sort(),
  );
  assert.equal(existsSync(stateOf(own)), false);
  await using again = await own.open({ workdir: join(elsewhere, "shop-abcdef/fix-login") });
  const { stdout } = await again.exec("git status --short --branch && touch new && git status --short");
  assert.equal(stdout, "## fix-login\n?? new\n");
});

test("a daemon with running processes stays with its payload, unless it is forced", async (t) => {
  const own = await bench(t);
  if (own === undefined) return;
  await using _ = own;
  const runtime = await own.open();
  await runtime.spawn(["sleep", "1000"], { detached: true, name: "long" });
  const report = await cleanSsh(own.config());
  assert.deepEqual([report.removed, report.ended], [[], 0]);
  assert.deepEqual(report.kept.map(({ kind }) => kind).sort(), ["daemon", "payload"]);
  assert.match(report.kept.find(({ kind }) => kind === "daemon")?.reason ?? "", /1 running process/);
  const { state } = await (await runtime.process("long")).info();
  assert.equal(state, "running");
  await runtime.close();
  const forced = await cleanSsh(own.config(), { force: true });
  assert.equal(forced.ended, 1);
  assert.equal(existsSync(stateOf(own)), false);
  await waitFor("all has ended", async () =>
    (await processesOf(own.user)).every(({ commandLine }) => !/serve|sleep\x001000/.test(commandLine)),
  );
});

test("a stopped daemon is left alone, unless it is forced; what belongs to other hosts stays", async (t) => {
  const own = await bench(t);
  if (own === undefined) return;
  await using _ = own;
  const runtime = await own.open();
  await runtime.close();
  const state = stateOf(own);
  const before = join(state, "run", "vm-other-host-01234567", "p1");
  await mkdir(before, { recursive: true });
  await output(["cp", "-a", join(state, "payload"), join(state, "p")]);
  await output(["chown", "-R", `${own.user.uid}:${own.user.gid}`, state]);
  const [daemon] = await daemonsOf(own);
  assert.ok(daemon !== undefined);
  process.kill(daemon.pid, "SIGSTOP");
  const report = await cleanSsh(own.config(), { handshakeTimeoutMs: 500 });
  const kept = new Map(report.kept.map(({ path, kind, reason }) => [path, `${kind}: ${reason}`]));
  assert.equal(kept.get(join(state, "p"))?.startsWith("other:"), true);
  assert.ok([...kept.values()].some((reason) => reason.includes(`process ${daemon.pid}) does not answer`)));
  assert.deepEqual(
    report.removed.map(({ path }) => path),
    [before],
  );
  const forced = await cleanSsh(own.config(), { force: true, handshakeTimeoutMs: 500 });
  assert.equal(forced.ended, 1);
  assert.deepEqual(await daemonsOf(own), []);
  assert.deepEqual(await readdir(state), ["p"]);
});
