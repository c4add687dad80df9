import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../contract/errors.ts";
import { parseBerthFile } from "./berth-yaml.ts";
import { findBerthFile } from "./find-berth-file.ts";
import { nearest, unknownRuntime } from "./runtime-names.ts";

const FILE = `# of a project
runtimes:
  here: "local:"
  web:
    type: docker
    containerId: web-1
    env: { MODE: test }
  sub:
    type: local
    workdir: packages/app
default: web
`;

test("names lead to configurations and URIs", () => {
  const file = parseBerthFile(FILE, "/project/berth.yaml");
  assert.deepEqual(file.runtimes.get("here"), { type: "local" });
  assert.deepEqual(file.runtimes.get("web"), {
    type: "docker",
    containerId: "web-1",
    env: { MODE: "test" },
  });
  assert.deepEqual(file.runtimes.get("sub"), { type: "local", workdir: "/project/packages/app" });
  assert.equal(file.defaultName, "web");
});

test("the nearest file upwards is read", async () => {
  const root = await mkdtemp(join(tmpdir(), "berth-yaml-"));
  try {
    await mkdir(join(root, "a/b"), { recursive: true });
    await writeFile(join(root, "berth.yaml"), FILE);
    assert.equal((await findBerthFile(join(root, "a/b")))?.path, join(root, "berth.yaml"));
    await writeFile(join(root, "a/berth.yaml"), "runtimes: {}\n");
    assert.equal((await findBerthFile(join(root, "a/b")))?.path, join(root, "a/berth.yaml"));
  } finally {
    await rm(root, { recursive: true });
  }
});

test("an error names the file and the line", () => {
  const cases: [string, string, RegExp][] = [
    ["runtimes:\n  web:\n    type: docker\n    containerld: x\n", "config.invalid", /p\/berth\.yaml:2/],
    [
      "runtimes:\n  web:\n    type: docker\n    containerId: x\n    workdr: /x\n",
      "config.invalid",
      /:\d: .*workdr/,
    ],
    ["runtimes:\n  web: [\n", "config.file_invalid", /berth\.yaml:\d/],
    ["runtime:\n  web: x\n", "config.file_invalid", /berth\.yaml:1: .*runtime/],
    ["runtimes:\n  a: 'local:'\n  b: dokcer://x\n", "runtime.uri_invalid", /berth\.yaml:3/],
    ["runtimes:\n  a: { type: vm }\n", "runtime.type_unsupported", /berth\.yaml:2/],
    ["runtimes:\n  a: 'local:'\ndefault: b\n", "config.unknown_runtime", /berth\.yaml:3/],
  ];
  for (const [text, code, message] of cases) {
    assert.throws(
      () => parseBerthFile(text, "/p/berth.yaml"),
      (error) => {
        assert.ok(isBerthError(error), String(error));
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
      },
      text,
    );
  }
});

test("an empty file is valid", () => {
  assert.equal(parseBerthFile("", "/p/berth.yaml").runtimes.size, 0);
});

test("a wrong name gets the nearest one as suggestion", () => {
  assert.match(unknownRuntime("wbe", ["web", "here"]).hint, /Did you mean web\?/);
  assert.equal(nearest("heer", ["web", "here"]), "here");
  assert.equal(nearest("production", ["web", "here"]), undefined);
});
