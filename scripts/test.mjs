// `npm test`: install, build, lint, types, dependency directions, then every test in one run of Node's test runner.
// Further arguments are patterns of test files: npm test -- "test/conformance/local*.test.ts"
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { childEnvironment, ensureBuilt, ensureInstalled, node, root, step } from "./setup.mjs";

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
  step("types of the page", "tsc", ["-p", "web"]);
  step("dependency directions", node, ["scripts/check-dependencies.ts"]);
}
const all = ["{src,native,scripts,web}/**/*.test.ts", "test/**/*.test.ts"];
const files = spread(
  globSync(patterns.length > 0 ? patterns : all, {
    cwd: root,
    exclude: (path) => path.includes("node_modules"),
  }).sort(),
);
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
process.stderr.write(`\n› tests: ${files.length} files${long ? ", long loops" : ""}\n`);
const runner = spawn(
  node,
  [
    "--import",
    join(root, "scripts", "test-guard.mjs"),
    "--test",
    "--test-concurrency=2",
    `--test-timeout=${long ? 3_600_000 : 420_000}`,
    "--test-reporter=spec",
    ...files,
  ],
  {
    cwd: root,
    stdio: "inherit",
    env: childEnvironment({
      BERTH_CONFORMANCE_RECORD: record,
      // Hundreds of processes load the same sources: their types are stripped, and they are compiled, once.
      NODE_COMPILE_CACHE: join(root, "node_modules", ".berth", "compile-cache"),
    }),
  },
);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => runner.kill(signal));
const overdue = endOverdueFiles(runner.pid, long ? 14_400_000 : 600_000);
process.exitCode = await new Promise((resolve, reject) => {
  runner.on("error", reject);
  runner.on("close", (status) => resolve(status ?? 1));
});
for (const line of overdue.stop()) process.stderr.write(`${line}\n`);
// Says nothing when all is well: the test runner's closing lines come last.
if (patterns.length === 0 && process.exitCode === 0) {
  process.exitCode = step(undefined, node, ["scripts/capability-matrix.ts", "--check"], {
    mayFail: true,
    env: { BERTH_CONFORMANCE_RECORD: record },
  });
}

/**
 * The files in the order in which they start. A place of the conformance suite takes all of a processor and the better part
 * of a minute, most other files wait for most of their time: places are spread evenly among the others, so that there is
 * hardly ever one beside another, and none of them is the last.
 */
function spread(sorted) {
  const isPlace = (path) => path.startsWith("test/conformance/");
  const places = sorted.filter(isPlace);
  const others = sorted.filter((path) => !isPlace(path));
  const between = others.length / places.length;
  // Half a step before the first place and behind the last one.
  const start = (index) => Math.round((index + 0.5) * between);
  return places.length === 0
    ? others
    : [
        ...others.slice(0, start(0)),
        ...places.flatMap((place, index) => [
          place,
          ...others.slice(start(index), index + 1 === places.length ? undefined : start(index + 1)),
        ]),
      ];
}

/**
 * Ends test files that run for longer than `deadlineMs`, from outside: a file whose loop is blocked ends itself neither by
 * the test runner's timeout nor by the guard (scripts/test-guard.mjs).
 */
function endOverdueFiles(runnerPid, deadlineMs) {
  const since = new Map();
  const ended = [];
  const timer = setInterval(
    () => {
      const { stdout } = spawnSync("ps", ["-A", "-o", "pid=", "-o", "ppid=", "-o", "args="], {
        encoding: "utf8",
      });
      const running = new Map();
      for (const line of (stdout ?? "").split("\n")) {
        const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
        if (Number(parent) === runnerPid) running.set(Number(pid), command);
      }
      for (const pid of since.keys()) if (!running.has(pid)) since.delete(pid);
      for (const [pid, command] of running) {
        if (!since.has(pid)) since.set(pid, performance.now());
        if (performance.now() - since.get(pid) < deadlineMs) continue;
        const file = /\S+\.test\.\w+/.exec(command)?.[0] ?? command;
        ended.push(`✖ ${file}: ended after ${deadlineMs / 60_000} minutes`);
        process.stderr.write(`\n${ended.at(-1)}\n`);
        process.kill(pid, "SIGKILL");
      }
    },
    Math.min(10_000, deadlineMs / 4),
  );
  return {
    stop() {
      clearInterval(timer);
      return ended;
    },
  };
}
