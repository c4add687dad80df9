import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isBerthError } from "./errors.ts";
import { isRuntimeUri, parseRuntimeUri } from "./uri.ts";

test("each kind of place has its URI", () => {
  assert.deepEqual(parseRuntimeUri("local:"), { type: "local" });
  assert.deepEqual(parseRuntimeUri("local:/srv/my app"), { type: "local", workdir: "/srv/my app" });
  assert.deepEqual(parseRuntimeUri("docker://web-1"), { type: "docker", containerId: "web-1" });
  assert.deepEqual(parseRuntimeUri("docker://web/"), { type: "docker", containerId: "web" });
  assert.deepEqual(parseRuntimeUri("docker://web/srv/a%20b?c#d"), {
    type: "docker",
    containerId: "web",
    workdir: "/srv/a%20b?c#d",
  });
  assert.deepEqual(parseRuntimeUri("docker-image:debian:12"), { type: "docker", image: "debian:12" });
  assert.deepEqual(parseRuntimeUri("docker-image:localhost:5000/team/app@sha256:0123"), {
    type: "docker",
    image: "localhost:5000/team/app@sha256:0123",
  });
});

test("what is none is refused with a reason", () => {
  for (const [uri, reason] of [
    ["local:srv", /absolute/],
    ["local://srv", /absolute/],
    ["docker:web", /two slashes/],
    ["docker://", /container is missing/],
    ["docker:///srv", /container is missing/],
    ["docker-image:", /image is missing/],
    ["docker-image://debian", /no slashes/],
    ["podman://x", /starts with none of/],
    ["local:/a\0b", /NUL/],
  ] as const) {
    assert.throws(
      () => parseRuntimeUri(uri),
      (error) => isBerthError(error, "runtime.uri_invalid") && reason.test(error.message),
      uri,
    );
  }
  assert.throws(() => parseRuntimeUri("docker://we b"), { code: "config.invalid" });
});

test("a name is not a URI", () => {
  assert.ok(!isRuntimeUri("devbox"));
  assert.ok(!isRuntimeUri("Local:"));
  assert.ok(isRuntimeUri("local:"));
});

test("whatever is given, a configuration or a typed error comes out", () => {
  fc.assert(
    fc.property(
      fc.tuple(fc.constantFrom("local:", "docker://", "docker-image:", ""), fc.string()),
      ([prefix, rest]) => {
        try {
          const config = parseRuntimeUri(prefix + rest);
          assert.ok(config.type === "local" || config.type === "docker");
        } catch (error) {
          assert.ok(isBerthError(error));
        }
      },
    ),
  );
});
