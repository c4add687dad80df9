import assert from "node:assert/strict";
import { test } from "node:test";
import { PatternMatcher } from "../daemon/ready.ts";
import { commandArgv, environmentPairs, placePath } from "./command.ts";

test("a string runs in a shell, a list is taken as it is", () => {
  assert.deepEqual(commandArgv("a b"), { argv: ["/bin/sh", "-c", "a b"], shellLookup: false });
  assert.deepEqual(commandArgv("a", "bash"), { argv: ["bash", "-c", "a"], shellLookup: true });
  assert.deepEqual(commandArgv("a", "/bin/zsh"), { argv: ["/bin/zsh", "-c", "a"], shellLookup: false });
  assert.deepEqual(commandArgv(["a", ""]), { argv: ["a", ""], shellLookup: false });
  for (const bad of [[], ["a\0"], "a\0", [1 as unknown as string]]) {
    assert.throws(() => commandArgv(bad), { code: "process.argument_invalid" });
  }
});

test("environment: base, overrides, removals, refusals without the value", () => {
  const base = environmentPairs({ A: "1", B: "2" });
  assert.deepEqual(environmentPairs(undefined, base), base);
  assert.deepEqual(environmentPairs({ B: undefined, C: "" }, base), [
    ["A", "1"],
    ["B", null],
    ["C", ""],
  ]);
  for (const name of ["", "1A", "A=B", "A B", "ä", "A\0"]) {
    assert.throws(
      () => environmentPairs({ [name]: "secret" }),
      (error: Error & { code: string }) => {
        assert.equal(error.code, "process.env_invalid");
        assert.doesNotMatch(JSON.stringify(error), /secret/);
        return true;
      },
    );
  }
  assert.throws(
    () => environmentPairs({ A: "secret\0" }),
    (error: Error & { code: string }) => {
      assert.equal(error.code, "process.env_invalid");
      assert.doesNotMatch(JSON.stringify(error), /secret/);
      return true;
    },
  );
  assert.deepEqual(environmentPairs({ ["__proto__"]: "x" }), [["__proto__", "x"]]);
});

test("paths: absolute ones are mapped, relative ones start at the workdir, ~ is the place's", () => {
  const paths = { workdir: "/work", mapPath: (path: string) => `/mapped${path}` };
  assert.equal(placePath("/a", paths), "/mapped/a");
  assert.equal(placePath("a/../b", paths), "/work/a/../b");
  assert.equal(placePath(".", paths), "/work");
  assert.equal(placePath("~", paths), "~");
  assert.equal(placePath("~/x", paths), "~/x");
  assert.equal(placePath("~x", paths), "/work/~x");
  assert.equal(placePath("a", { workdir: "/" }), "/a");
  assert.throws(() => placePath("", paths), { code: "EINVAL" });
  assert.throws(() => placePath("a\0", paths), { code: "EINVAL" });
});

test("patterns match across chunks and characters, from the start each time, in bounded memory", () => {
  const text = Buffer.from("listening on port 80: büro");
  const whole = new PatternMatcher(/port (\d+): büro/gy);
  const found = [...text].map((byte) => whole.push(Uint8Array.of(byte)));
  assert.deepEqual(found.indexOf(true), text.length - 1);
  const late = new PatternMatcher(/needle/);
  for (let index = 0; index < 100; index++) assert.equal(late.push(new Uint8Array(100_000).fill(97)), false);
  assert.equal(late.push(Buffer.from("a nee")), false);
  assert.equal(late.push(Buffer.from("dle")), true);
});
