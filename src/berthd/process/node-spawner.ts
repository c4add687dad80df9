import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, constants, promises as fs, openSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { descendants } from "./process-table.ts";
import type { SpawnEvents, SpawnedProcess, Spawner, SpawnSpec } from "./spawner.ts";

const run = promisify(execFile);
/** How often a tree that outlives its command is looked at. */
const ORPHAN_POLL_MS = 500;

/**
 * Starts processes where `berth-helper` can't run (a file system mounted noexec, another processor): FIFOs made by
 * `mkfifo`, trees by descent, no terminals, no other users. A child that leaves both its group and its ancestors isn't found.
 */
export class NodeSpawner implements Spawner {
  readonly processTree: "best-effort" | "group";
  readonly tty = false;
  readonly #directory: string;
  readonly #live = new Set<NodeProcess>();

  /** `directory` holds the FIFOs for the moment of a start. */
  constructor(directory: string, processTree: "best-effort" | "group" = "best-effort") {
    this.#directory = directory;
    this.processTree = processTree;
  }

  spawn(spec: SpawnSpec, events: SpawnEvents): void {
    void this.#spawn(spec, events).catch(async (cause: unknown) =>
      events.failed(await toStartError(cause, spec)),
    );
  }

  async #spawn(spec: SpawnSpec, events: SpawnEvents): Promise<void> {
    if (spec.tty !== undefined) {
      throw berthError("runtime.capability_unsupported", { hop: "berthd", context: { capability: "tty" } });
    }
    if (spec.user !== undefined) {
      // Node would start it without the supplementary groups.
      throw berthError("runtime.capability_unsupported", { hop: "berthd", context: { capability: "user" } });
    }
    await checkCwd(spec);
    const pipes = await this.#makePipes(spec);
    let child: ChildProcess;
    try {
      child = spawn(spec.argv[0] ?? "", spec.argv.slice(1), {
        cwd: spec.cwd,
        env: Object.fromEntries(spec.env),
        stdio: [pipes.childStdin, pipes.childStdout, pipes.childStderr],
        detached: true,
      });
      await started(child);
    } catch (cause) {
      pipes.close();
      throw cause;
    }
    pipes.closeChildEnds();
    const process = new NodeProcess(child, pipes, events, () => this.#live.delete(process));
    this.#live.add(process);
    events.started(process);
    process.watch();
  }

  async #makePipes(spec: SpawnSpec): Promise<Pipes> {
    const base = join(this.#directory, `pipe-${randomBytes(6).toString("hex")}`);
    const names = ["0", "1", "2"].map((suffix) => `${base}.${suffix}`);
    await run("/bin/sh", ["-c", 'umask 077; exec mkfifo "$@"', "sh", ...names]).catch((cause: Error) => {
      const reason = `mkfifo: ${cause.message.trim()}`;
      throw berthError("process.spawn_failed", { hop: "berthd", context: { reason } });
    });
    try {
      // Read and write at once never blocks on Linux; the ends proper are opened beside it.
      const both = names.map((name) => openSync(name, constants.O_RDWR | constants.O_NONBLOCK));
      const open = (index: number, flags: number): number => openSync(names[index]!, flags);
      const merge = spec.stderr === "merge";
      const childStdin = spec.stdin === "pipe" ? open(0, constants.O_RDONLY) : openSync("/dev/null", "r");
      const stdin = spec.stdin === "pipe" ? open(0, constants.O_WRONLY | constants.O_NONBLOCK) : undefined;
      const childStdout = open(1, constants.O_WRONLY);
      const stdout = open(1, constants.O_RDONLY | constants.O_NONBLOCK);
      const childStderr = merge ? childStdout : open(2, constants.O_WRONLY);
      const stderr = merge ? undefined : open(2, constants.O_RDONLY | constants.O_NONBLOCK);
      for (const descriptor of both) closeSync(descriptor);
      return new Pipes(childStdin, childStdout, childStderr, stdin, stdout, stderr);
    } finally {
      await Promise.all(names.map((name) => fs.rm(name, { force: true })));
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#live].map((process) => process.killTree(2000)));
  }
}

class Pipes {
  readonly childStdin: number;
  readonly childStdout: number;
  readonly childStderr: number;
  readonly stdin: number | undefined;
  readonly stdout: number;
  readonly stderr: number | undefined;

  constructor(
    childStdin: number,
    childStdout: number,
    childStderr: number,
    stdin: number | undefined,
    stdout: number,
    stderr: number | undefined,
  ) {
    this.childStdin = childStdin;
    this.childStdout = childStdout;
    this.childStderr = childStderr;
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  closeChildEnds(): void {
    for (const descriptor of new Set([this.childStdin, this.childStdout, this.childStderr]))
      closeSync(descriptor);
  }

  close(): void {
    this.closeChildEnds();
    for (const descriptor of [this.stdin, this.stdout, this.stderr])
      if (descriptor !== undefined) closeSync(descriptor);
  }
}

class NodeProcess implements SpawnedProcess {
  readonly pid: number;
  readonly startTime = 0;
  readonly stdin: number | undefined;
  readonly stdout: number;
  readonly stderr: number | undefined;
  readonly #child: ChildProcess;
  readonly #events: SpawnEvents;
  readonly #onEmpty: () => void;
  /** Seen as descendants while the command lived; they are looked for when it is gone. */
  #known = new Map<number, number>();
  #exited = false;

  constructor(child: ChildProcess, pipes: Pipes, events: SpawnEvents, onEmpty: () => void) {
    this.#child = child;
    this.#events = events;
    this.#onEmpty = onEmpty;
    this.pid = child.pid ?? 0;
    this.stdin = pipes.stdin;
    this.stdout = pipes.stdout;
    this.stderr = pipes.stderr;
  }

  watch(): void {
    const ended = (exitCode: number | null, signal: string | null): void => {
      if (this.#exited) return;
      this.#exited = true;
      this.#events.exited({ exitCode, signal });
      void this.#awaitEmpty();
    };
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      ended(this.#child.exitCode, this.#child.signalCode);
    } else this.#child.once("exit", ended);
  }

  async #awaitEmpty(): Promise<void> {
    while ((await this.#tree()).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, ORPHAN_POLL_MS).unref());
    }
    this.#onEmpty();
    this.#events.empty();
  }

  async #tree(): Promise<number[]> {
    this.#known = await descendants(this.pid, this.#known);
    return [...this.#known.keys()];
  }

  async signal(signal: number): Promise<boolean> {
    await this.#tree();
    return kill(-this.pid, signal);
  }

  async killTree(limitMs: number): Promise<number> {
    const until = performance.now() + limitMs;
    for (;;) {
      const tree = await this.#tree();
      if (tree.length === 0) return 0;
      kill(-this.pid, 9);
      for (const pid of tree) kill(pid, 9);
      if (performance.now() > until) return tree.length;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  resize(): void {}
}

function kill(pid: number, signal: number): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    // Gone meanwhile, or not ours to signal: the caller looks again.
    return false;
  }
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", () => resolve());
    child.once("error", reject);
  });
}

async function checkCwd(spec: SpawnSpec): Promise<void> {
  const stat = await fs.stat(spec.cwd).catch(() => undefined);
  if (stat === undefined)
    throw berthError("process.cwd_not_found", { hop: "berthd", context: { cwd: spec.cwd } });
  if (!stat.isDirectory()) {
    throw berthError("process.cwd_not_accessible", { hop: "berthd", context: { cwd: spec.cwd } });
  }
}

/** Whether the command's file exists, by PATH where its name has no slash. */
async function isThere({ argv, cwd, env }: SpawnSpec): Promise<boolean> {
  const name = argv[0] ?? "";
  const path = env.find(([variable]) => variable === "PATH")?.[1] ?? "";
  const candidates = name.includes("/") ? [name] : path.split(":").map((directory) => join(directory, name));
  for (const candidate of candidates) {
    const stat = await fs.stat(resolve(cwd, candidate)).catch(() => undefined);
    if (stat?.isFile() === true) return true;
  }
  return false;
}

async function toStartError(cause: unknown, spec: SpawnSpec): Promise<BerthError> {
  if (isBerthError(cause)) return cause;
  const errno = (cause as NodeJS.ErrnoException).code;
  const context = { command: spec.argv[0] ?? "" };
  if (errno === "ENOENT") {
    // The kernel says the same of a missing interpreter.
    const code = (await isThere(spec)) ? "process.interpreter_not_found" : "process.not_found";
    return berthError(code, { hop: "berthd", context });
  }
  if (errno === "EACCES") return berthError("process.permission_denied", { hop: "berthd", context });
  if (errno === "E2BIG") return berthError("process.arguments_too_long", { hop: "berthd", context });
  return berthError("process.spawn_failed", { hop: "berthd", context: { reason: errno ?? String(cause) } });
}
