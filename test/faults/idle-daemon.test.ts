import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connectWire } from "../../src/wire/connection.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { waitFor } from "../fixtures/process.ts";

const DAEMON = join(import.meta.dirname, "../../src/berthd/main.ts");

test("a daemon ends by itself when it has had neither client nor process for its idle time", async () => {
  await using scratch = await scratchDirectory();
  const directory = join(scratch.path, "run");
  const argv = [DAEMON, "serve", "--dir", directory, "--idle-exit-ms", "400"];
  const daemon = spawn(process.execPath, argv, { stdio: "ignore" });
  const ended = once(daemon, "exit");
  await using _ = { [Symbol.asyncDispose]: async () => void daemon.kill("SIGKILL") };
  const dial = async () => {
    const socket = connect(join(directory, "sock"));
    await once(socket, "connect");
    const token = (await readFile(join(directory, "token"), "utf8")).trim();
    return connectWire(socket, { token, clientId: "idle-test", version: "0" });
  };
  await waitFor("the daemon answers", () =>
    dial().then(
      (client) => {
        client.close();
        return true;
      },
      () => false,
    ),
  );
  const client = await dial();
  const params = { requestId: "r1", command: ["/bin/sleep", "60"], cwd: "/" };
  const started = (await client.call("process.start", { ...params, detached: true })) as {
    readonly process: { readonly id: string };
  };
  const { id } = started.process;
  client.close();
  // What it would wait for is over many times by the clock of the place; a process that runs keeps it.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal(daemon.exitCode, null, "a running process keeps it");
  const again = await dial();
  await again.call("process.kill", { id, signal: "SIGKILL" });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal(daemon.exitCode, null, "a client keeps it");
  again.close();
  assert.deepEqual(await ended, [0, null]);
});
