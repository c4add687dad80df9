import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, cp, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { readRunnerFile, runningRunner } from "../../src/runner/runner-file.ts";
import { startRunner } from "../../src/runner/start.ts";
import { scratchDirectory, smallDisk } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { postgres } from "../fixtures/postgres.ts";
import { run, waitFor } from "../fixtures/process.ts";
import { BERTH_SOURCE, runnerProcess } from "../fixtures/runner-process.ts";

/** `berth` from its sources, to its end. */
function berth(state: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return run([process.execPath, BERTH_SOURCE, ...args], {
    env: { ...process.env, BERTH_HOME: state, NO_COLOR: "1", ...env },
  });
}

async function health(url: string): Promise<{ status: string; version: string; instance_id: string }> {
  const response = await fetch(`${url}/v1/health`);
  return (await response.json()) as { status: string; version: string; instance_id: string };
}

test("a second runner is refused and told who holds the directory; a killed one is no obstacle", async () => {
  await using scratch = await scratchDirectory();
  const state = join(scratch.path, "state");
  await using first = await runnerProcess(state);
  const refused = await berth(state, ["serve", "--port", "0"]);
  assert.equal(refused.exitCode, 125);
  const said = refused.stderr.toString();
  assert.match(said, new RegExp(`process ${first.pid}, ${first.url} \\[runner\\.held\\]`));
  assert.match(said, /--stop/);
  assert.equal((await health(first.url)).status, "ok");
  await first.kill("SIGKILL");
  assert.equal(runningRunner(state), undefined);
  await using second = await runnerProcess(state);
  assert.equal((await health(second.url)).status, "ok");
  await second.kill("SIGTERM");
  assert.equal(second.child.exitCode, 0, second.said());
  assert.equal(readRunnerFile(state), undefined);
});

test("in the background: it is there when the command returns, says so, and ends when asked to", async () => {
  await using scratch = await scratchDirectory();
  const state = join(scratch.path, "state");
  try {
    const started = await berth(state, ["serve", "--detach", "--port", "0", "--json"]);
    assert.equal(started.exitCode, 0, started.stderr.toString());
    const listening = JSON.parse(started.stdout.toString()) as { url: string; pid: number; logFile: string };
    assert.equal((await health(listening.url)).status, "ok");
    const log = await readFile(listening.logFile, "utf8");
    assert.match(log, /"message":"listens on http/);
    assert.equal((await stat(listening.logFile)).mode & 0o777, 0o600);
    const token = (await readFile(join(state, "token"), "utf8")).trim();
    assert.ok(!(log + started.stdout.toString()).includes(token), "the token is printed nowhere");
    const again = await berth(state, ["serve", "--detach", "--port", "0"]);
    assert.equal(again.exitCode, 125);
    assert.match(again.stderr.toString(), /runner\.held/);
    const status = await berth(state, ["serve", "--status", "--json"]);
    assert.equal(status.exitCode, 0);
    assert.deepEqual(
      { ...JSON.parse(status.stdout.toString()), machine: "", processStart: "", lock: "", host: "", port: 0 },
      {
        running: true,
        answers: true,
        url: listening.url,
        pid: listening.pid,
        version: (await health(listening.url)).version,
        instanceId: (await health(listening.url)).instance_id,
        startedAt: readRunnerFile(state)?.startedAt,
        tokenFile: join(state, "token"),
        machine: "",
        lock: "",
        processStart: "",
        host: "",
        port: 0,
      },
    );
    const shown = await berth(state, ["serve", "--status"]);
    assert.match(shown.stdout.toString(), new RegExp(`^${listening.url} `));
  } finally {
    const stopped = await berth(state, ["serve", "--stop"]);
    assert.equal(stopped.exitCode, 0, stopped.stderr.toString());
  }
  assert.equal(runningRunner(state), undefined);
  const none = await berth(state, ["serve", "--stop"]);
  assert.equal(none.exitCode, 0, "that none runs is what was wanted");
  assert.equal((await berth(state, ["serve", "--status"])).exitCode, 1);
});

test("what a runner can't do is said before anything else happens", async () => {
  await using scratch = await scratchDirectory();
  const state = join(scratch.path, "state");
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const port = (taken.address() as { port: number }).port;
  try {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["--port", String(port)], /port\.in_use/],
      [["--port", "70000"], /0 to 65535/],
      [["--host", "0.0.0.0", "--port", "0"], /runner\.insecure/],
      [["--tls-cert", "x"], /go together/],
      [["--tls-cert", join(scratch.path, "no"), "--tls-key", join(scratch.path, "no")], /ENOENT/],
      [["--allow-host", "a b"], /cli\.usage/],
      [["--database", "postgres://127.0.0.1:1/none"], /store\.unreachable/],
      [["--database", "mysql://127.0.0.1/none"], /config\.invalid/],
      [["--host", "192.0.2.1", "--insecure", "--port", "0"], /no such address \[runner\.address_refused/],
      [["--base-domain", "..."], /cli\.usage/],
      [["--base-domain", "127.0.0.1"], /cli\.usage/],
      [["--log-file", scratch.path], /EISDIR/],
      [["--detach", "--log-file", join(scratch.path, "none", "log")], /ENOENT/],
      [["--stop", "--replace"], /exclude each other/],
    ];
    const results = await Promise.all(
      cases.map(async ([args, expected], index) => ({
        args,
        expected,
        ran: await berth(join(scratch.path, String(index)), ["serve", ...args]),
      })),
    );
    for (const { args, expected, ran } of results) {
      assert.equal(ran.exitCode, 125, args.join(" "));
      assert.match(ran.stderr.toString(), expected, args.join(" "));
      assert.doesNotMatch(ran.stderr.toString(), /Warning/, args.join(" "));
    }
    // In the background it is said by the command that starts it, as well.
    const detached = await berth(state, ["serve", "-d", "--port", String(port)]);
    assert.equal(detached.exitCode, 125);
    assert.match(detached.stderr.toString(), /port\.in_use/);
    assert.equal(runningRunner(state), undefined);
  } finally {
    taken.close();
  }
});

test("a copy of a state directory has no runner; one whose directory is replaced ends, and leaves the new one's alone", async () => {
  await using scratch = await scratchDirectory();
  const state = join(scratch.path, "state");
  const copy = join(scratch.path, "copy");
  await using old = await runnerProcess(state);
  await cp(state, copy, { recursive: true });
  assert.notEqual(runningRunner(state), undefined);
  assert.equal(runningRunner(copy), undefined);
  await rename(state, join(scratch.path, "moved"));
  await using next = await runnerProcess(state);
  await waitFor("the old one has ended", () => old.child.exitCode !== null);
  assert.equal(old.child.exitCode, 125);
  assert.match(old.said(), /runner\.directory_gone/);
  assert.equal(runningRunner(state)?.pid, next.child.pid);
});

test("a service manager is told when it is ready and when it ends", async () => {
  await using scratch = await scratchDirectory();
  const state = join(scratch.path, "state");
  const programs = join(scratch.path, "bin");
  const told = join(scratch.path, "told");
  await mkdir(programs);
  await writeFile(join(programs, "systemd-notify"), `#!/bin/sh\necho "$@" >> '${told}'\n`);
  await chmod(join(programs, "systemd-notify"), 0o755);
  await using runner = await runnerProcess(state, {
    env: { PATH: `${programs}:${process.env.PATH}`, NOTIFY_SOCKET: join(scratch.path, "socket") },
  });
  await waitFor("it says that it is ready", async () =>
    (await readFile(told, "utf8")).includes(`--pid=${runner.pid} --status=listens on ${runner.url} --ready`),
  );
  await runner.kill("SIGTERM");
  assert.match(await readFile(told, "utf8"), /--stopping\n$/);
});

test("a successor takes over on the same address; one that can't start leaves the old one as it is", async () => {
  await using scratch = await scratchDirectory();
  const state = join(scratch.path, "state");
  await using old = await runnerProcess(state);
  const before = await health(old.url);
  const failing = await berth(state, ["serve", "--replace", "--database", "postgres://127.0.0.1:1/none"]);
  assert.equal(failing.exitCode, 125);
  assert.equal((await health(old.url)).instance_id, before.instance_id, "the old one goes on");
  await using next = await runnerProcess(state, { args: ["--replace"], version: "99.0.0" });
  assert.equal(next.url, old.url);
  const after = await health(next.url);
  assert.equal(after.version, "99.0.0");
  assert.notEqual(after.instance_id, before.instance_id);
  await waitFor("the old one has ended", () => old.child.exitCode === 0);
  // With none to replace it simply starts.
  await next.kill("SIGKILL");
  await using third = await runnerProcess(state, { args: ["--replace", "--port", "0"] });
  assert.equal((await health(third.url)).status, "ok");
});

test("on a full disk a successor fails before the old one makes room", async (t) => {
  const disk = await requireOrSkip(t, () => smallDisk());
  if (disk === undefined) return;
  await using _ = disk;
  const state = join(disk.path, "state");
  await using old = await runnerProcess(state);
  await run(["sh", "-c", 'head -c 1000000000 /dev/zero > "$0"', join(disk.path, "fill")]);
  const next = await berth(state, ["serve", "--replace"]);
  assert.equal(next.exitCode, 125);
  assert.match(next.stderr.toString(), /no space/);
  assert.equal((await health(old.url)).status, "ok");
  assert.equal(runningRunner(state)?.pid, old.pid);
});

test("a database has one runner", async (t) => {
  const server = await requireOrSkip(t, () => postgres());
  if (server === undefined) return;
  await using _server = server;
  await using scratch = await scratchDirectory();
  const database = await server.database();
  const start = (name: string) =>
    startRunner({ stateDirectory: join(scratch.path, name), port: 0, database });
  await using first = await start("one");
  await assert.rejects(start("two"), { code: "runner.held", message: /berth serve/ });
  assert.equal((await health(first.url)).status, "ok");
  first.stop();
  assert.equal(await first.ended, undefined);
  await using second = await start("two");
  assert.equal((await health(second.url)).status, "ok");
});

test("the signal of Node's debugger opens none", async () => {
  await using scratch = await scratchDirectory();
  await using runner = await runnerProcess(join(scratch.path, "state"));
  runner.child.kill("SIGUSR1");
  assert.equal((await health(runner.url)).status, "ok");
  await runner.kill("SIGTERM");
  assert.doesNotMatch(runner.said(), /Debugger/);
});

test("a second signal ends it at once", async () => {
  await using scratch = await scratchDirectory();
  const state = join(scratch.path, "state");
  await using runner = await runnerProcess(state);
  runner.child.kill("SIGTERM");
  runner.child.kill("SIGTERM");
  await once(runner.child, "exit");
  assert.ok([0, 143].includes(runner.child.exitCode ?? -1), String(runner.child.exitCode));
  assert.equal(runningRunner(state), undefined);
});
