import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildCommandBundle, plainBuiltins } from "./bundle.ts";

/** Packages that others of the bundle can do without. */
const OPTIONAL = new Set(["bufferutil", "utf-8-validate"]);

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

test("imports of Node's modules become what they mean, before all else", () => {
  const text = [
    'import { join } from "./chunk.js";',
    'import * as net from "node:net";',
    "net.isIP(join());",
    'import fs, { open as openFile, rm } from "node:fs";',
    'import os from "node:os";',
    'const util = __require("util");',
    // A variable of that name in a package must not be in its own way.
    'var process = __require("node:process");',
    // What is not installed throws, as a package that tries it expects.
    'const fast = __require("bufferutil");',
    "",
  ].join("\n");
  assert.deepEqual(plainBuiltins(text).split("\n"), [
    'const net = globalThis.process.getBuiltinModule("node:net");',
    'const fs = globalThis.process.getBuiltinModule("node:fs");',
    'const { open: openFile, rm } = globalThis.process.getBuiltinModule("node:fs");',
    'const os = globalThis.process.getBuiltinModule("node:os");',
    'import { join } from "./chunk.js";',
    "net.isIP(join());",
    'const util = globalThis.process.getBuiltinModule("util");',
    'var process = globalThis.process.getBuiltinModule("node:process");',
    'const fast = __require("bufferutil");',
    "",
  ]);
});

test("the bundle runs from anywhere in the package and loads no fetch client to say who it is", async (t) => {
  // Below dist, since packages that are not bundled are looked for from there.
  const directory = mkdtempSync(join(root, "dist", "command-test-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  await buildCommandBundle({ root, directory });
  for (const name of readdirSync(directory).filter((file) => file.endsWith(".js"))) {
    const text = readFileSync(join(directory, name), "utf8");
    assert.doesNotMatch(text, /^import .*"node:/m, `${name} imports a module of Node's`);
    for (const [, module = ""] of text.matchAll(/__require\("([^"]+)"\)/g)) {
      assert.ok(OPTIONAL.has(module), `${name} requires ${module}, which nothing answers`);
    }
  }
  assert.match(readFileSync(join(directory, "licenses.txt"), "utf8"), /^zod [\s\S]*MIT License/m);
  const script = `
      const { run } = await import(${JSON.stringify(pathToFileURL(join(directory, "main.js")).href)});
      await run(["node", "berth", "--version"]);
      const loaded = process.moduleLoadList.filter((name) => /undici/.test(name));
      if (loaded.length > 0) throw new Error("loaded: " + loaded.join());
    `;
  const out = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
  });
  assert.match(out, /^\d+\.\d+\.\d+\n$/);
});
