// `npm test`: install, build, lint, types, dependency directions, then every test in one run of Node's test runner.
// Further arguments are patterns of test files: npm test -- "test/conformance/local*.test.ts"
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, node, root, step } from "./setup.mjs";

ensureInstalled();
// Only this Node is new enough for what follows.
if (Number(process.versions.node.split(".")[0]) < 24) {
  process.exit(step(undefined, node, [process.argv[1], ...process.argv.slice(2)], { mayFail: true }));
}
const { globSync } = await import("node:fs");
const patterns = process.argv.slice(2);
// Before the build, which writes one of them.
if (patterns.length === 0) step("generated pages", node, ["scripts/generate-docs.ts", "--check"]);
ensureBuilt();
if (patterns.length === 0) {
  step("format and lint", "biome", ["ci", "--error-on-warnings", "."]);
  step("types", "tsc", ["--noEmit"]);
  step("dependency directions", node, ["scripts/check-dependencies.ts"]);
}
const all = ["{src,native,scripts}/**/*.test.ts", "test/**/*.test.ts"];
const files = globSync(patterns.length > 0 ? patterns : all, {
  cwd: root,
  exclude: (path) => path.includes("node_modules"),
}).sort();
if (files.length === 0) {
  process.stderr.write("no test file matches\n");
  process.exit(1);
}
// What is not on every machine and nothing works without; each test installs by itself what only it needs.
if (spawnSync("git", ["--version"]).status !== 0) {
  const { ensurePackages } = await import("../test/fixtures/install.ts");
  await ensurePackages(["git"]);
}
const long = process.env.BERTH_LONG === "1";
// Only what this run finds out counts for docs/capabilities.md.
const record = mkdtempSync(join(tmpdir(), "berth-conformance-"));
process.on("exit", () => rmSync(record, { recursive: true, force: true }));
process.exitCode = step(
  `tests: ${files.length} files${long ? ", long loops" : ""}`,
  node,
  [
    "--test",
    "--test-concurrency=2",
    `--test-timeout=${long ? 3_600_000 : 600_000}`,
    "--test-reporter=spec",
    ...files,
  ],
  { mayFail: true, env: { BERTH_CONFORMANCE_RECORD: record } },
);
// Says nothing when all is well: the test runner's closing lines come last.
if (patterns.length === 0 && process.exitCode === 0) {
  process.exitCode = step(undefined, node, ["scripts/capability-matrix.ts", "--check"], {
    mayFail: true,
    env: { BERTH_CONFORMANCE_RECORD: record },
  });
}
