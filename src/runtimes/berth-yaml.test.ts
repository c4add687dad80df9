import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../contract/errors.ts";
import { parseBerthFile } from "./berth-yaml.ts";
import { findBerthFile } from "./find-berth-file.ts";
import { resolveRuntime } from "./open.ts";
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
    ["workspaces:\n  runtimes: x\n", "config.file_invalid", /berth\.yaml:2: .*runtimes/],
    ["workspaces:\n  runtime: box\n", "config.unknown_runtime", /berth\.yaml:2/],
    ["workspaces:\n  updateTimeout: 20\n", "config.file_invalid", /berth\.yaml:2: workspaces\.updateTimeout/],
    ["workspaces:\n  updateTimeout: soon\n", "config.file_invalid", /:2: .*not a duration.*20s/],
    ["workspaces:\n  trunk: a..b\n", "config.file_invalid", /:2: workspaces\.trunk: .*branch/],
    ["workspaces:\n  branchPrefix: '-x'\n", "config.file_invalid", /:2: workspaces\.branchPrefix/],
    ["workspaces:\n  protectedBranches: main\n", "config.file_invalid", /:2: workspaces\.protectedB/],
    ["runtimes:\n  a:\n    type: local\n    workspace: w0123456789\n", "config.invalid", /:4: .*by Berth/],
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
  const { runtimes, workspaces } = parseBerthFile("", "/p/berth.yaml");
  assert.equal(runtimes.size, 0);
  assert.deepEqual(workspaces, {});
});

test("settings of workspaces", () => {
  const text = `runtimes: { box: "ssh://box", cloud: { type: vm, region: eu } }
workspaces:
  runtime: cloud
  branchPrefix: agents/ü/
  protectedBranches: [main, "release/*"]
  trunk: develop
  updateTimeout: 1.5m
`;
  assert.deepEqual(parseBerthFile(text, "/p/berth.yaml").workspaces, {
    runtime: "cloud",
    branchPrefix: "agents/ü/",
    protectedBranches: ["main", "release/*"],
    trunk: "develop",
    updateTimeoutMs: 90_000,
  });
  assert.deepEqual(parseBerthFile("workspaces: { runtime: 'worktree:' }", "/p/berth.yaml").workspaces, {
    runtime: "worktree:",
  });
});

test("a type of a later version is in nobody's way until its runtime is used", async () => {
  const root = await mkdtemp(join(tmpdir(), "berth-yaml-"));
  try {
    const text =
      'default: cloud\nruntimes:\n  here: "local:"\n  cloud:\n    type: vm\n    region: eu\n  new: { type: nomad, job: 1 }\n';
    await writeFile(join(root, "berth.yaml"), text);
    const file = await findBerthFile(root);
    assert.deepEqual(
      [...(file?.later ?? [])].map(([name, { type, value }]) => [name, type, value]),
      [
        ["cloud", "vm", { type: "vm", region: "eu" }],
        ["new", "nomad", { type: "nomad", job: 1 }],
      ],
    );
    const at = { projectDirectory: root };
    assert.deepEqual((await resolveRuntime("here", at)).config, { type: "local" });
    await assert.rejects(resolveRuntime(undefined, at), {
      code: "runtime.type_unsupported",
      message: /berth\.yaml:4: .*vm/,
    });
    await assert.rejects(resolveRuntime("new", at), { code: "config.invalid", message: /:7: .*"nomad"/ });
    await assert.rejects(resolveRuntime("nwe", at), { code: "config.unknown_runtime", hint: /new\?/ });
  } finally {
    await rm(root, { recursive: true });
  }
});

test("a runner's workspace has a name like any other runtime, and its token is not the file's to choose", () => {
  const remote = (token: string) =>
    `runtimes: { box: { type: remote, url: "https://box", workspace: fix${token} }, uri: "runner://box/fix" }`;
  const { runtimes } = parseBerthFile(remote(""), "/p/berth.yaml");
  assert.deepEqual(runtimes.get("box"), { type: "remote", url: "https://box", workspace: "fix" });
  assert.equal(runtimes.get("uri")?.type, "remote");
  assert.throws(() => parseBerthFile(remote(", token: { env: AWS_SECRET }"), "/p/berth.yaml"), {
    code: "config.invalid",
    message: /token: a project's file does not say/,
  });
});

test("a wrong name gets the nearest one as suggestion", () => {
  assert.match(unknownRuntime("wbe", ["web", "here"]).hint, /Did you mean web\?/);
  assert.equal(nearest("heer", ["web", "here"]), "here");
  assert.equal(nearest("production", ["web", "here"]), undefined);
});
