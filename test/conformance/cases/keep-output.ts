import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { numbered, outputMatching, printNumbered, readAll, sha256, waitFor } from "../kit.ts";

const COUNT = 20_000;
const KEPT = { aboveBytes: 30_000 };

/** Commands 17: long output is also a plain file of the place. */
export const KEEP_OUTPUT: readonly Case[] = [
  {
    id: "commands.17.whole",
    title:
      "output that is longer than asked for is whole in a file when the exit is told; shorter output has none",
    needs: ["daemon"],
    run: async ({ runtime }) => {
      const command = `${printNumbered(COUNT)}; echo end >&2; exit 7`;
      const long = await runtime.exec(command, { keepOutput: KEPT, stderr: "merge", maxCaptureBytes: 1000 });
      assert.equal(long.exitCode, 7);
      assert.equal(long.truncated, true);
      const path = long.outputFile ?? assert.fail("no file is told");
      assert.match(path, /^\//);
      const expected = sha256(numbered(COUNT), Buffer.from("end\n"));
      assert.equal(sha256(await runtime.fs.readFile(path)), expected);
      assert.equal(long.outputFileCut, undefined);
      const tools = await runtime.exec(
        `grep -c 1 '${path}'; tail -n 1 '${path}'; ls -ld "$(dirname '${path}')"`,
      );
      assert.match(tools.stdout, /^\d+\nend\ndrwx------/);
      assert.equal((await runtime.fs.stat(path)).mode & 0o777, 0o600);
      assert.equal((await (await runtime.process(long.processId)).info()).outputFile, path);
      const short = await runtime.exec("echo short", { keepOutput: KEPT });
      assert.equal(short.outputFile, undefined);
      const exact = await runtime.exec("printf 12345", { keepOutput: { aboveBytes: 5 } });
      assert.equal(exact.outputFile, undefined);
      const above = await runtime.exec("printf 123456", { keepOutput: { aboveBytes: 5 } });
      assert.equal(await runtime.fs.readFile(above.outputFile ?? "", "utf8"), "123456");
    },
  },
  {
    id: "commands.17.both-streams",
    title: "the file has both streams in the order in which they arrived, as the output itself has",
    needs: ["daemon"],
    run: async ({ runtime }) => {
      const command = "i=0; while [ $i -lt 300 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done";
      const seen = await readAll(runtime.exec(command, { keepOutput: { aboveBytes: 0 } }));
      const path = seen.exit?.outputFile ?? assert.fail("the exit tells no file");
      assert.equal(sha256(await runtime.fs.readFile(path)), sha256(seen.all));
    },
  },
  {
    id: "commands.17.grows",
    title: "the file grows while the process runs, and is there for ordinary tools",
    needs: ["daemon"],
    run: async ({ runtime, directory }) => {
      const go = `${await directory()}/go`;
      const command = `echo first; until [ -e '${go}' ]; do sleep 0.02; done; echo last`;
      await using process = await runtime.spawn(command, { keepOutput: { aboveBytes: 2 } });
      await outputMatching(process, /first/);
      const path = await waitFor("the file is told", async () => (await process.info()).outputFile);
      await waitFor(
        "the file has the output",
        async () => (await runtime.fs.readFile(path, "utf8")) === "first\n",
      );
      await runtime.fs.writeFile(go, "");
      await process.exit;
      assert.equal(await runtime.fs.readFile(path, "utf8"), "first\nlast\n");
      await process.remove();
      assert.equal(await runtime.fs.exists(path), false, "what is removed by name goes with its file");
    },
  },
  {
    id: "commands.17.limit",
    title: "the file ends at the log's limit, and it is told where",
    needs: ["daemon"],
    run: async ({ runtime }) => {
      const limit = 100_000;
      const result = await runtime.exec(printNumbered(COUNT), { keepOutput: KEPT, logLimitBytes: limit });
      assert.deepEqual(result.outputFileCut, { at: limit, reason: "limit" });
      const bytes = await runtime.fs.readFile(result.outputFile ?? "");
      assert.equal(sha256(bytes), sha256(numbered(COUNT).subarray(0, limit)));
      assert.equal(result.outputBytes, COUNT * 16, "the command goes on");
    },
  },
  {
    id: "commands.17.other-user",
    title: "the file of a command of another user can be read by that user",
    needs: ["daemon", "user"],
    only: ["otherUser"],
    run: async ({ runtime, place }) => {
      const user = place.otherUser!.name;
      const result = await runtime.exec(printNumbered(COUNT), { keepOutput: KEPT, user });
      const path = result.outputFile ?? assert.fail("no file is told");
      const read = await runtime.exec(["cat", path], { user });
      assert.equal(sha256(read.stdoutBytes), sha256(numbered(COUNT)), read.stderr);
      const { uid, mode } = await runtime.fs.stat(path);
      assert.deepEqual([uid, mode & 0o777], [place.otherUser!.uid, 0o600]);
    },
  },
  {
    id: "commands.17.full-disk",
    title: "on a full disk the file ends, which is told, and the process goes on",
    needs: ["daemon"],
    only: ["smallDisk"],
    alone: true,
    run: async ({ open, place }) => {
      const runtime = await open({ processLogDir: `${place.smallDisk}/kept` });
      const bytes = 60_000_000;
      const result = await runtime.exec(["head", "-c", String(bytes), "/dev/zero"], { keepOutput: KEPT });
      assert.deepEqual([result.exitCode, result.outputBytes], [0, bytes]);
      const { outputFile = "", outputFileCut } = result;
      assert.ok(outputFile.startsWith(`${place.smallDisk}/kept/`), outputFile);
      assert.equal(outputFileCut?.reason, "disk");
      const { size } = await runtime.fs.stat(outputFile);
      assert.ok(size >= (outputFileCut?.at ?? 0) && size < bytes, `${size} bytes, told ${outputFileCut?.at}`);
      await (await runtime.process(result.processId)).remove();
    },
  },
];
