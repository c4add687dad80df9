import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { parseBerthFile } from "../../src/runtimes/berth-yaml.ts";
import { RUNTIME_TYPES } from "../../src/runtimes/factory.ts";
import { berthFileJsonSchema, type JsonSchema, SCHEMA_PATH } from "./berth-file.ts";
import { isValid } from "./validate.testing.ts";

const shipped = JSON.parse(
  readFileSync(join(import.meta.dirname, "../..", SCHEMA_PATH), "utf8"),
) as JsonSchema;

function accepted(text: string): boolean {
  try {
    parseBerthFile(text, "/p/berth.yaml");
    return true;
  } catch {
    return false;
  }
}

const GOOD = [
  "{}",
  "runtimes: {}",
  'default: here\nruntimes:\n  here: "local:"\n',
  "runtimes:\n  a: { type: local, workdir: packages/app, env: { MODE: test } }\n",
  "runtimes:\n  a: { type: worktree, baseDir: ~/trees, processLogDir: ~/logs }\n",
  "runtimes:\n  a: { type: docker, containerId: web, pathMap: [{ host: /a, container: /b }], engine: { context: c } }\n",
  "runtimes:\n  a:\n    type: docker\n    image: node:24\n    mounts: [{ source: data, target: /data }]\n    ports: [{ container: 80 }]\n    cpus: 0.5\n    memoryBytes: 1073741824\n    pull: never\n",
  "runtimes:\n  a:\n    type: ssh\n    host: dev@box\n    port: 22\n    password: { command: [pass, show, box] }\n    hostKeys: accept-new\n    baseDir: /srv/berth\n",
  "workspaces: { runtime: 'ssh://box', branchPrefix: agents/, protectedBranches: [main, 'release/*'], trunk: main, updateTimeout: 1.5m }",
];

const BAD = [
  "[]",
  "runtime: {}",
  "runtimes: []",
  "runtimes:\n  a b: 'local:'\n",
  "runtimes:\n  a: somewhere\n",
  "runtimes:\n  a: { type: local, workdri: /x }\n",
  "runtimes:\n  a: { type: local, workdir: '' }\n",
  "runtimes:\n  a: { type: local, daemon: always }\n",
  "runtimes:\n  a: { type: local, stateDir: state }\n",
  "runtimes:\n  a: { type: local, env: { 1X: y } }\n",
  "runtimes:\n  a: { type: local, env: { X: 1 } }\n",
  "runtimes:\n  a: { type: local, workspace: w0123456789 }\n",
  "runtimes:\n  a: { type: worktree, baseDir: trees }\n",
  "runtimes:\n  a: { type: docker }\n",
  "runtimes:\n  a: { type: docker, containerId: a, image: b }\n",
  "runtimes:\n  a: { type: docker, image: b, ports: [{ container: 70000 }] }\n",
  "runtimes:\n  a: { type: docker, image: b, cpus: 0 }\n",
  "runtimes:\n  a: { type: docker, image: b, mounts: [{ target: /x }] }\n",
  "runtimes:\n  a: { type: ssh }\n",
  "runtimes:\n  a: { type: ssh, host: box, port: '22' }\n",
  "runtimes:\n  a: { type: ssh, host: box, password: secret }\n",
  "runtimes:\n  a: { type: ssh, host: box, password: { command: [] } }\n",
  "workspaces: []",
  "workspaces: { branch: x }",
  "workspaces: { updateTimeout: 20 }",
  "workspaces: { updateTimeout: soon }",
  "workspaces: { trunk: a..b }",
  "workspaces: { trunk: main/ }",
  "workspaces: { branchPrefix: -x }",
  "workspaces: { protectedBranches: main }",
];

test("the JSON Schema that ships takes what Berth takes, and refuses what it refuses", () => {
  for (const text of GOOD) {
    assert.ok(accepted(text), `Berth refuses ${text}`);
    assert.ok(isValid(shipped, parse(text)), `the schema refuses ${text}`);
  }
  for (const text of BAD) {
    assert.ok(!accepted(text), `Berth takes ${text}`);
    assert.ok(!isValid(shipped, parse(text)), `the schema takes ${text}`);
  }
});

test("the examples of the documentation are valid", () => {
  const pages = ["berth-yaml.md", "cli.md", "ssh.md", "workspaces.md"];
  for (const page of pages) {
    const text = readFileSync(join(import.meta.dirname, "../../docs", page), "utf8");
    const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
    assert.ok(blocks.length > 0, page);
    for (const block of blocks) {
      parseBerthFile(block, `docs/${page}`);
      assert.ok(isValid(shipped, parse(block)), `${page}: ${block}`);
    }
  }
});

test("every type of runtime and every field of it is described", () => {
  const schema = berthFileJsonSchema();
  const runtimes = schema.properties?.runtimes?.additionalProperties as JsonSchema;
  const types = (runtimes.anyOf ?? []).flatMap(({ properties }) => properties?.type?.const ?? []);
  assert.deepEqual([...new Set(types)].sort(), [...RUNTIME_TYPES].sort());
  const silent: string[] = [];
  const look = (node: JsonSchema, path: string): void => {
    for (const [field, inner] of Object.entries(node.properties ?? {})) {
      if (field !== "type" && inner.description === undefined) silent.push(`${path}.${field}`);
      look(inner, `${path}.${field}`);
    }
    for (const inner of [node.items, node.additionalProperties, ...(node.anyOf ?? [])]) {
      if (typeof inner === "object") look(inner, path);
    }
  };
  look(schema, "");
  assert.deepEqual(silent, []);
});
