import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import {
  bytesOf,
  numbered,
  outputMatching,
  printNumbered,
  readAll,
  refused,
  sha256,
  waitFor,
} from "../kit.ts";

const COUNT = 60_000;

/** SEMANTICS, Commands 9 and 11: the log is the only reader, every client a cursor into it. */
export const OUTPUT_LOG: readonly Case[] = [
  {
    id: "commands.9.idle-reader",
    title: "a reader that does not read delays no other reader and not the process",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn(`${printNumbered(COUNT * 5)}; echo end >&2`);
      const idle = process.output()[Symbol.asyncIterator]();
      await idle.next();
      const seen = await readAll(process.output());
      assert.equal(sha256(seen.stdout), sha256(numbered(COUNT * 5)));
      assert.equal((await process.exit).exitCode, 0);
      await idle.return?.();
    },
  },
  {
    id: "commands.9.unread-iteration",
    title: "an exec whose output nobody takes yet delays neither other commands nor files",
    run: async ({ runtime }) => {
      const iteration = runtime.exec(printNumbered(COUNT * 10))[Symbol.asyncIterator]();
      const first = await iteration.next();
      assert.equal(first.value?.type, "data");
      assert.equal((await runtime.exec(["echo", "beside"])).stdout, "beside\n");
      assert.equal((await runtime.fs.stat("/")).type, "directory");
      await iteration.return?.();
    },
  },
  {
    id: "commands.9.pause",
    title:
      'overflow "pause", the default of exec: a slow reader gets every byte, beyond the limit of the log',
    run: async ({ runtime }) => {
      const expected = numbered(COUNT * 8);
      const parts: Uint8Array[] = [];
      let turns = 0;
      for await (const chunk of runtime.exec(printNumbered(COUNT * 8), { logLimitBytes: 1024 * 1024 })) {
        assert.notEqual(chunk.type, "gap");
        if (chunk.type !== "data") continue;
        parts.push(chunk.data);
        // A reader that does something else in between.
        if (turns++ % 40 === 0) await runtime.fs.stat("/");
      }
      assert.equal(sha256(...parts), sha256(expected));
    },
  },
  {
    id: "commands.9.drop",
    title:
      'overflow "drop", the default of spawn: the process goes on, the oldest bytes go, a gap tells which',
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      const expected = numbered(COUNT * 16);
      const limit = 6 * 1024 * 1024;
      await using process = await runtime.spawn(printNumbered(COUNT * 16), { logLimitBytes: limit });
      assert.equal((await process.exit).exitCode, 0, "nobody read, and it was not held back");
      const seen = await readAll(process.output());
      assert.equal(seen.order[0], "gap");
      assert.equal(seen.gaps[0]?.from, 0);
      // A gap may be told in parts.
      const held = seen.gaps.at(-1)!.to;
      assert.equal(
        seen.gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0),
        held,
        "what is held is one stretch at the end",
      );
      // The log goes by segments of 4 MiB.
      assert.ok(expected.length - held <= limit + 4 * 1024 * 1024, "the limit is kept");
      assert.ok(expected.length - held >= limit / 4, "what fits is kept");
      assert.equal(sha256(seen.all), sha256(expected.subarray(held)));
      const info = await process.info();
      assert.deepEqual([info.outputStart, info.outputEnd], [held, expected.length]);
    },
  },
  {
    id: "commands.9.log-directory",
    title:
      "logs are kept in the directory that the configuration names, for nobody else, and go with their process",
    needs: ["spawn", "resume"],
    run: async ({ open, runtime, directory }) => {
      const processLogDir = `${await directory()}/logs`;
      const own = await open({ processLogDir });
      await using process = await own.spawn("echo kept; read -r line", { stdin: "pipe" });
      const log = `${processLogDir}/${process.id}`;
      await waitFor("its log is written", async () => {
        const found = await runtime.exec(`cat "$0"/*.log`.replace("$0", log), { stderr: "merge" });
        return found.stdout === "kept\n";
      });
      for (const path of [processLogDir, log]) {
        const { type, mode } = await runtime.fs.stat(path);
        assert.deepEqual([type, mode & 0o777], ["directory", 0o700]);
      }
      await process.stdin.end();
      await process.exit;
      assert.equal((await readAll(process.output())).all.toString(), "kept\n");
      await process.remove();
      assert.equal(await runtime.fs.exists(log), false);
      const shared = await open({ processLogDir: "/tmp" });
      await refused(shared.exec(["true"]), "process.log_directory_unusable");
    },
  },
  {
    id: "commands.11.replay",
    title: "output replays exactly from every cursor",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      const expected = numbered(COUNT);
      await using process = await runtime.spawn(printNumbered(COUNT));
      await process.exit;
      for (const from of [
        0,
        1,
        15,
        16,
        65_535,
        65_536,
        65_537,
        500_001,
        expected.length - 1,
        expected.length,
      ]) {
        const seen = await readAll(process.output({ from }), from);
        assert.equal(sha256(seen.all), sha256(expected.subarray(from)), `from ${from}`);
        assert.equal(seen.exit?.cursor, expected.length);
        assert.deepEqual(seen.gaps, []);
      }
      const tail = await process.output({ from: -5 })[Symbol.asyncIterator]().next();
      assert.ok(tail.value?.type === "data");
      assert.equal(Buffer.from(tail.value.data).toString(), "9999\n");
    },
  },
  {
    id: "commands.11.follow",
    title: "a reader that joins in the middle replays and follows without loss and without a repeat",
    needs: ["spawn", "resume"],
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/go`;
      const script = `${printNumbered(COUNT)}; while ! [ -e "$0" ]; do sleep 0.05; done; ${printNumbered(COUNT)}`;
      await using process = await runtime.spawn(["sh", "-c", script, path]);
      await outputMatching(process, /0059999\n/);
      const from = 16 * 30_000;
      const readers = [0, from, -1].map((cursor) =>
        readAll(process.output({ from: cursor }), cursor === -1 ? COUNT * 16 - 1 : cursor),
      );
      await runtime.fs.writeFile(path, "");
      const expected = Buffer.concat([numbered(COUNT), numbered(COUNT)]);
      const seen = await Promise.all(readers);
      assert.equal(sha256(seen[0]!.all), sha256(expected));
      assert.equal(sha256(seen[1]!.all), sha256(expected.subarray(from)));
      assert.equal(sha256(seen[2]!.all), sha256(expected.subarray(COUNT * 16 - 1)));
    },
  },
  {
    id: "commands.11.continue",
    title: "reading on from the cursor of any chunk loses and repeats nothing, over both streams",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      const script = "i=0; while [ $i -lt 400 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done";
      await using process = await runtime.spawn(script);
      const whole = await readAll(process.output());
      let cursor = 0;
      const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
      while (cursor < whole.cursor) {
        for await (const chunk of process.output({ from: cursor })) {
          assert.ok(chunk.type === "data");
          parts[chunk.stream === "stderr" ? "stderr" : "stdout"].push(chunk.data);
          cursor = chunk.cursor;
          break;
        }
      }
      assert.equal(Buffer.concat(parts.stdout).toString(), whole.stdout.toString());
      assert.equal(Buffer.concat(parts.stderr).toString(), whole.stderr.toString());
    },
  },
  {
    id: "commands.11.no-follow",
    title: "without follow an iteration ends at what is there, and has no exit while the process runs",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn("echo there; exec sleep 73");
      await outputMatching(process, /there/);
      const seen = await readAll(process.output({ follow: false }));
      assert.deepEqual([seen.all.toString(), seen.exit], ["there\n", undefined]);
      assert.equal((await readAll(process.output({ from: 6, follow: false }), 6)).all.length, 0);
    },
  },
  {
    id: "commands.11.streams",
    title: "stdout and stderr of a process are its bytes from the start, however late one looks",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn("echo out; echo err >&2");
      await process.exit;
      assert.equal((await bytesOf(process.stdout)).toString(), "out\n");
      assert.equal((await bytesOf(process.stderr)).toString(), "err\n");
    },
  },
  {
    id: "commands.11.info",
    title: "a process says where its output starts and ends",
    needs: ["spawn", "resume"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn(["echo", "hello"]);
      await process.exit;
      const info = await waitFor("the end is known", async () => {
        const now = await process.info();
        return now.state === "exited" ? now : undefined;
      });
      assert.deepEqual([info.outputStart, info.outputEnd], [0, 6]);
      assert.deepEqual(info.command, ["echo", "hello"]);
      assert.equal(info.exit?.exitCode, 0);
      assert.ok(Date.parse(info.endedAt!) >= Date.parse(info.startedAt));
      await refused(runtime.process("p-that-nobody-started"), "process.unknown");
    },
  },
];
