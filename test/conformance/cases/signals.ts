import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { gone, lives, outputMatching, refused, waitFor, wholeOutput } from "../kit.ts";

const TRAPPED = ["HUP", "INT", "QUIT", "ABRT", "USR1", "USR2", "TERM", "WINCH"];

/** SEMANTICS, Commands 14: signals. */
export const SIGNALS: readonly Case[] = [
  {
    id: "commands.14.every-signal",
    title: "HUP INT QUIT ABRT USR1 USR2 TERM WINCH arrive as themselves",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      const traps = TRAPPED.map((name) => `trap 'echo got-${name}' ${name}`).join("; ");
      await using process = await runtime.spawn(`${traps}; echo ready; while :; do sleep 0.05; done`);
      await outputMatching(process, /ready/);
      for (const name of TRAPPED) {
        await process.signal(`SIG${name}`);
        await outputMatching(process, new RegExp(`got-${name}\n`));
      }
      await process.signal("usr1");
      await outputMatching(process, /got-USR1\n(.|\n)*got-USR1\n/);
      await process.signal("KILL");
      assert.equal((await process.exit).signal, "SIGKILL");
    },
  },
  {
    id: "commands.14.stop-and-continue",
    title: "STOP and CONT stop and continue",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn(["sleep", "83"]);
      const state = async () => {
        const { stdout } = await runtime.exec(["cat", `/proc/${process.pid}/stat`]);
        return stdout.slice(stdout.lastIndexOf(")") + 2)[0];
      };
      await process.signal("SIGSTOP");
      await waitFor("it is stopped", async () => (await state()) === "T");
      await process.signal("SIGCONT");
      await waitFor("it goes on", async () => (await state()) === "S");
    },
  },
  {
    id: "commands.14.group",
    title: "a signal reaches the whole process group",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      const child = "trap 'echo child; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
      await using process = await runtime.spawn(
        `trap 'echo parent; wait; exit 0' TERM; (${child}) & wait; wait`,
      );
      await outputMatching(process, /ready/);
      await process.signal("SIGTERM");
      await process.exit;
      const lines = new Set((await wholeOutput(process)).split("\n"));
      // A shell may say beside it that its sleep was ended.
      assert.ok(
        ["child", "parent", "ready"].every((line) => lines.has(line)),
        [...lines].join(),
      );
    },
  },
  {
    id: "commands.14.unsupported",
    title: "any other signal is refused and never turned into a kill",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn(["sleep", "84"]);
      for (const name of ["SIGSEGV", "SIGFOO", "PIPE", "11", "0", "", "64", "SIGRTMIN"]) {
        await refused(process.signal(name), "process.signal_unsupported");
        await refused(process.kill(name), "process.signal_unsupported");
      }
      assert.ok(await lives(runtime, process.pid!));
    },
  },
  {
    id: "commands.14.finished",
    title: "signal, resize and input of a finished process are process.finished, before any other check",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn(["true"]);
      await process.exit;
      await refused(process.signal("SIGTERM"), "process.finished");
      await refused(process.signal("SIGFOO"), "process.finished");
      await refused(process.resize({ columns: 80, rows: 24 }), "process.finished");
      await refused(process.stdin.write("text"), "process.finished");
      assert.deepEqual(await process.kill(), { left: 0 });
      assert.deepEqual(await process.kill("SIGKILL"), { left: 0 });
    },
  },
  {
    id: "commands.14.no-tty",
    title: "resize without a terminal is process.not_a_tty",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn(["sleep", "85"]);
      await refused(process.resize({ columns: 80, rows: 24 }), "process.not_a_tty");
    },
  },
  {
    id: "commands.14.orphaned-group",
    title: "after the exit nothing is signalled, not even what runs in its group",
    needs: ["spawn", "resume"],
    run: async ({ runtime, defer }) => {
      await using process = await runtime.spawn("sleep 86 & echo $!");
      await process.exit;
      const pid = (await wholeOutput(process)).trim();
      defer(() => runtime.exec(["kill", "-9", pid]));
      await refused(process.signal("SIGKILL"), "process.finished");
      assert.ok(await lives(runtime, pid));
    },
  },
  {
    id: "commands.14.ended-is-gone",
    title: "what was killed is gone",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn(["sleep", "87"]);
      await process.signal("SIGKILL");
      assert.deepEqual(await process.exit.then(({ exitCode, signal }) => ({ exitCode, signal })), {
        exitCode: null,
        signal: "SIGKILL",
      });
      await gone(runtime, process.pid!);
    },
  },
];
