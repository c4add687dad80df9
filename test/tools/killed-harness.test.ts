import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openRuntime } from "../../src/runtimes/open.ts";
import { endDaemons } from "../conformance/place.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { waitFor } from "../fixtures/process.ts";

test("a harness that is killed leaves no background command behind its lease, moved ones included", async () => {
  await using stack = new AsyncDisposableStack();
  const stateDirectory = join(stack.use(await scratchDirectory()).path, "state");
  stack.defer(() => endDaemons(stateDirectory));
  const script = fileURLToPath(new URL("killed-harness.ts", import.meta.url));
  const child = spawn(process.execPath, [script, stateDirectory, "300"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  stack.defer(() => void child.kill("SIGKILL"));
  const closed = once(child, "close");
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const ids = JSON.parse(value ?? "") as { started: string; moved: string; stays: string };
  const runtime = stack.use(await openRuntime({ type: "local" }, { stateDirectory }));
  const states = async () => {
    const all = await runtime.processes();
    return [ids.started, ids.moved, ids.stays].map((id) => all.find((one) => one.id === id)?.state);
  };
  assert.deepEqual(await states(), ["running", "running", "running"]);
  child.kill("SIGKILL");
  await closed;
  await waitFor("the lease has ended them", async () => {
    const [started, moved] = await states();
    return started === "exited" && moved === "exited";
  });
  assert.equal((await states())[2], "running");
  await (await runtime.process(ids.stays)).kill();
});
