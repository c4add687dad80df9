import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRuntimeConfig, runtimeConfigProblems } from "./config.ts";
import { isBerthError } from "./errors.ts";

function refused(value: unknown, pattern: RegExp): void {
  assert.throws(
    () => parseRuntimeConfig(value, "runtimes.dev"),
    (error) => isBerthError(error, "config.invalid") && pattern.test(error.message),
  );
}

test("a configuration is returned as it was given", () => {
  const config = {
    type: "docker",
    image: "debian:12",
    mounts: [{ source: "/home/me/app", target: "/app", readOnly: true }],
    ports: [{ container: 3000, host: 8080 }],
    env: { A: "b c" },
    memoryBytes: 512 * 1024 * 1024,
  };
  assert.deepEqual(parseRuntimeConfig(config), config);
});

test("a mistake is named by field and reason", () => {
  refused({ type: "local", workdri: "/x" }, /runtimes\.dev: .*workdri/);
  refused({ type: "docker" }, /containerId or image is missing/);
  refused({ type: "docker", containerId: "a", image: "b" }, /one of them/);
  refused({ type: "docker", containerId: "a b" }, /containerId: is not a container's id or name/);
  refused({ type: "docker", image: "debian:12", memoryBytes: 1 }, /memoryBytes/);
  refused(
    { type: "docker", containerId: "a", pathMap: [{ host: "x", container: "/y" }] },
    /pathMap\.0\.host: has to be an absolute path/,
  );
  refused({ type: "locla" }, /"locla" is not a runtime type/);
  refused("local", /has to be an object/);
  refused(null, /has to be an object/);
});

test("a value of the environment is never in an error", () => {
  assert.throws(
    () => parseRuntimeConfig({ type: "local", env: { "1X": "hunter2", Y: "hunter2\0" } }),
    (error) => isBerthError(error, "config.invalid") && !JSON.stringify(error).includes("hunter2"),
  );
});

test("types of later versions are told apart from mistakes", () => {
  assert.throws(() => parseRuntimeConfig({ type: "kubernetes" }), { code: "runtime.type_unsupported" });
});

test("problems by field, of which the message is made; a missing field is named", () => {
  const cases: readonly (readonly [unknown, readonly (readonly [string, RegExp])[]])[] = [
    [{ type: "local", env: { A: "1" } }, []],
    [{ type: "ssh", host: "dev@box:2222" }, []],
    [{ type: "ssh" }, [["host", /^is missing, for example host: "dev@box"$/]]],
    [{ type: "ssh", host: "" }, [["host", /missing or not valid/]]],
    [{ type: "ssh", host: "dev@box", user: "me" }, [["user", /contradicts the host/]]],
    [{ type: "remote" }, [["url", /^is missing/]]],
    [{ type: "remote", url: "https://runner.example" }, [["workspace", /^is missing$/]]],
    [
      { type: "docker" },
      [
        ["containerId", /is missing/],
        ["image", /is missing/],
      ],
    ],
    [{ type: "docker", containerId: "" }, [["containerId", /is not a container's id/]]],
    [{ type: "sandbox" }, [["type", /sandbox/]]],
    [{ type: "locla" }, [["type", /^"locla" is not a runtime type/]]],
    [{}, [["type", /is not a runtime type/]]],
    ["local", [["", /has to be an object/]]],
    [
      { type: "local", workdri: "/x", tpyo: 1, env: { "1X": "hunter2" } },
      [
        ["env.1X", /^/],
        ["tpyo", /nrecognized/],
        ["workdri", /nrecognized/],
      ],
    ],
    [{ type: "docker", image: "debian", ports: [{ host: 1 }] }, [["ports.0.container", /^is missing$/]]],
  ];
  for (const [value, wanted] of cases) {
    const problems = runtimeConfigProblems(value).toSorted((a, b) => (a.field < b.field ? -1 : 1));
    const told = JSON.stringify(problems);
    assert.deepEqual(
      problems.map(({ field }) => field),
      wanted.map(([field]) => field),
      told,
    );
    for (const [at, [, reason]] of wanted.entries()) assert.match(problems[at]?.reason ?? "", reason, told);
    assert.ok(!told.includes("hunter2"));
    if (wanted.length === 0) parseRuntimeConfig(value);
    else assert.throws(() => parseRuntimeConfig(value), /./);
  }
});
