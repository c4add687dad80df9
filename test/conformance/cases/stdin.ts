import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { noise, outputMatching, readAll, refused, sha256, waitFor, wholeOutput } from "../kit.ts";

/** SEMANTICS, Commands 6: what a command reads. */
export const STDIN: readonly Case[] = [
  {
    id: "commands.6.dev-null",
    title: "stdin is /dev/null unless asked for",
    run: async ({ runtime }) => {
      const { stdout } = await runtime.exec("readlink /proc/self/fd/0; cat; echo end");
      assert.equal(stdout, "/dev/null\nend\n");
    },
  },
  {
    id: "commands.6.input",
    title: "input of any size arrives byte-exact and ends",
    run: async ({ runtime }) => {
      const bytes = noise(5 * 1024 * 1024 + 17);
      const { stdout } = await runtime.exec(["sha256sum"], { input: bytes });
      assert.equal(stdout.split(" ")[0], sha256(bytes));
      const parts = async function* () {
        for (let start = 0; start < bytes.length; start += 700_001)
          yield bytes.subarray(start, start + 700_001);
      };
      const again = await runtime.exec(["sha256sum"], { input: parts() });
      assert.equal(again.stdout.split(" ")[0], sha256(bytes));
    },
  },
  {
    id: "commands.6.text-and-nothing",
    title: "input is text, or nothing but its end",
    run: async ({ runtime }) => {
      assert.equal((await runtime.exec(["cat"], { input: "grüße\n" })).stdout, "grüße\n");
      assert.equal((await runtime.exec("cat; echo end", { input: "" })).stdout, "end\n");
    },
  },
  {
    id: "commands.6.echo",
    title: "what goes in comes out at the same time, without a deadlock",
    run: async ({ runtime }) => {
      const bytes = noise(4 * 1024 * 1024);
      const seen = await readAll(runtime.exec(["cat"], { input: bytes }));
      assert.equal(sha256(seen.stdout), sha256(bytes));
    },
  },
  {
    id: "commands.6.unread",
    title: "a command that ends without reading its input ends normally",
    run: async ({ runtime }) => {
      const { exitCode, stdout } = await runtime.exec("echo done; exit 3", { input: noise(4 * 1024 * 1024) });
      assert.deepEqual([exitCode, stdout], [3, "done\n"]);
    },
  },
  {
    id: "commands.6.failing-input",
    title: "an input that fails fails the call, and the command does not take half of it for the whole",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/whole`;
      const failure = new Error("the source of the input failed");
      const source = async function* () {
        yield Buffer.from("half");
        throw failure;
      };
      const call = runtime.exec(["sh", "-c", 'cat > /dev/null && sleep 0.2 && echo whole > "$0"', path], {
        input: source(),
      });
      await assert.rejects(
        async () => await call,
        (error: Error) => error === failure || error.cause === failure,
      );
      assert.equal(await runtime.fs.exists(path), false);
    },
  },
  {
    id: "commands.6.pipe",
    title: "a spawned process reads what is written, until its end",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn('while read -r line; do echo "got $line"; done; echo end', {
        stdin: "pipe",
      });
      await process.stdin.write("one\n");
      await outputMatching(process, /got one\n/);
      await process.stdin.write(Buffer.from("two\n"));
      await process.stdin.end();
      await process.stdin.end();
      assert.equal(await wholeOutput(process), "got one\ngot two\nend\n");
      assert.equal((await process.exit).exitCode, 0);
    },
  },
  {
    id: "commands.6.backpressure",
    title: "what a process does not read pushes back on its writer, and on nobody else",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn(["sleep", "70"], { stdin: "pipe" });
      const piece = noise(256 * 1024);
      let accepted = 0;
      const writing = (async () => {
        for (let index = 0; index < 400; index++) {
          await process.stdin.write(piece);
          accepted += piece.length;
        }
      })();
      const stuck = assert.rejects(writing);
      let before = -1;
      await waitFor("the writer waits", async () => {
        // Round trips through the same connection: were there room, bytes would have moved meanwhile.
        for (let turn = 0; turn < 20; turn++) await runtime.fs.stat("/");
        const same = accepted === before;
        before = accepted;
        return same;
      });
      assert.ok(accepted <= 32 * 1024 * 1024, `${accepted} bytes were taken for a process that reads none`);
      await process.kill("SIGKILL");
      await stuck;
    },
  },
  {
    id: "commands.6.closed",
    title: "input after its end, or that was not asked for, is process.stdin_closed",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      await using ended = await runtime.spawn("cat; exec sleep 71", { stdin: "pipe" });
      await ended.stdin.end();
      await refused(ended.stdin.write("more"), "process.stdin_closed");
      await using without = await runtime.spawn(["sleep", "72"]);
      await refused(without.stdin.write("text"), "process.stdin_closed");
    },
  },
];
