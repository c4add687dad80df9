import assert from "node:assert/strict";
import type { OutputChunk } from "../../../src/contract/process.ts";
import type { Case } from "../case.ts";
import { killedClient } from "../killed-client.ts";
import { numbered, printNumbered, readAll, refused, sha256, waitFor } from "../kit.ts";

const COUNT = 60_000;

/** Commands 18: a command goes to the background, and nothing of its output is lost or comes twice. */
export const BACKGROUND: readonly Case[] = [
  {
    id: "commands.18.started",
    title: "a handle tells when the command has started, or why it has not, and its result as ever",
    run: async ({ runtime }) => {
      const handle = runtime.exec("echo here; exit 3");
      const info = await handle.started;
      assert.deepEqual(info.command.slice(-2), ["-c", "echo here; exit 3"]);
      assert.ok((info.pid ?? 0) > 0);
      const result = await handle;
      assert.deepEqual([result.stdout, result.exitCode, result.processId], ["here\n", 3, info.id]);
      await refused(runtime.exec(["/nothing/here"]).started, "process.not_found");
    },
  },
  {
    id: "commands.18.awaited",
    title:
      "an awaited command goes on without its handle, timeout and signal: what was captured and the rest are all",
    needs: ["daemon"],
    run: async ({ runtime, directory }) => {
      const go = `${await directory()}/go`;
      const stop = new AbortController();
      const command = `echo one; echo two >&2; until [ -e '${go}' ]; do sleep 0.02; done; echo three`;
      const handle = runtime.exec(command, { timeoutMs: 20_000, signal: stop.signal });
      const result = handle.then(undefined, (error: unknown) => error);
      const { id } = await handle.started;
      const found = await runtime.process(id);
      await waitFor("both lines are written", async () => (await found.info()).outputEnd === 8);
      const { process, cursor, captured } = await handle.background();
      assert.deepEqual([captured?.stdout, captured?.stderr, cursor], ["one\n", "two\n", 8]);
      await refused(Promise.reject(await result), "process.in_background");
      stop.abort();
      assert.equal((await handle.background()).process, process, "twice is once");
      assert.equal((await process.info()).detached, false);
      await runtime.fs.writeFile(go, "");
      const rest = await readAll(process.output({ from: cursor }), cursor);
      assert.equal(rest.all.toString(), "three\n");
      assert.equal(rest.exit?.exit.exitCode, 0);
    },
  },
  {
    id: "commands.18.kept",
    title:
      "a moved command is bound to its client by the lease that the move gave it, unless it was detached",
    needs: ["daemon"],
    only: ["secondClient"],
    run: async ({ place, runtime }) => {
      const command = ["sh", "-c", "echo up; exec sleep 600"];
      const ended = await killedClient(place, { command, background: { leaseMs: 200 } });
      const stays = await killedClient(place, { command, background: { detached: true, leaseMs: 200 } });
      // Who reads it keeps it: it is only asked about.
      const { signal } = await waitFor("the lease ends it", async () => {
        return (await runtime.processes()).find(({ id }) => id === ended.id)?.exit;
      });
      assert.equal(signal, "SIGHUP");
      const left = await runtime.process(stays.id);
      assert.deepEqual([left.found.state, left.found.detached], ["running", true]);
      await left.kill();
    },
  },
  {
    id: "commands.18.closed",
    title: "closing the runtime ends a moved command, unless it was detached",
    needs: ["daemon"],
    only: ["secondClient"],
    run: async ({ place, runtime }) => {
      const ids = await (async () => {
        await using other = await place.open();
        const moved = await Promise.all(
          [false, true].map((detached) => other.exec(["sleep", "600"]).background({ detached })),
        );
        return moved.map(({ process }) => process.id);
      })();
      const [ended, stays] = await Promise.all(ids.map((id) => runtime.process(id)));
      assert.equal((await ended!.exit).signal, "SIGTERM");
      assert.equal(stays!.found.state, "running");
      await stays!.kill();
    },
  },
  {
    id: "commands.18.iterated",
    title: "an iteration ends behind the cursor from which the output goes on: every byte once",
    needs: ["daemon"],
    run: async ({ runtime }) => {
      const handle = runtime.exec(`${printNumbered(COUNT)}; ${printNumbered(COUNT)}`);
      const parts: Uint8Array[] = [];
      let moving: ReturnType<typeof handle.background> | undefined;
      for await (const chunk of handle) {
        assert.equal(chunk.type, "data");
        if (chunk.type === "data") parts.push(chunk.data);
        if (parts.length === 2) moving = handle.background();
      }
      const { process, cursor, captured } = await moving!;
      assert.equal(captured, undefined);
      assert.equal(
        parts.reduce((sum, part) => sum + part.length, 0),
        cursor,
      );
      const rest = await readAll(process.output({ from: cursor }), cursor);
      assert.deepEqual(rest.gaps, []);
      assert.equal(sha256(...parts, rest.all), sha256(numbered(COUNT), numbered(COUNT)));
    },
  },
  {
    id: "commands.18.timeout",
    title: "the timeout ends with the move; once it has begun to end the command it is too late",
    needs: ["daemon"],
    run: async ({ runtime }) => {
      const handle = runtime.exec("sleep 5.5; echo done", { timeoutMs: 5_000, killGraceMs: 0 });
      const { process, cursor } = await handle.background();
      const late = runtime.exec("trap 'echo term' TERM; echo up; while :; do sleep 0.02; done", {
        timeoutMs: 100,
        killGraceMs: 250,
      });
      let last: OutputChunk | undefined;
      for await (const chunk of late) {
        last = chunk;
        if (chunk.type === "data" && Buffer.from(chunk.data).toString().includes("term")) {
          await refused(late.background(), "process.finished");
        }
      }
      assert.ok(last?.type === "exit" && last.exit.timedOut, "its end is still told");
      const seen = await readAll(process.output({ from: cursor }), cursor);
      assert.equal(seen.all.toString(), "done\n");
      assert.deepEqual([seen.exit?.exit.exitCode, seen.exit?.exit.timedOut], [0, false]);
    },
  },
  {
    id: "commands.18.over",
    title: "what has told its end is process.finished; what did not start says why",
    needs: ["daemon"],
    run: async ({ runtime }) => {
      const over = runtime.exec(["true"]);
      await over;
      await refused(over.background(), "process.finished");
      await refused(runtime.exec(["/nothing/here"]).background(), "process.not_found");
    },
  },
  {
    id: "commands.18.unread",
    title: "a process that its reader holds back goes on, and keeps its input",
    needs: ["daemon"],
    run: async ({ runtime }) => {
      const input = numbered(COUNT * 10);
      const handle = runtime.exec(["cat"], { input, logLimitBytes: 1024 * 1024 });
      const iterator = handle[Symbol.asyncIterator]();
      await iterator.next();
      const { process } = await handle.background();
      await iterator.return?.();
      assert.equal((await process.exit).exitCode, 0);
      assert.equal((await process.info()).outputEnd, input.length);
    },
  },
];
