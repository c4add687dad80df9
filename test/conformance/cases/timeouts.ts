import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { gone, refused, written } from "../kit.ts";

/** In which a command has begun, on a slow machine too. */
const ENOUGH_MS = 1_500;

/** SEMANTICS, Commands 4: timeouts. */
export const TIMEOUTS: readonly Case[] = [
  {
    id: "commands.4.timeout",
    title: "a timeout ends the command, keeps its output and is told",
    run: async ({ runtime }) => {
      const result = await runtime.exec("echo before; echo also >&2; exec sleep 60", {
        timeoutMs: ENOUGH_MS,
      });
      assert.equal(result.timedOut, true);
      assert.deepEqual([result.stdout, result.stderr], ["before\n", "also\n"]);
      assert.deepEqual([result.exitCode, result.signal], [null, "SIGTERM"]);
      // Without a process host the duration is measured here, where the begin may be seen late.
      const leastMs = runtime.capabilities.spawn ? ENOUGH_MS - 10 : ENOUGH_MS / 2;
      assert.ok(result.durationMs >= leastMs && result.durationMs < 30_000, `${result.durationMs} ms`);
    },
  },
  {
    id: "commands.4.trap",
    title: "at a timeout a TERM trap runs, and its exit code counts",
    run: async ({ runtime }) => {
      const script = "trap 'echo trapped; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
      const result = await runtime.exec(script, { timeoutMs: ENOUGH_MS, killGraceMs: 20_000 });
      assert.deepEqual([result.timedOut, result.exitCode, result.stdout], [true, 7, "ready\ntrapped\n"]);
    },
  },
  {
    id: "commands.4.grace-then-kill",
    title: "what ignores TERM is killed after the grace, with its process group",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/pid`;
      const script = `trap '' TERM; sleep 62 & echo $! > "$0"; echo ready; while :; do sleep 0.1; done`;
      const result = await runtime.exec(["sh", "-c", script, path], {
        timeoutMs: ENOUGH_MS,
        killGraceMs: 200,
      });
      assert.deepEqual([result.timedOut, result.signal, result.stdout], [true, "SIGKILL", "ready\n"]);
      await gone(runtime, await written(runtime, path));
    },
  },
  {
    id: "commands.4.stopped-command",
    title: "a stopped command is continued, so that TERM reaches it",
    run: async ({ runtime }) => {
      const result = await runtime.exec("trap 'exit 8' TERM; kill -STOP $$; echo continued", {
        timeoutMs: ENOUGH_MS,
        killGraceMs: 20_000,
      });
      assert.equal(result.timedOut, true);
      assert.equal(result.exitCode, 8);
    },
  },
  {
    id: "commands.4.in-time",
    title: "a command that ends in time has not timed out, nor has one that dies by TERM itself",
    run: async ({ runtime }) => {
      const [inTime, byItself] = await Promise.all([
        runtime.exec(["true"], { timeoutMs: 60_000 }),
        runtime.exec("kill -TERM $$; sleep 5", { timeoutMs: 60_000 }),
      ]);
      assert.deepEqual([inTime.timedOut, inTime.exitCode], [false, 0]);
      assert.deepEqual([byItself.timedOut, byItself.signal], [false, "SIGTERM"]);
    },
  },
  {
    id: "commands.4.iterated",
    title: "a timeout also ends a command whose output is iterated",
    run: async ({ runtime }) => {
      const chunks = [];
      for await (const chunk of runtime.exec("echo before; exec sleep 60", { timeoutMs: 400 }))
        chunks.push(chunk);
      const last = chunks.at(-1);
      assert.equal(last?.type, "exit");
      assert.equal(last.type === "exit" && last.exit.timedOut, true);
    },
  },
  {
    id: "commands.4.invalid",
    title: "a timeout that is no number of milliseconds is refused",
    run: async ({ runtime }) => {
      await refused(runtime.exec(["true"], { timeoutMs: -1 }), "config.invalid");
      await refused(runtime.exec(["true"], { timeoutMs: Number.NaN }), "config.invalid");
    },
  },
];
