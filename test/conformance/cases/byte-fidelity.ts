import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { noise, numbered, printNumbered, readAll, sha256 } from "../kit.ts";

/** SEMANTICS, Commands 0 and 2: real pipes, every byte, in order. */
export const BYTE_FIDELITY: readonly Case[] = [
  {
    id: "commands.0.reopened-pipes",
    title: "stdin, stdout and stderr can be opened again by their names",
    run: async ({ runtime }) => {
      const { stdout, stderr, exitCode } = await runtime.exec(
        "echo err > /dev/stderr && echo out | tee /dev/stdout && cat /dev/stdin",
        { input: "in\n" },
      );
      assert.deepEqual([exitCode, stdout, stderr], [0, "out\nout\nin\n", "err\n"]);
    },
  },
  {
    id: "commands.0.pipes",
    title: "stdout and stderr are pipes, not sockets and not terminals",
    run: async ({ runtime }) => {
      const { stdout } = await runtime.exec("readlink /proc/self/fd/1; test -t 1 || echo no tty");
      assert.match(stdout, /^pipe:\[\d+\]\nno tty\n$/);
    },
  },
  {
    id: "commands.2.every-byte-value",
    title: "every byte value arrives, on both streams, without a line end",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/bytes`;
      const bytes = Buffer.concat([
        Buffer.from(Array.from({ length: 256 }, (_, value) => value)),
        noise(5_000),
      ]);
      await runtime.fs.writeFile(path, bytes);
      const result = await runtime.exec(["sh", "-c", 'cat "$0"; cat "$0" >&2', path]);
      assert.equal(sha256(result.stdoutBytes), sha256(bytes));
      assert.equal(sha256(result.stderrBytes), sha256(bytes));
      assert.equal(result.outputBytes, 2 * bytes.length);
    },
  },
  {
    id: "commands.2.lines",
    title: "200,000 lines arrive in order",
    run: async ({ runtime }) => {
      let next = 1;
      for await (const line of runtime.exec(["seq", "1", "200000"]).lines()) {
        if (line !== String(next)) assert.fail(`line ${next} is ${JSON.stringify(line.slice(0, 80))}`);
        next++;
      }
      assert.equal(next, 200_001);
    },
  },
  {
    id: "commands.2.one-byte-writes",
    title: "one byte at a time arrives whole",
    run: async ({ runtime }) => {
      const script = "i=0; while [ $i -lt 1500 ]; do printf a; printf b >&2; i=$((i+1)); done";
      const { stdout, stderr } = await runtime.exec(script);
      assert.equal(stdout, "a".repeat(1_500));
      assert.equal(stderr, "b".repeat(1_500));
    },
  },
  {
    id: "commands.2.before-exit",
    title: "what is written right before the exit arrives before it, every time",
    run: async ({ runtime }) => {
      await Promise.all(
        Array.from({ length: 24 }, async (_, index) => {
          const seen = await readAll(
            runtime.exec(`printf out-${index}; printf err-${index} >&2; exit ${index}`),
          );
          assert.equal(seen.stdout.toString(), `out-${index}`);
          assert.equal(seen.stderr.toString(), `err-${index}`);
          assert.equal(seen.exit?.exit.exitCode, index);
          assert.equal(seen.order.at(-1), "exit");
        }),
      );
    },
  },
  {
    id: "commands.2.volume",
    title: "8 MB of noise on one stream beside 1 MB of lines on the other arrive byte-exact",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/noise`;
      const bytes = noise(8 * 1024 * 1024);
      await runtime.fs.writeFile(path, bytes);
      const script = `cat "$0" & ${printNumbered(65_536)} >&2; wait`;
      const seen = await readAll(runtime.exec(["sh", "-c", script, path]));
      assert.equal(sha256(seen.stdout), sha256(bytes));
      assert.equal(sha256(seen.stderr), sha256(numbered(65_536)));
      assert.deepEqual(seen.gaps, []);
    },
  },
  {
    id: "commands.2.merged-order",
    title: 'with stderr: "merge" the order between stdout and stderr is exact',
    run: async ({ runtime }) => {
      const script = "i=0; while [ $i -lt 600 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done";
      const { stdout, stderr } = await runtime.exec(script, { stderr: "merge" });
      const expected = Array.from({ length: 600 }, (_, index) => `o${index}\ne${index}\n`).join("");
      assert.equal(stdout, expected);
      assert.equal(stderr, "");
    },
  },
  {
    id: "commands.2.split-characters",
    title:
      "text is decoded across chunks; what is no UTF-8 becomes U+FFFD in the text and stays in the bytes",
    run: async ({ runtime }) => {
      const script = String.raw`printf 'a\303'; sleep 0.1; printf '\251\360\237'; sleep 0.1; printf '\222\231\377z'`;
      const result = await runtime.exec(script);
      assert.equal(result.stdout, "aé💙\uFFFDz");
      assert.equal(Buffer.from(result.stdoutBytes).toString("hex"), "61c3a9f09f9299ff7a");
    },
  },
  {
    id: "commands.2.line-ends",
    title: "lines come without their ends, the last one also without an end",
    run: async ({ runtime }) => {
      const lines: string[] = [];
      for await (const line of runtime
        .exec(String.raw`printf 'one\r\n\ntwo\303'; sleep 0.1; printf '\251\nlast'`)
        .lines()) {
        lines.push(line);
      }
      assert.deepEqual(lines, ["one", "", "twoé", "last"]);
    },
  },
  {
    id: "commands.2.no-output",
    title: "a command without output has none",
    run: async ({ runtime }) => {
      const result = await runtime.exec(["true"]);
      assert.deepEqual(
        [result.exitCode, result.stdout, result.stderr, result.outputBytes, result.truncated],
        [0, "", "", 0, false],
      );
    },
  },
];
