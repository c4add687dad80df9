import assert from "node:assert/strict";
import type { BerthEventInput } from "../../../src/contract/events.ts";
import type { Case } from "../case.ts";
import { gone, lives, outputMatching, refused, waitFor, written } from "../kit.ts";

/** SEMANTICS, Commands 5: abort and the process tree. */
export const ABORT_KILL_TREE: readonly Case[] = [
  {
    id: "commands.5.abort",
    title: "an abort settles the call and ends the command",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/pid`;
      const abort = new AbortController();
      const call = runtime.exec(["sh", "-c", 'echo $$ > "$0"; exec sleep 63', path], {
        signal: abort.signal,
      });
      const settled = refused(call, "operation.aborted");
      const pid = await written(runtime, path);
      abort.abort();
      await settled;
      await gone(runtime, pid);
    },
  },
  {
    id: "commands.5.abort-settles-first",
    title: "an abort settles the call while the command still has its grace",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/pid`;
      const abort = new AbortController();
      const script = `trap '' TERM; echo $$ > "$0"; while :; do sleep 0.1; done`;
      const call = runtime.exec(["sh", "-c", script, path], { signal: abort.signal, killGraceMs: 6_000 });
      const settled = refused(call, "operation.aborted");
      const pid = await written(runtime, path);
      abort.abort();
      await settled;
      assert.ok(await lives(runtime, pid), "the call settled before the grace was over");
      await gone(runtime, pid);
    },
  },
  {
    id: "commands.5.group",
    title: "an abort ends the children of the process group, also those that ignore TERM",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/pid`;
      const abort = new AbortController();
      const script = `(trap '' TERM; sleep 64) & (trap '' TERM; while :; do sleep 0.1; done) & echo $! > "$0"; wait`;
      const call = runtime.exec(["sh", "-c", script, path], { signal: abort.signal, killGraceMs: 200 });
      const settled = refused(call, "operation.aborted");
      const pid = await written(runtime, path);
      abort.abort();
      await settled;
      await gone(runtime, pid);
    },
  },
  {
    id: "commands.5.tree",
    title:
      "an abort ends grandchildren in sessions and environments of their own, and says that none is left",
    needs: ["processTree"],
    run: async ({ open, directory }) => {
      const events: BerthEventInput[] = [];
      const runtime = await open({ onEvent: (event) => events.push(event) });
      const path = `${await directory()}/pids`;
      const hidden = `trap "" TERM HUP; echo $$ >> "$0.part"; while :; do sleep 0.1; done`;
      const script = [
        `setsid env -i sh -c '${hidden}' "$0" &`,
        `(setsid sh -c '${hidden}' "$0" & exit 0) &`,
        `while [ "$(wc -l < "$0.part" 2>/dev/null || echo 0)" -lt 2 ]; do sleep 0.05; done`,
        `mv "$0.part" "$0"; wait; sleep 65`,
      ].join("\n");
      const abort = new AbortController();
      const call = runtime.exec(["sh", "-c", script, path], { signal: abort.signal, killGraceMs: 300 });
      const settled = refused(call, "operation.aborted");
      const pids = (await written(runtime, path)).split("\n");
      assert.equal(pids.length, 2);
      abort.abort();
      await settled;
      await gone(runtime, ...pids);
      const ended = await waitFor("the end is told", () =>
        events.find(({ type }) => type === "process.ended"),
      );
      assert.equal(ended.data?.left, 0);
    },
  },
  {
    id: "commands.5.aborted-before",
    title: "a call that is aborted already starts nothing",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/started`;
      await refused(runtime.exec(["touch", path], { signal: AbortSignal.abort() }), "operation.aborted");
      assert.equal(await runtime.fs.exists(path), false);
    },
  },
  {
    id: "commands.5.abort-iterated",
    title: "an abort settles an iteration as well",
    run: async ({ runtime }) => {
      const abort = new AbortController();
      let pid = "";
      await refused(
        (async () => {
          for await (const chunk of runtime.exec("echo $$; exec sleep 66", { signal: abort.signal })) {
            if (chunk.type !== "data") continue;
            pid += Buffer.from(chunk.data).toString();
            if (pid.endsWith("\n")) abort.abort();
          }
        })(),
        "operation.aborted",
      );
      await gone(runtime, pid.trim());
    },
  },
  {
    id: "commands.5.left-iteration",
    title: "leaving an iteration of exec ends the command",
    run: async ({ runtime }) => {
      let pid = "";
      for await (const chunk of runtime.exec("echo $$; exec sleep 67")) {
        if (chunk.type === "data") pid += Buffer.from(chunk.data).toString();
        if (pid.endsWith("\n")) break;
      }
      await gone(runtime, pid.trim());
    },
  },
  {
    id: "commands.5.abort-output",
    title: "aborting an output() iteration only stops looking",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn("echo ready; exec sleep 68");
      await outputMatching(process, /ready/);
      const abort = new AbortController();
      const looking = (async () => {
        for await (const chunk of process.output({ signal: abort.signal })) {
          if (chunk.type === "data") abort.abort();
        }
      })();
      // Whether the iteration ends or says that it was aborted: the process goes on.
      await looking.catch((error: unknown) =>
        assert.equal((error as { code?: string }).code, "operation.aborted"),
      );
      assert.equal((await process.info()).state, "running");
      assert.ok(await lives(runtime, process.pid!));
    },
  },
  {
    id: "commands.5.kill",
    title: "kill ends the tree by TERM, grace and KILL, and tells how many could not be ended",
    needs: ["spawn", "processTree"],
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/pid`;
      const hidden = `trap "" TERM HUP; echo $$ > "$0"; while :; do sleep 0.1; done`;
      await using process = await runtime.spawn([
        "sh",
        "-c",
        `setsid sh -c '${hidden}' "$0" & wait; sleep 69`,
        path,
      ]);
      const pid = await written(runtime, path);
      assert.deepEqual(await process.kill("SIGTERM", { graceMs: 200 }), { left: 0 });
      assert.equal((await process.exit).signal, "SIGTERM");
      await gone(runtime, pid);
      assert.deepEqual(await process.kill(), { left: 0 }, "a finished one is a success");
    },
  },
];
