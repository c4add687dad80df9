import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { gone, lives, readAll, waitFor, written } from "../kit.ts";

/** SEMANTICS, Commands 1: when a command is complete. */
export const COMPLETION: readonly Case[] = [
  {
    id: "commands.1.background-child",
    title: "a child that holds the pipes does not keep its command; it lives on",
    run: async ({ runtime, defer }) => {
      const { stdout, exitCode, durationMs } = await runtime.exec("sleep 61 & echo $!; exit 4");
      const pid = stdout.trim();
      assert.match(pid, /^\d+$/);
      defer(() => runtime.exec(["kill", "-9", pid]));
      assert.equal(exitCode, 4);
      assert.ok(durationMs < 30_000, `it took ${durationMs} ms`);
      assert.ok(await lives(runtime, pid), "the child was not ended with its command");
    },
  },
  {
    id: "commands.1.late-output",
    title: "what a child writes after the exit never gets into the finished stream",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/written`;
      const script = `(while ! [ -e "$0" ]; do sleep 0.05; done; echo late; echo done > "$0.done") & echo early`;
      const { stdout } = await runtime.exec(["sh", "-c", script, path]);
      assert.equal(stdout, "early\n");
      await runtime.fs.writeFile(path, "");
      // The child could still write: nobody closed the pipe under it.
      assert.equal(await written(runtime, `${path}.done`), "done");
    },
  },
  {
    id: "commands.1.log-behind-exit",
    title: "what comes after the exit goes to the log, behind the exit mark",
    needs: ["spawn", "resume"],
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/go`;
      const script = `(while ! [ -e "$0" ]; do sleep 0.05; done; echo late) & echo early`;
      const process = await runtime.spawn(["sh", "-c", script, path]);
      await process.exit;
      assert.equal((await process.info()).hasOrphans, true);
      await runtime.fs.writeFile(path, "");
      const end = await waitFor("the late bytes are in the log", async () => {
        const { outputEnd } = await process.info();
        return outputEnd > 6 && outputEnd;
      });
      assert.equal(end, 11);
      const seen = await readAll(process.output());
      assert.equal(seen.all.toString(), "early\n");
      assert.equal(seen.exit?.cursor, 6);
    },
  },
  {
    id: "commands.1.drain",
    title: "drainMs waits for children that still hold the pipes",
    run: async ({ runtime }) => {
      const { stdout } = await runtime.exec("(sleep 0.4; echo late) & echo early", { drainMs: 3_000 });
      assert.equal(stdout, "early\nlate\n");
    },
  },
  {
    id: "commands.1.closed-outputs",
    title: "a command that closes its outputs early is complete at its exit, not before",
    run: async ({ runtime }) => {
      const { exitCode, stdout } = await runtime.exec("echo out; exec >&- 2>&-; sleep 0.3; exit 9");
      assert.equal(exitCode, 9);
      assert.equal(stdout, "out\n");
    },
  },
  {
    id: "commands.1.ended-child",
    title: "a command without children leaves nothing behind",
    run: async ({ runtime }) => {
      const { stdout } = await runtime.exec("echo $$");
      await gone(runtime, stdout.trim());
    },
  },
];
