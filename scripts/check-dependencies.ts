import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/**
 * Checks that imports go one way only (docs/architecture.md): each room names the rooms that it may import. Only the
 * composition file may load what its room may not, and only by a dynamic import.
 */
const ALLOWED: Record<string, readonly string[]> = {
  contract: [],
  files: ["contract"],
  wire: ["contract"],
  berthd: ["contract", "files", "wire"],
  transports: ["contract", "files"],
  runtimes: ["contract", "files", "wire", "transports"],
  store: ["contract", "files"],
  workspaces: ["contract", "transports", "runtimes", "store", "events"],
  tools: ["contract", "files"],
  api: ["contract"],
  events: ["contract", "store"],
  runner: [
    "contract",
    "files",
    "wire",
    "transports",
    "runtimes",
    "store",
    "workspaces",
    "events",
    "api",
    "tools",
    "mcp",
  ],
  client: ["contract", "api"],
  mcp: ["contract", "tools"],
  cli: [
    "contract",
    "api",
    "tools",
    "mcp",
    "runtimes",
    "transports",
    "store",
    "workspaces",
    "events",
    "runner",
    "client",
  ],
  "index.ts": ["contract", "runtimes", "workspaces", "tools"],
};
const COMPOSITION_FILE = "runtimes/factory.ts";
const COMPOSITION_ROOMS = ["berthd"];

/** The page runs in browsers: of ours it has the client and what that is made of. */
const PAGE = ["client", "api", "contract"];

const checkout = resolve(import.meta.dirname, "..");
const root = join(checkout, "src");
const problems: string[] = [];
let files = 0;
for (const path of readdirSync(root, { recursive: true, encoding: "utf8" })) {
  if (!path.endsWith(".ts") || /\.(test|testing)\.ts$/.test(path) || /(^|\/)testing\.ts$/.test(path))
    continue;
  files += 1;
  const room = roomOf(path);
  const allowed = ALLOWED[room];
  if (allowed === undefined) {
    problems.push(`${path}: the room ${room} is not in the table of rooms`);
    continue;
  }
  const text = readFileSync(join(root, path), "utf8");
  for (const match of text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)"(\.{1,2}\/[^"]+)"/g)) {
    const target = roomOf(relative(root, resolve(root, dirname(path), match[1] ?? "")));
    if (target === room || allowed.includes(target)) continue;
    const composed =
      path === COMPOSITION_FILE && match[0].startsWith("import(") && COMPOSITION_ROOMS.includes(target);
    if (!composed) problems.push(`${path}: ${room} must not import ${target} (${match[1]})`);
  }
}

for (const path of readdirSync(join(checkout, "web", "src"), { recursive: true, encoding: "utf8" })) {
  if (!/\.tsx?$/.test(path)) continue;
  files += 1;
  const from = join(checkout, "web", "src", path);
  for (const [, name = ""] of readFileSync(from, "utf8").matchAll(/"(\.{1,2}\/[^"]+)"/g)) {
    const target = relative(root, resolve(dirname(from), name));
    if (!target.startsWith("..") && !PAGE.includes(roomOf(target)))
      problems.push(`web/src/${path}: the page must not import ${roomOf(target)} (${name})`);
  }
}

function roomOf(path: string): string {
  return path.split("/")[0] ?? path;
}

if (problems.length > 0) {
  process.stderr.write(`${problems.join("\n")}\n`);
  process.exit(1);
}
process.stdout.write(`dependency directions: ${files} files in order\n`);
