import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import fc from "fast-check";
import { nameToBytes } from "../../files/names.ts";
import { BOOTSTRAP, pathWord, scriptBytes, seconds, words } from "./script.ts";
import { PLACES, placeMissing, removeApplets } from "./testing.ts";

after(removeApplets);

const SHELLS = {
  dash: ["/bin/dash"],
  bash: ["/bin/bash"],
  busybox: ["/bin/busybox", "sh"],
  bare: undefined,
  sftp: undefined,
} as const;
const NONCE = "0123456789abcdef0123456789abcdef";

function run(shell: readonly string[], input: Buffer): { stdout: Buffer; status: number | null } {
  const [command = "", ...args] = shell;
  const { stdout, status } = spawnSync(command, [...args, "-c", BOOTSTRAP], { input });
  return { stdout, status };
}

for (const place of PLACES) {
  const shell = SHELLS[place];
  if (shell === undefined) continue;
  const skip = placeMissing(place);

  test(`${place}: the bootstrap runs the script and leaves the rest of stdin alone, byte by byte`, {
    skip,
  }, () => {
    const input = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const script = scriptBytes("printf '%s|' one\ncat", NONCE);
    const { stdout } = run(shell, Buffer.concat([script, input, input]));
    assert.ok(stdout.equals(Buffer.concat([Buffer.from("one|"), input, input])));
  });

  test(`${place}: a script that is cut off at any byte is not run`, { skip }, () => {
    const script = scriptBytes("echo ran; exit 3", NONCE);
    assert.equal(run(shell, script).status, 3);
    for (const cut of [
      1,
      20,
      script.length - 40,
      script.length - 36,
      script.length - 10,
      script.length - 1,
    ]) {
      const { stdout, status } = run(shell, script.subarray(0, cut));
      assert.equal(stdout.toString(), "", `cut at ${cut} of ${script.length}`);
      assert.equal(status, 125);
    }
  });

  test(`${place}: any words arrive exactly`, { skip }, () => {
    const nasty = [
      "",
      "-n",
      "--",
      "a b",
      "'",
      '"',
      "$HOME",
      "`id`",
      "\\",
      "*",
      "~",
      "!",
      "\n\n",
      "\t",
      "é→😀",
      "bad\udcff",
    ];
    const control = Array.from({ length: 127 }, (_, index) => String.fromCharCode(index + 1)).join("");
    const high = Array.from({ length: 0x780 }, (_, index) => String.fromCharCode(index + 0x80)).join("");
    const word = fc.oneof(
      fc
        .string({ unit: "binary", maxLength: 30 })
        .filter((text) => !text.includes("\0") && text.isWellFormed()),
      fc.constantFrom(...nasty),
    );
    const check = (values: readonly string[]) => {
      const script = `for w in ${words(values)}\ndo printf '%s\\0' "$w"; done`;
      const expected = Buffer.concat(values.flatMap((value) => [nameToBytes(value), Buffer.of(0)]));
      assert.ok(run(shell, scriptBytes(script, NONCE)).stdout.equals(expected));
    };
    check([...nasty, control, high]);
    fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), check), { numRuns: 30 });
  });
}

test("~ becomes HOME, slashes at the end go, everything else stays as it is", () => {
  const expand = (path: string) =>
    spawnSync("/bin/sh", ["-c", `printf %s ${pathWord(path)}`], {
      env: { HOME: "/home/a b" },
    }).stdout.toString();
  assert.equal(expand("~"), "/home/a b");
  assert.equal(expand("~/x y//"), "/home/a b/x y");
  assert.equal(expand("/a/~"), "/a/~");
  assert.equal(expand("/"), "/");
  assert.equal(expand("///"), "/");
  assert.equal(expand("/a/../b/"), "/a/../b");
  assert.equal(expand("/new\nline\n"), "/new\nline\n");
});

test("a place without fractions gets more time, never less", () => {
  assert.equal(seconds(1500, true), "1.500");
  assert.equal(seconds(1500, false), "2");
  assert.equal(seconds(1000, false), "1");
});
