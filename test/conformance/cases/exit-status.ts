import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { refused } from "../kit.ts";

/** SEMANTICS, Commands 3: how a command ended. */
export const EXIT_STATUS: readonly Case[] = [
  {
    id: "commands.3.codes",
    title: "every exit code is that command's, also 124, 125, 127 and 255",
    run: async ({ runtime }) => {
      await Promise.all(
        [0, 1, 2, 75, 124, 125, 126, 127, 128, 130, 137, 254, 255].map(async (code) => {
          const { exitCode, signal, timedOut } = await runtime.exec(["sh", "-c", `exit ${code}`]);
          assert.deepEqual({ exitCode, signal, timedOut }, { exitCode: code, signal: null, timedOut: false });
        }),
      );
    },
  },
  {
    id: "commands.3.death-by-signal",
    title: "death by signal has a name and no exit code",
    run: async ({ runtime }) => {
      await Promise.all(
        ["KILL", "TERM", "SEGV", "HUP", "USR1", "ABRT"].map(async (name) => {
          const { exitCode, signal, timedOut } = await runtime.exec([
            "sh",
            "-c",
            `kill -${name} $$; sleep 5`,
          ]);
          assert.deepEqual(
            { exitCode, signal, timedOut },
            { exitCode: null, signal: `SIG${name}`, timedOut: false },
          );
        }),
      );
    },
  },
  {
    id: "commands.3.data-not-exception",
    title: "a non-zero exit is data for awaiting and for iterating",
    run: async ({ runtime }) => {
      const statuses: unknown[] = [];
      for await (const chunk of runtime.exec("exit 3"))
        if (chunk.type === "exit") statuses.push(chunk.exit.exitCode);
      statuses.push((await runtime.exec("exit 4")).exitCode);
      assert.deepEqual(statuses, [3, 4]);
    },
  },
  {
    id: "commands.3.shell-words-in-a-string",
    title: "in a string it is the shell that does not find a command: 127 is data",
    run: async ({ runtime }) => {
      const { exitCode, stderr } = await runtime.exec("no-such-command-of-anybody; exit $?");
      assert.equal(exitCode, 127);
      assert.match(stderr, /no-such-command-of-anybody/);
      await refused(runtime.exec(["no-such-command-of-anybody"]), "process.not_found");
    },
  },
  {
    id: "commands.3.duration",
    title: "the duration is that of the command",
    run: async ({ runtime }) => {
      const { durationMs } = await runtime.exec(["sleep", "0.3"]);
      // Without a process host it is what this side sees between two messages, either of which may come late.
      const leastMs = runtime.capabilities.spawn ? 299 : 150;
      assert.ok(durationMs >= leastMs, `${durationMs} ms for sleep 0.3`);
    },
  },
  {
    id: "commands.3.taken-output",
    title: "a handle is awaited or iterated, not both",
    run: async ({ runtime }) => {
      const handle = runtime.exec(["echo", "hello"]);
      assert.equal((await handle).stdout, "hello\n");
      await refused(
        (async () => {
          for await (const _ of handle) assert.fail("the output came twice");
        })(),
        "process.output_taken",
      );
    },
  },
];
