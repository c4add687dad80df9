import assert from "node:assert/strict";
import { test } from "node:test";
import { derivedImageName, parseImageReference } from "./image-reference.ts";

test("references are taken apart as the engine does", () => {
  const cases: [string, string, string, string | undefined, string | undefined][] = [
    ["debian", "docker.io", "debian", undefined, undefined],
    ["debian:12", "docker.io", "debian", "12", undefined],
    ["team/app:1", "docker.io", "team/app", "1", undefined],
    ["localhost/app", "localhost", "localhost/app", undefined, undefined],
    ["127.0.0.1:5000/a/b", "127.0.0.1:5000", "127.0.0.1:5000/a/b", undefined, undefined],
    ["reg.example/a/b:t", "reg.example", "reg.example/a/b", "t", undefined],
    ["reg.example:5/a@sha256:00ff", "reg.example:5", "reg.example:5/a", undefined, "sha256:00ff"],
    ["a:t@sha256:00ff", "docker.io", "a", "t", "sha256:00ff"],
  ];
  for (const [reference, registry, name, tag, digest] of cases) {
    assert.deepEqual(parseImageReference(reference), { registry, name, tag, digest }, reference);
  }
});

test("the derived image is named after its base", () => {
  const id = `sha256:${"ab".repeat(32)}`;
  assert.equal(derivedImageName("debian:12", id), "debian_berth:12");
  assert.equal(derivedImageName("reg.example:5/a", id), "reg.example:5/a_berth:latest");
  assert.equal(derivedImageName("a@sha256:0123456789abcdef", id), "a_berth:0123456789ab");
  assert.equal(derivedImageName(id, id), "berth_berth:abababababab");
});
