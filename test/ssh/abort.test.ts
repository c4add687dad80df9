import assert from "node:assert/strict";
import { test } from "node:test";
import { isBerthError } from "../../src/contract/errors.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { isAlive, waitFor } from "../fixtures/process.ts";
import { processesOf, sshBench, WAYS } from "./support.ts";

/** A tree of three: the shell, a child of it, and one that has left the session. Each ignores what is only asked. */
const TREE = [
  "trap '' TERM HUP",
  "sh -c 'trap \"\" TERM HUP; while :; do sleep 0.05; done' &",
  "setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 0.05; done' &",
  "echo started",
  "while :; do sleep 0.05; done",
].join("\n");

for (const way of WAYS) {
  test(`with 50 ms of delay, abort and timeouts settle and end what runs: ${way.title}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const network = await bench.between();
    const runtime = await bench.open({ transport: way.transport, daemon: way.daemon });
    await runtime.exec(["true"]);
    network.set("up", { delayMs: 50 });
    network.set("down", { delayMs: 50 });
    const running = async (word: string) =>
      (await processesOf(bench.user)).filter(({ commandLine }) => commandLine.split("\0").includes(word));

    const abort = new AbortController();
    const sleeping = runtime.exec(["sleep", "1000"], { signal: abort.signal }).then(
      () => undefined,
      (error: unknown) => ({ error, at: performance.now() }),
    );
    const pids = await waitFor("it sleeps", async () => {
      const found = await running("1000");
      return found.some(({ commandLine }) => commandLine.startsWith("sleep\0")) ? found : undefined;
    });
    const asked = performance.now();
    abort.abort();
    const settled = await sleeping;
    assert.ok(isBerthError(settled?.error, "operation.aborted"), String(settled?.error));
    t.diagnostic(`an aborted command settles after ${Math.round(settled.at - asked)} ms`);
    // What is promised is measured by the bench: this only tells a settled call from one that waits.
    assert.ok(settled.at - asked < 30_000);
    await waitFor("it is gone from the host", () => pids.every(({ pid }) => !isAlive(pid)));

    const timedOut = await runtime.exec("echo before; sleep 2000; echo after", { timeoutMs: 1_500 });
    assert.deepEqual(
      [timedOut.timedOut, timedOut.exitCode, timedOut.signal, timedOut.stdout],
      [true, null, "SIGTERM", "before\n"],
    );
    await waitFor("it is gone from the host", async () => (await running("2000")).length === 0);

    const trapped = await runtime.exec("trap 'echo trapped; exit 9' TERM; while :; do sleep 0.05; done", {
      timeoutMs: 1_500,
    });
    assert.deepEqual([trapped.timedOut, trapped.exitCode, trapped.stdout], [true, 9, "trapped\n"]);

    const stubborn = new AbortController();
    const tree = runtime.exec(["sh", "-c", TREE], { signal: stubborn.signal, killGraceMs: 100 }).then(
      () => undefined,
      (error: unknown) => error,
    );
    const trappers = () =>
      processesOf(bench.user).then((all) =>
        all.filter(({ commandLine }) => commandLine.includes("TERM HUP")),
      );
    await waitFor("the tree runs", async () => (await trappers()).length >= 3);
    stubborn.abort();
    assert.ok(isBerthError(await tree, "operation.aborted"));
    // Without a daemon what has left the process group is not known (capabilities.processTree).
    const left = runtime.capabilities.processTree === "exact" ? 0 : 1;
    await waitFor("the tree is gone", async () => {
      const found = (await trappers()).filter(({ commandLine }) => !commandLine.includes("echo started\n\0"));
      return found.length <= left;
    });

    // An abort that comes before the command has been sent never starts it.
    await assert.rejects(
      Promise.resolve(runtime.exec(["touch", "started"], { signal: AbortSignal.abort() })),
      (error) => isBerthError(error, "operation.aborted"),
    );
    assert.equal(await runtime.fs.exists("started"), false);
    assert.equal((await runtime.exec(["echo", "on"])).stdout, "on\n");
  });
}
