import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanSsh } from "../../src/runtimes/ssh/clean.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { run, waitFor } from "../fixtures/process.ts";
import type { OrdinaryUser } from "../fixtures/user.ts";
import { mastersOf, processesOf, type SeenProcess, sshBench, TRANSPORTS } from "./support.ts";

/** Everything of an account that is on this machine's disks, but for what the test itself has. */
async function filesOf(user: OrdinaryUser): Promise<string[]> {
  // Others make and remove their own files meanwhile, which is told as a failure.
  const found = await run([
    ...["find", user.home, "/tmp", "/var/tmp", "/dev/shm", "/run", "-xdev", "-user", user.name],
    ...["-not", "-path", "/proc/*"],
  ]);
  return found.stdout.toString().split("\n").filter(Boolean).sort();
}

/** An account's processes that are not sshd's. */
async function workOf(user: OrdinaryUser): Promise<SeenProcess[]> {
  const all = await processesOf(user);
  return all.filter(({ commandLine }) => !commandLine.startsWith("sshd:"));
}

/** pids of its daemons. */
async function daemonsOf(user: OrdinaryUser): Promise<number[]> {
  const all = await workOf(user);
  return all.filter(({ commandLine }) => commandLine.includes("\0serve\0")).map(({ pid }) => pid);
}

for (const transport of TRANSPORTS) {
  test(`the daemon outlives connections and clients, and is cleaned away with all that Berth put there: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const before = await filesOf(bench.user);
    const first = await bench.open({ transport });
    const detached = await first.spawn(["sleep", "1234"], { detached: true, name: "one" });
    const daemons = await daemonsOf(bench.user);
    assert.ok(daemons.length > 0);
    await first.close();
    await bench.server.dropSessions();
    const second = await bench.open({ transport });
    const again = await second.process("one");
    assert.deepEqual([again.id, again.pid], [detached.id, detached.pid]);
    assert.deepEqual(await daemonsOf(bench.user), daemons, "it is the same daemon");
    await second.fs.writeFile("theirs", "a file of the user's");

    const config = bench.config({ transport });
    const busy = await cleanSsh(config);
    assert.ok(
      busy.kept.some(({ kind }) => kind === "daemon"),
      "a daemon whose processes run is kept",
    );
    assert.equal((await again.info()).state, "running");
    const report = await cleanSsh(config, { force: true });
    assert.equal(report.ended, 1);
    await waitFor("nothing of Berth runs there", async () => (await workOf(bench.user)).length === 0);
    const after = (await filesOf(bench.user)).filter((path) => !path.endsWith("/theirs"));
    const left = after.filter(
      (path) => !before.includes(path) && !/\/(\.local|\.local\/state|\.cache)$/.test(path),
    );
    assert.deepEqual(left, []);
    assert.deepEqual((await cleanSsh(config)).removed, [], "there is nothing more to remove");
  });

  test(`without a daemon nothing stays on the host: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const before = await filesOf(bench.user);
    const runtime = await bench.open({ transport, daemon: "never" });
    await runtime.exec("sleep 0.1; echo on");
    await runtime.exec(["sleep", "1000"], { timeoutMs: 50 });
    await runtime.fs.writeFile("file", "content");
    await runtime.fs.rm("file");
    await runtime.close();
    await waitFor("nothing runs there", async () => (await workOf(bench.user)).length === 0);
    assert.deepEqual(await filesOf(bench.user), before);
  });
}

test("a connection that was cut leaves no master behind", async (t) => {
  const made = await requireOrSkip(t, () => sshBench());
  if (made === undefined) return;
  await using bench = made;
  const runtime = await bench.open({ transport: "openssh", daemon: "never" });
  await runtime.exec(["true"]);
  assert.equal((await mastersOf(bench)).length, 1);
  await bench.server.dropSessions();
  await waitFor("the master has ended", async () => (await mastersOf(bench)).length === 0);
});
