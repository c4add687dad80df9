import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { openEventLog } from "../../src/events/open.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { killGroup, waitFor } from "../fixtures/process.ts";

const LONG = process.env.BERTH_LONG === "1";

interface Writer extends Disposable {
  readonly name: string;
  /** Events that it knows to be on the disk. */
  acknowledged(): number;
  kill(): Promise<void>;
}

function writer(stateDirectory: string, name: string, threads: boolean): Writer {
  const program = join(import.meta.dirname, "program.ts");
  const argv = [
    program,
    stateDirectory,
    name,
    threads ? "threads" : "here",
    String(1 + (name.length % 3) * 20),
  ];
  const child: ChildProcess = spawn(process.execPath, argv, {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  let said = "";
  child.stdout?.on("data", (chunk) => {
    said += chunk;
  });
  return {
    name,
    acknowledged: () => Number(said.split("\n").at(-2)) || 0,
    async kill() {
      killGroup(child);
      await ended;
    },
    [Symbol.dispose]: () => killGroup(child),
  };
}

test("kill -9 of programs that append to one log loses nothing that was acknowledged, and the chain verifies", async () => {
  await using scratch = await scratchDirectory();
  await using watching = await openEventLog({ stateDirectory: scratch.path });
  const stop = new AbortController();
  const seen: number[] = [];
  const following = (async () => {
    for await (const { event } of watching.follow({ signal: stop.signal })) seen.push(event.sequence);
  })();
  const rounds = LONG ? 60 : 3;
  for (let round = 0; round < rounds; round++) {
    using stack = new DisposableStack();
    const writers = ["a", "bb", "ccc", "dd"].map((name, at) =>
      stack.use(writer(scratch.path, `${name}${round}`, at % 2 === 0)),
    );
    const enough = 20 + ((round * 37) % 100);
    await waitFor("all have written", () => writers.every((one) => one.acknowledged() >= enough), {
      everyMs: 1,
      deadlineMs: 60_000,
    });
    await Promise.all(writers.map((one) => one.kill()));
    const found = await watching.verify();
    assert.equal(found.broken, null);
    for (const one of writers) {
      const numbers: number[] = [];
      for (let after = 0; ; ) {
        const page = await watching.read({ processId: one.name, after });
        numbers.push(...page.map(({ event }) => Number(event.message)));
        after = page.at(-1)?.event.sequence ?? 0;
        if (page.length < 1_000) break;
      }
      assert.deepEqual(
        numbers,
        numbers.map((_, at) => at),
        "in order, without a gap",
      );
      assert.ok(numbers.length >= one.acknowledged(), `${numbers.length} of ${one.acknowledged()}`);
    }
  }
  const { sequence } = await watching.head();
  await waitFor("everything is told", () => seen.length >= sequence, { deadlineMs: 60_000 });
  stop.abort();
  await following;
  assert.deepEqual(
    seen,
    Array.from({ length: sequence }, (_, at) => at + 1),
    "told in order, each once",
  );
});
