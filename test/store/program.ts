// A program of its own that uses a registry, for the tests that kill it or run many at once. What it has done it writes
// to stdout, a line each; it goes on when a line comes to its stdin.
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { isBerthError } from "../../src/contract/errors.ts";
import { takeLock } from "../../src/store/file-lock.ts";
import { openRegistry } from "../../src/workspaces/registry/open.ts";
import type { Registry } from "../../src/workspaces/registry/registry.ts";

const [mode = "", place = "", ...args] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** At once, whatever becomes of this process. */
function say(text: string): void {
  writeSync(1, `${text}\n`);
}

async function go(): Promise<void> {
  say("ready");
  await lines.next();
}

/** Reserves a name, as soon as it is told to. */
async function reserve(registry: Registry, projectId: string, name: string): Promise<void> {
  await go();
  const id = registry.newWorkspaceId();
  await using operation = await registry.operation(id, "create");
  const row = { branch: name, startCommit: null, runtime: { type: "worktree" } as const };
  try {
    await registry.reserve({ id, name, projectId, ...row, ownsCheckout: true, ownsBranch: true }, operation);
    say(`reserved ${id}`);
  } catch (error) {
    if (!isBerthError(error)) throw error;
    say(error.code);
  }
}

/** Writes numbered entries and events until it is killed or has written `count`; says what has been committed. */
async function write(registry: Registry, id: string, count: number): Promise<void> {
  const journal = registry.journal(id);
  await go();
  for (let at = 0; at < count; at++) {
    const [entry] = await journal.plan({ kind: "ref", at, padding: "x".repeat((at % 7) * 300) });
    if (entry !== undefined && at % 3 === 0) await journal.done(entry);
    await registry.record(id, { type: "workspace.tick", message: String(at) });
    say(`committed ${at}`);
  }
}

/** Holds a workspace's operation until it is killed. */
async function hold(registry: Registry, id: string): Promise<void> {
  await using _operation = await registry.operation(id, "fork");
  await go();
}

/** Takes a lock over and over, removing its file; says when two had it at once. */
async function contend(path: string, rounds: number): Promise<void> {
  const { mkdirSync, rmdirSync } = await import("node:fs");
  await go();
  for (let round = 0; round < rounds; round++) {
    const lock = await takeLock(path, { waitMs: 60_000 });
    try {
      // Only one can make a directory.
      mkdirSync(`${path}.inside`);
      rmdirSync(`${path}.inside`);
    } catch (error) {
      say(`two at once: ${(error as Error).message}`);
    }
    lock?.release({ remove: round % 2 === 0 });
  }
  say("done");
}

if (mode === "contend") {
  await contend(place, Number(args[0]));
} else {
  await using registry = await openRegistry(place);
  if (mode === "reserve") await reserve(registry, args[0] ?? "", args[1] ?? "");
  else if (mode === "write") await write(registry, args[0] ?? "", Number(args[1]));
  else if (mode === "hold") await hold(registry, args[0] ?? "");
  else throw new Error(`no such mode: ${mode}`);
}
process.stdin.destroy();
