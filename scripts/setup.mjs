// What `npm start` and `npm test` share: they install and build what is missing, and say so. Runs on Node ≥ 18.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const binaries = join(root, "node_modules", ".bin");
/** The Node that the package asks for, whatever Node runs npm. */
export const node = join(binaries, "node");

/** The environment of what these scripts start: the checkout's own programs first. */
export function childEnvironment(more) {
  return { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH}`, ...more };
}

/** Runs a step with its output shown; ends this process where it fails. */
export function step(title, command, args, options = {}) {
  if (title !== undefined) process.stderr.write(`\n› ${title}\n`);
  const { status, signal, error } = spawnSync(command, args, {
    cwd: options.cwd ?? root,
    stdio: options.quiet ? ["inherit", 2, "inherit"] : "inherit",
    env: childEnvironment(options.env),
  });
  if (error) process.stderr.write(`${command}: ${error.message}\n`);
  if (options.mayFail) return status ?? 1;
  if (status !== 0) process.exit(status ?? (signal === "SIGINT" ? 130 : 1));
  return 0;
}

/** Packages as the lock file says; again when it has changed. */
export function ensureInstalled() {
  const lock = readFileSync(join(root, "package-lock.json"));
  if (stampIs("installed", lock) && existsSync(node)) return;
  step("installing packages (npm ci)", "npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    quiet: true,
  });
  stamp("installed", lock);
}

/** dist/ from the sources; again when one of them has changed. */
export function ensureBuilt() {
  const sources = hashOf(
    ["src", "native", "scripts", "web"],
    ["package.json", "tsconfig.json", "tsconfig.build.json"],
  );
  if (stampIs("built", sources) && existsSync(join(root, "dist", "command", "main.js"))) return;
  step("building (npm run build)", "npm", ["run", "--silent", "build"], { quiet: true });
  stamp("built", sources);
}

function hashOf(directories, files) {
  const hash = createHash("sha256");
  const paths = [...files];
  for (const directory of directories) {
    for (const path of readdirSync(join(root, directory), { recursive: true, withFileTypes: true })) {
      if (path.isFile()) paths.push(join(path.parentPath ?? path.path, path.name).slice(root.length + 1));
    }
  }
  for (const path of paths.sort()) {
    if (path.startsWith("native/build/")) continue;
    hash.update(path).update(readFileSync(join(root, path)));
  }
  return hash.digest();
}

const stampPath = (name) => join(root, "node_modules", ".berth", name);
const digest = (content) => createHash("sha256").update(content).digest("hex");

function stampIs(name, content) {
  return existsSync(stampPath(name)) && readFileSync(stampPath(name), "utf8") === digest(content);
}

function stamp(name, content) {
  mkdirSync(dirname(stampPath(name)), { recursive: true });
  writeFileSync(stampPath(name), digest(content));
}
