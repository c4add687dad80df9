import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nameFromBytes } from "../../files/names.ts";
import { commandLine } from "./command-line.ts";

const NONCE = "0123456789abcdef";
/** A word in single quotes in which every letter means itself, or is part of \0 and three octal digits. */
const QUOTED =
  /^exec \/bin\/sh -c 'eval "\$\(printf %b "\$0"\)"' '(?:[^'!\\\x00-\x1f\x7f-\uffff]|\\0[0-7]{3})*'$/;

const everything = Array.from({ length: 255 }, (_, index) => nameFromBytes(Buffer.of(index + 1)));

test("a command line has only letters that mean themselves in single quotes of every shell", () => {
  for (const argv of [everything, ["true"], ["a'b", "!!", "\n", "\\", "ü"], ["x".repeat(200_000)]]) {
    for (const options of [{}, { guarded: true }, { cwd: "/it's\n!" }]) {
      assert.match(commandLine(argv, NONCE, options).text, QUOTED);
    }
  }
});

test("it stays below what the kernel and old shells take as one word; the rest comes by stdin, on one line", () => {
  const { text, input } = commandLine(["printf", "'".repeat(500_000)], NONCE);
  assert.ok(text.length < 1_000, `${text.length} characters`);
  assert.match(input, /^[^\n]+\n$/);
  assert.equal(commandLine(["true"], NONCE).input, "");
});

test("the mark does not stand in the command line, which a shell may show", () => {
  const { text, mark } = commandLine(["true"], NONCE);
  assert.ok(mark.includes(NONCE));
  assert.ok(!Buffer.from(text).includes(mark));
});

test("a directory is entered as it is named, wherever CDPATH and OLDPWD lead", () => {
  const { text, mark } = commandLine(["pwd"], NONCE, { cwd: "usr" });
  const env = { ...process.env, CDPATH: "/tmp:/var", OLDPWD: "/tmp" };
  const output = execFileSync("sh", ["-c", text], { cwd: "/", env, stdio: ["ignore", "pipe", "ignore"] });
  assert.equal(output.toString(), `${mark}/usr\n`);
});

test("a command is not run when nobody takes its marks any more", async () => {
  const directory = await mkdtemp(join(tmpdir(), "berth-test-"));
  try {
    for (const [taken, trap] of [
      [true, ""],
      [false, ""],
      [false, "trap '' PIPE;"],
    ] as const) {
      const file = join(directory, `${taken}${trap.length}`);
      const { text } = commandLine(["touch", file], NONCE);
      const shell = spawn("sh", ["-c", `${trap} read start; exec sh -c "$0"`, text]);
      shell.stderr.resume();
      if (taken) shell.stdout.resume();
      else shell.stdout.destroy();
      await once(shell.stdout, taken ? "resume" : "close");
      shell.stdin.end("start\n");
      await once(shell, "exit");
      assert.equal(existsSync(file), taken);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
