import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Runtime } from "../../../src/contract/runtime.ts";
import type { Case } from "../case.ts";
import { killedClient } from "../killed-client.ts";
import {
  gone,
  lives,
  numbered,
  outputMatching,
  printNumbered,
  readAll,
  refused,
  sha256,
  waitFor,
  wholeOutput,
  written,
} from "../kit.ts";

let names = 0;
const freshName = () => `name-${process.pid}-${names++}`;
const freshWorkspace = () => `w${randomBytes(5).toString("hex")}`;

/** From a command of the place up to the daemon that runs it. */
const KILL_DAEMON = `
pid=$$
while [ "$pid" -gt 1 ]; do
  while read -r key value; do
    if [ "$key" = PPid: ]; then pid=$value; break; fi
  done < "/proc/$pid/status"
  case "$(tr '\\0' ' ' < "/proc/$pid/cmdline")" in *" serve --dir "*) kill -9 "$pid"; exit ;; esac
done`;

/** Nothing of it is told any more: whoever waits has lost the command. */
async function killDaemon(runtime: Runtime): Promise<void> {
  await refused(runtime.exec(KILL_DAEMON), "process.lost");
}

/** SEMANTICS, Commands 12 and 13: names, retries, lives beyond the client. */
export const PROCESSES: readonly Case[] = [
  {
    id: "commands.12.same-name",
    title: "spawn with the name of a live process and its command returns that process",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      const name = freshName();
      await using first = await runtime.spawn(["sleep", "74"], { name });
      const second = await runtime.spawn(["sleep", "74"], { name });
      assert.equal(second.id, first.id);
      assert.equal((await runtime.process(name)).id, first.id);
      await refused(runtime.spawn(["sleep", "75"], { name }), "process.name_conflict");
    },
  },
  {
    id: "commands.12.one-start",
    title: "many spawns of one name at once start the command once",
    needs: ["spawn", "resume"],
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/starts`;
      const name = freshName();
      const command = ["sh", "-c", 'echo x >> "$0"; exec sleep 76', path];
      const handles = await Promise.all(Array.from({ length: 12 }, () => runtime.spawn(command, { name })));
      assert.equal(new Set(handles.map(({ id }) => id)).size, 1);
      assert.equal(await written(runtime, path), "x");
      await handles[0]!.kill("SIGKILL");
    },
  },
  {
    id: "commands.12.name-again",
    title: "after the exit a name starts a new process with a new id; the old result stays the old one's",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      const name = freshName();
      const first = await runtime.spawn("exit 5", { name });
      assert.equal((await first.exit).exitCode, 5);
      const second = await runtime.spawn("exit 6", { name });
      assert.notEqual(second.id, first.id);
      assert.equal((await second.exit).exitCode, 6);
      assert.equal((await (await runtime.process(first.id)).exit).exitCode, 5);
      assert.equal((await runtime.process(name)).id, second.id);
    },
  },
  {
    id: "commands.12.restarted-daemon",
    title:
      "a name that is used again after the daemon was killed is a new process: no result and no output of the old",
    needs: ["daemon", "spawn", "resume"],
    only: ["secondClient"],
    alone: true,
    run: async ({ runtime, open }) => {
      const other = await open();
      const name = freshName();
      const old = await other.spawn("echo old; exit 5", { name, detached: true });
      assert.equal((await old.exit).exitCode, 5);
      const running = await other.spawn("echo old; exec sleep 83", { name, detached: true });
      await outputMatching(running, /old/);
      await killDaemon(runtime);
      await waitFor("the next daemon answers", async () => (await runtime.exec(["true"])).exitCode === 0);
      const again = await open();
      const next = await again.spawn("echo new; exit 6", { name });
      assert.ok(![old.id, running.id].includes(next.id), "a new id");
      assert.equal((await next.exit).exitCode, 6);
      assert.equal(await wholeOutput(next), "new\n");
      const named = await again.process(name);
      assert.deepEqual([named.id, (await named.exit).exitCode], [next.id, 6]);
      assert.equal(await wholeOutput(named), "new\n");
      await gone(again, running.pid!);
    },
  },
  {
    id: "commands.12.workspace",
    title: "the runtime of a workspace has names and a list of its own; its processes say whose they are",
    needs: ["spawn", "resume"],
    run: async ({ open }) => {
      const workspace = freshWorkspace();
      const own = await open({ workspace });
      const inNone = await open({ workspace: null });
      const name = freshName();
      await using outside = await inNone.spawn(["sleep", "84"], { name });
      await using process = await own.spawn(["sleep", "85"], { name });
      assert.notEqual(process.id, outside.id);
      assert.equal((await own.process(name)).id, process.id);
      assert.equal((await process.info()).workspace, workspace);
      assert.deepEqual(
        (await own.processes()).map(({ id }) => id),
        [process.id],
      );
      await refused(own.process(outside.id), "process.unknown");
      assert.equal((await outside.info()).workspace, undefined);
    },
  },
  {
    id: "commands.12.workspaces",
    title:
      "workspaces share a daemon and see nothing of each other; who is in none sees all, and its own names",
    needs: ["daemon", "spawn", "resume"],
    only: ["secondClient"],
    run: async ({ open }) => {
      const workspaces = [freshWorkspace(), freshWorkspace()];
      const runtime = await open({ workspace: null });
      const [first, second] = await Promise.all(workspaces.map((workspace) => open({ workspace })));
      const name = freshName();
      await using one = await first!.spawn(["sleep", "86"], { name });
      await using two = await second!.spawn(["sleep", "87"], { name });
      assert.equal((await first!.process(name)).id, one.id);
      assert.equal((await second!.process(name)).id, two.id);
      await refused(first!.process(two.id), "process.unknown");
      await refused(runtime.process(name), "process.unknown");
      assert.equal((await runtime.process(two.id)).id, two.id);
      const all = await runtime.processes();
      for (const [index, { id }] of [one, two].entries())
        assert.equal(all.find((info) => info.id === id)?.workspace, workspaces[index]);
      await one.kill("SIGKILL");
      await one.exit;
      await one.remove();
      await refused(second!.process(one.id), "process.unknown");
      await refused(first!.process(one.id), "process.reaped");
    },
  },
  {
    id: "commands.12.invalid-name",
    title: "a name that is none is refused",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      for (const name of ["", "a b", "-a", "a/b", "a\n", "x".repeat(65)]) {
        await refused(runtime.spawn(["true"], { name }), "process.name_invalid");
      }
    },
  },
  {
    id: "commands.13.second-client",
    title: "a second client sees the process, its output and its exit",
    needs: ["daemon", "spawn", "resume"],
    only: ["secondClient"],
    run: async ({ runtime, open }) => {
      const other = await open();
      await using process = await runtime.spawn(`${printNumbered(1_000)}; read -r line; echo "$line"`, {
        stdin: "pipe",
      });
      const seen = await other.process(process.id);
      assert.equal(seen.pid, process.pid);
      assert.ok((await other.processes()).some(({ id, state }) => id === process.id && state === "running"));
      const reading = readAll(seen.output());
      await process.stdin.write("from the first\n");
      assert.equal((await seen.exit).exitCode, 0);
      assert.equal(sha256((await reading).all), sha256(numbered(1_000), Buffer.from("from the first\n")));
    },
  },
  {
    id: "commands.13.killed-client",
    title: "a detached process and its output outlive a client that is killed in the middle of reading",
    needs: ["daemon", "spawn", "resume"],
    only: ["secondClient"],
    run: async ({ runtime, place, directory }) => {
      const path = `${await directory()}/go`;
      const script = `${printNumbered(COUNT)}; while ! [ -e "$0" ]; do sleep 0.05; done; ${printNumbered(COUNT)}`;
      const { id, cursor } = await killedClient(place, {
        command: ["sh", "-c", script, path],
        detached: true,
      });
      assert.ok(cursor > 0, "the client was reading");
      await runtime.fs.writeFile(path, "");
      const process = await runtime.process(id);
      const expected = Buffer.concat([numbered(COUNT), numbered(COUNT)]);
      const rest = await readAll(process.output({ from: cursor }), cursor);
      assert.equal(sha256(rest.all), sha256(expected.subarray(cursor)));
      assert.equal(sha256((await readAll(process.output())).all), sha256(expected));
    },
  },
  {
    id: "commands.13.lease",
    title: "a process that is not detached ends when its client is away for longer than the lease: HUP first",
    needs: ["daemon", "spawn", "resume"],
    only: ["secondClient"],
    run: async ({ runtime, place }) => {
      const script = "trap 'echo hup; exit 0' HUP; echo ready; while :; do sleep 0.1; done";
      const { id } = await killedClient(place, { command: ["sh", "-c", script], leaseMs: 300 });
      const process = await runtime.process(id);
      // Looking renews the lease; only the list of processes does not.
      await waitFor("the lease has ended it", async () => {
        const info = (await runtime.processes()).find((one) => one.id === id);
        return info?.state === "exited";
      });
      // A shell may say beside it that its sleep was ended.
      assert.match(await wholeOutput(process), /^ready\n(Hangup\n)?hup\n$/);
    },
  },
  {
    id: "commands.13.lease-not-over",
    title: "a client that comes back within the lease finds its process running",
    needs: ["daemon", "spawn", "resume"],
    only: ["secondClient"],
    run: async ({ runtime, place }) => {
      const { id } = await killedClient(place, { command: ["sh", "-c", "echo ready; exec sleep 77"] });
      const process = await runtime.process(id);
      assert.equal((await process.info()).state, "running");
      await process.kill("SIGKILL");
    },
  },
  {
    id: "commands.13.closed-client",
    title: "closing a runtime ends what it started, and leaves what is detached",
    needs: ["daemon", "spawn", "resume"],
    only: ["secondClient"],
    run: async ({ runtime, open }) => {
      const other = await open();
      const bound = await other.spawn(["sleep", "78"]);
      const detached = await other.spawn(["sleep", "79"], { detached: true });
      const later = await other.spawn(["sleep", "80"]);
      await later.detach();
      const ids = [bound.id, detached.id, later.id];
      await other.close();
      await gone(runtime, bound.pid!);
      const states = (await Promise.all(ids.map(async (id) => (await runtime.process(id)).info()))).map(
        ({ state }) => state,
      );
      assert.deepEqual(states, ["exited", "running", "running"]);
      for (const id of ids) await (await runtime.process(id)).kill("SIGKILL");
    },
  },
  {
    id: "commands.13.dispose",
    title: "disposing a handle ends its process",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      let pid = 0;
      {
        await using process = await runtime.spawn(["sleep", "81"]);
        pid = process.pid!;
        assert.ok(await lives(runtime, pid));
      }
      await gone(runtime, pid);
    },
  },
  {
    id: "commands.13.detached-handle",
    title: "disposing the handle of a detached process leaves it running",
    needs: ["daemon", "spawn", "resume"],
    run: async ({ runtime }) => {
      let id = "";
      {
        await using process = await runtime.spawn(["sleep", "82"], { detached: true });
        id = process.id;
      }
      const again = await runtime.process(id);
      assert.equal((await again.info()).detached, true);
      assert.ok(await lives(runtime, again.pid!));
      await again.kill("SIGKILL");
    },
  },
  {
    id: "commands.13.remove",
    title: "a finished process stays readable until it is removed; a running one can't be",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn("echo kept; read -r line", { stdin: "pipe" });
      await outputMatching(process, /kept/);
      await refused(process.remove(), "process.running");
      await process.stdin.end();
      await process.exit;
      assert.equal(await wholeOutput(await runtime.process(process.id)), "kept\n");
      await process.remove();
      await refused(runtime.process(process.id), "process.reaped");
      assert.ok(!(await runtime.processes()).some(({ id }) => id === process.id));
    },
  },
];

const COUNT = 40_000;
