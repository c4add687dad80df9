import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { basename } from "node:path";
import { test } from "node:test";
import type { ProcessInfo } from "../../contract/process.ts";
import { listeningPorts } from "./listening.ts";

const SERVER = `require("node:net").createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port) })`;

function owned(id: string, pid: number | null, more: Partial<ProcessInfo> = {}) {
  return { id, pid, state: "running" as const, ...more };
}

test("a server is its process's, also when what started it has ended; the number of an ended one says nothing", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  // A leader of a session that ends, and leaves a server behind.
  const script = `"$0" -e '${SERVER}' & echo $!`;
  const shell = spawn("sh", ["-c", script, process.execPath], { detached: true });
  let left = 0;
  try {
    let said = "";
    shell.stdout.on("data", (chunk) => {
      said += chunk;
    });
    await once(shell, "exit");
    left = Number(said.split("\n")[0]);
    while (said.split("\n").length < 3) await once(shell.stdout, "data");
    const orphan = Number(said.split("\n")[1]);
    const leader = shell.pid ?? 0;
    const ids = async (...processes: Parameters<typeof listeningPorts>[0]) => {
      const ports = await listeningPorts(processes);
      return [port, orphan].map((wanted) => ports.find((one) => one.port === wanted)?.processId);
    };
    const ended = { state: "exited" } as const;
    const own = owned("own", process.pid);
    assert.deepEqual(await ids(own, owned("left", leader, { ...ended, hasOrphans: true })), ["own", "left"]);
    assert.deepEqual(await ids(own, owned("left", leader, ended), owned("lost", null)), ["own", undefined]);
    assert.deepEqual(await ids(owned("parent", process.ppid)), ["parent", undefined]);
    const found = (await listeningPorts([own])).find((one) => one.port === port);
    // Node calls its main thread otherwise.
    assert.deepEqual([found?.host, found?.command], ["127.0.0.1", basename(process.execPath)]);
    const unknown = (await listeningPorts([])).find((one) => one.port === port);
    assert.deepEqual([unknown?.host, unknown?.processId], ["127.0.0.1", undefined]);
  } finally {
    server.close();
    if (left > 0) process.kill(left, "SIGKILL");
  }
});
