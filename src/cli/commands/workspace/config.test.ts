import assert from "node:assert/strict";
import { test } from "node:test";
import { changesOf, parseAssignment } from "./config.ts";

const CONFIG = { type: "docker", image: "node:24", env: { A: "1", B: "2" }, mounts: [{ source: "x" }] };

const set = (...texts: string[]) => changesOf(CONFIG, texts.map(parseAssignment));
const unset = (...paths: string[]) =>
  changesOf(
    CONFIG,
    paths.map((path) => ({ path: path.split("."), value: undefined })),
  );

test("a value is JSON where it is that, else text; of the environment always text", () => {
  assert.deepEqual(set("memoryBytes=1024", "workdir=/srv/a=b", "keep=true", 'network="none"'), {
    memoryBytes: 1024,
    workdir: "/srv/a=b",
    keep: true,
    network: "none",
  });
  assert.deepEqual(set("env.PORT=3000", 'env.Q="x"'), { env: { A: "1", B: "2", PORT: "3000", Q: '"x"' } });
  assert.deepEqual(set('env={"A":"9"}', "env.C=3"), { env: { A: "9", C: "3" } });
});

test("a dotted field is changed within the one that it is in, also in lists", () => {
  assert.deepEqual(set("engine.context=c"), { engine: { context: "c" } });
  assert.deepEqual(set("mounts.0.target=/x"), { mounts: [{ source: "x", target: "/x" }] });
  assert.deepEqual(set('mounts.1={"source":"y"}'), { mounts: [{ source: "x" }, { source: "y" }] });
  assert.throws(() => set("mounts.5.target=/x"), { code: "cli.usage" });
});

test("what is removed is undefined, and a field goes with the last one in it", () => {
  assert.deepEqual(unset("env.A"), { env: { B: "2" } });
  assert.deepEqual(unset("env.A", "env.B"), { env: undefined });
  assert.deepEqual(unset("mounts.0"), { mounts: [] });
  assert.deepEqual(unset("workdir", "engine.host"), { workdir: undefined, engine: undefined });
  assert.deepEqual(CONFIG.env, { A: "1", B: "2" });
});

test("what is no field is refused", () => {
  for (const text of ["workdir", "=x", "a..b=1", "a b=1", "__proto__.x=1"]) {
    assert.throws(() => parseAssignment(text), { code: "cli.usage" }, text);
  }
});
