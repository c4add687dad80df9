import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { bytesOf, gone, outputMatching, readAll, refused, wholeOutput } from "../kit.ts";

/** SEMANTICS, Commands 15: terminals. */
export const TTY: readonly Case[] = [
  {
    id: "commands.15.terminal",
    title: "all three descriptors are one terminal, 80 × 24, TERM=xterm-256color, without the quiet defaults",
    needs: ["spawn", "tty"],
    run: async ({ runtime }) => {
      const script = `test -t 0 && test -t 1 && test -t 2 && tty && stty size && echo "$TERM \${PAGER-none} \${GIT_EDITOR-none}"`;
      await using process = await runtime.spawn(script, { tty: true });
      assert.match(await wholeOutput(process), /^\/dev\/pts\/\d+\r\n24 80\r\nxterm-256color none none\r\n$/);
      assert.deepEqual(process.tty, { columns: 80, rows: 24 });
      const seen = await readAll(process.output());
      assert.equal(seen.exit?.exit.exitCode, 0);
      for await (const chunk of process.output())
        if (chunk.type === "data") assert.equal(chunk.stream, "tty");
      assert.equal((await bytesOf(process.stderr)).length, 0);
    },
  },
  {
    id: "commands.15.resize",
    title: "the size is as asked for, rows and columns not swapped, and a resize tells the process",
    needs: ["spawn", "tty"],
    run: async ({ runtime }) => {
      const script = "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done";
      await using process = await runtime.spawn(script, { tty: { columns: 120, rows: 40 } });
      await outputMatching(process, /40 120\r\n/);
      await process.resize({ columns: 33, rows: 7 });
      await outputMatching(process, /7 33\r\n/);
      assert.deepEqual((await process.info()).tty, { columns: 33, rows: 7 });
    },
  },
  {
    id: "commands.15.interrupt",
    title: "Ctrl-C interrupts, Ctrl-\\ quits",
    needs: ["spawn", "tty"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn(
        "trap 'echo got-int' INT; echo ready; while :; do sleep 0.05; done",
        {
          tty: true,
          stdin: "pipe",
        },
      );
      await outputMatching(process, /ready/);
      await process.stdin.write("\x03");
      await outputMatching(process, /got-int/);
      await using quitting = await runtime.spawn(["sleep", "96"], { tty: true, stdin: "pipe" });
      await quitting.stdin.write("\x1c");
      assert.equal((await quitting.exit).signal, "SIGQUIT");
    },
  },
  {
    id: "commands.15.job-control",
    title: "job control works: Ctrl-Z stops the job in front, fg brings it back",
    needs: ["spawn", "tty"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn(["sh", "-i"], {
        tty: true,
        stdin: "pipe",
        env: { PS1: "prompt> ", ENV: undefined },
      });
      await outputMatching(process, /prompt> (\x1b\[6n)?$/);
      await process.stdin.write("sh -c 'echo started-$((1+1)); exec sleep 88'\n");
      await outputMatching(process, /started-2/);
      await process.stdin.write("\x1a");
      await outputMatching(process, /started-2[\s\S]*prompt> (\x1b\[6n)?$/);
      await process.stdin.write("jobs\n");
      await outputMatching(process, /Stopped[\s\S]*prompt> (\x1b\[6n)?$/i);
      await process.stdin.write("kill %1; fg; echo status-$?\n");
      await outputMatching(process, /status-143/);
      await process.stdin.write("exit 3\n");
      assert.equal((await process.exit).exitCode, 3);
    },
  },
  {
    id: "commands.15.end-of-input",
    title: "the end of the input is the EOF character: it ends a reader, not the terminal",
    needs: ["spawn", "tty"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn("stty -echo; echo ready; cat; echo after", {
        tty: true,
        stdin: "pipe",
      });
      await outputMatching(process, /ready/);
      await process.stdin.write("text\n");
      await outputMatching(process, /text/);
      await process.stdin.end();
      assert.equal((await process.exit).exitCode, 0);
      assert.equal(await wholeOutput(process), "ready\r\ntext\r\nafter\r\n");
    },
  },
  {
    id: "commands.15.output-before-exit",
    title: "every byte that was written before the exit comes before it",
    needs: ["spawn", "tty"],
    run: async ({ runtime }) => {
      const expected = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\r\n`).join("");
      await using process = await runtime.spawn(["seq", "1", "20000"], { tty: true });
      assert.equal(await wholeOutput(process), expected);
      const last = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => {
          await using one = await runtime.spawn(`printf last-${index}`, { tty: true });
          const { all, gaps, exit } = await readAll(one.output());
          // All of it, so that a failure tells whether bytes are missing, were dropped, or were never written.
          return {
            text: all.toString(),
            gaps,
            exit: exit?.exit.exitCode,
            signal: exit?.exit.signal,
            end: exit?.cursor,
          };
        }),
      );
      assert.deepEqual(
        last,
        Array.from({ length: 8 }, (_, index) => ({
          text: `last-${index}`,
          gaps: [],
          exit: 0,
          signal: null,
          end: 6,
        })),
      );
    },
  },
  {
    id: "commands.15.held-terminal",
    title: "a child that holds the terminal does not keep the command",
    needs: ["spawn", "tty"],
    run: async ({ runtime, defer }) => {
      await using process = await runtime.spawn("trap '' HUP; setsid sleep 89 & echo $!; exit 2", {
        tty: true,
      });
      assert.equal((await process.exit).exitCode, 2);
      const pid = (await wholeOutput(process)).trim();
      defer(() => runtime.exec(`kill -9 ${pid}; true`));
      assert.match(pid, /^\d+$/);
    },
  },
  {
    id: "commands.15.settings",
    title: "stty works: without echo and in raw mode bytes pass as they are",
    needs: ["spawn", "tty"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn("stty raw -echo; echo ready; head -c 5", {
        tty: true,
        stdin: "pipe",
      });
      await outputMatching(process, /ready/);
      await process.stdin.write(Buffer.from([3, 4, 13, 26, 255]));
      await process.exit;
      const all = (await readAll(process.output())).all;
      assert.equal(all.subarray(-5).toString("hex"), "03040d1aff");
    },
  },
  {
    id: "commands.15.full-screen",
    title: "vi and less work",
    needs: ["spawn", "tty"],
    only: ["container"],
    run: async ({ runtime, directory }) => {
      const cwd = await directory();
      const path = `${cwd}/text`;
      await runtime.fs.writeFile(
        path,
        Array.from({ length: 200 }, (_, index) => `line ${index + 1}\n`).join(""),
      );
      await using less = await runtime.spawn(["less", "text"], { cwd, tty: true, stdin: "pipe" });
      await outputMatching(less, /line 20/);
      await less.stdin.write("G");
      await outputMatching(less, /line 200/);
      await less.stdin.write("q");
      assert.equal((await less.exit).exitCode, 0);
      // A path that does not fit into the last line would have to be confirmed first.
      await using editor = await runtime.spawn(["vi", "text"], { cwd, tty: true, stdin: "pipe" });
      await outputMatching(editor, /line 20/);
      await editor.stdin.write("ddiedited \x1b");
      await outputMatching(editor, /edited/);
      await editor.stdin.write(":wq\r");
      assert.equal((await editor.exit).exitCode, 0);
      assert.match(await runtime.fs.readFile(path, "utf8"), /^edited line 2\nline 3\n/);
    },
  },
  {
    id: "commands.15.shell",
    title: "shell starts the user's own shell in a terminal",
    needs: ["spawn", "tty"],
    run: async ({ runtime }) => {
      await using process = await runtime.shell({ env: { PS1: "prompt> " } });
      assert.notEqual(process.tty, null);
      // As every shell reads it, and not as the terminal shows it.
      await process.stdin.write('test -t 0 && echo in-"4""2"; exit 5\n');
      assert.equal((await process.exit).exitCode, 5);
      assert.match(await wholeOutput(process), /in-42/);
    },
  },
  {
    id: "commands.15.abort",
    title: "an abort of a terminal is HUP, then KILL",
    needs: ["spawn", "tty"],
    run: async ({ runtime }) => {
      const script = "trap 'echo got-hup' HUP; trap '' TERM; echo ready; while :; do sleep 0.05; done";
      await using process = await runtime.spawn(script, { tty: true });
      await outputMatching(process, /ready/);
      assert.deepEqual(await process.kill(undefined, { graceMs: 500 }), { left: 0 });
      assert.equal((await process.exit).signal, "SIGKILL");
      assert.match(await wholeOutput(process), /ready\r\n(Hangup\r\n)?got-hup/);
      await gone(runtime, process.pid!);
    },
  },
  {
    id: "commands.15.invalid-size",
    title: "a size that is none is refused",
    needs: ["spawn", "tty"],
    run: async ({ runtime }) => {
      await refused(runtime.spawn(["true"], { tty: { columns: 0, rows: 24 } }), "config.invalid");
      await using process = await runtime.spawn(["sleep", "90"], { tty: true });
      await refused(process.resize({ columns: 80, rows: 70_000 }), "config.invalid");
    },
  },
];
