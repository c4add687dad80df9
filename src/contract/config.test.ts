import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRuntimeConfig } from "./config.ts";
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
