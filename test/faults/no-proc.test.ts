import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createDaemonRuntime } from "../../src/runtimes/daemon/runtime.ts";
import { createHandshake } from "../../src/runtimes/provision/handshake.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { FixtureUnavailable, requireOrSkip } from "../fixtures/install.ts";
import { isAlive, waitFor } from "../fixtures/process.ts";

const DAEMON = fileURLToPath(new URL("../../src/berthd/main.ts", import.meta.url));
const ISOLATION = { filesystem: "shared", processes: "shared", network: "shared", kernel: "shared" } as const;

/** Stands in for systems that have no /proc (macOS, the BSDs), of which none can be had: a place where it is empty. */
test("a daemon without /proc: commands, timeouts and files work, a group is ended, and what lacks is said", async (t) => {
  const scratch = await requireOrSkip(t, async () => {
    if (process.getuid?.() !== 0) throw new FixtureUnavailable("only root can hide /proc");
    return scratchDirectory();
  });
  if (scratch === undefined) return;
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(scratch);
  const hidden = 'mount -t tmpfs none /proc && cd / && exec "$@"';
  const serve = [process.execPath, DAEMON, "serve", "--dir", path, "--login-env"];
  const daemon = spawn("unshare", ["--mount", "sh", "-c", hidden, "sh", ...serve], { stdio: "ignore" });
  stack.defer(async () => {
    const ended = once(daemon, "exit");
    daemon.kill("SIGTERM");
    await ended;
  });
  const socket = join(path, "sock");
  await waitFor("the daemon serves", () => existsSync(socket));
  const handshake = createHandshake("test");
  const runtime = stack.use(
    await createDaemonRuntime({
      kind: "local",
      description: "a place without /proc",
      isolation: ISOLATION,
      workdir: path,
      dial: async ({ signal }) =>
        handshake(connect(socket), (await readFile(join(path, "token"), "utf8")).trim(), signal),
    }),
  );
  const { processTree, tty, contained, reasons } = runtime.capabilities;
  assert.deepEqual({ processTree, tty, contained }, { processTree: "group", tty: false, contained: false });
  assert.match(reasons.contained ?? "", /\/proc/);
  const { stdout, exitCode } = await runtime.exec('echo out; test -n "$PATH" && exit 3');
  assert.deepEqual([stdout, exitCode], ["out\n", 3]);
  await runtime.fs.writeFile("file", "text");
  assert.equal(await runtime.fs.readFile("file", "utf8"), "text");
  const children = "sleep 1000 & echo $! > child; echo $$ > parent; sleep 1000";
  const pids = async () => {
    const texts = await Promise.all(["child", "parent"].map((name) => readFile(join(path, name), "utf8")));
    return texts.map(Number);
  };
  const late = await runtime.exec(children, { timeoutMs: 1_500, killGraceMs: 100 });
  assert.equal(late.timedOut, true);
  for (const pid of await pids()) await waitFor("it has ended", () => !isAlive(pid));
  const spawned = await runtime.spawn(children);
  await waitFor("it runs", async () => {
    const [, parent] = await pids();
    return parent === spawned.pid;
  });
  assert.deepEqual(await spawned.kill(undefined, { graceMs: 100 }), { left: 0 });
  for (const pid of await pids()) await waitFor("it has ended", () => !isAlive(pid));
});
