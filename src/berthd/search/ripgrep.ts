import { type ChildProcess, execFile, spawn } from "node:child_process";
import { access, constants, stat } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_PATH } from "../../contract/environment.ts";
import { OLDEST_RIPGREP } from "../../files/search/ripgrep-arguments.ts";
import { RipgrepMessages } from "../../files/search/ripgrep-messages.ts";

const VERSION_DEADLINE_MS = 5_000;

/** The ripgrep of a place: found when it is first needed, and again when it is no longer where it was. */
export class RipgrepFinder {
  readonly #searchPath: Promise<string>;
  #found: string | undefined;
  /** One that is too old or does not run, by what it was when it was asked. */
  #unfit = new Set<string>();

  constructor(searchPath: Promise<string | undefined> = Promise.resolve(undefined)) {
    this.#searchPath = searchPath.then((path) => path ?? DEFAULT_PATH);
  }

  /** Its absolute path; undefined where there is none of use. */
  async find(): Promise<string | undefined> {
    if (this.#found !== undefined) return this.#found;
    for (const directory of (await this.#searchPath).split(":")) {
      if (!directory.startsWith("/")) continue;
      const path = join(directory, "rg");
      try {
        await access(path, constants.X_OK);
        const { size, mtimeMs, ino } = await stat(path);
        const identity = `${path} ${ino} ${size} ${mtimeMs}`;
        if (this.#unfit.has(identity)) continue;
        if ((await majorVersion(path)) >= OLDEST_RIPGREP) {
          this.#found = path;
          return path;
        }
        this.#unfit.add(identity);
      } catch {
        // Not there, or not for this user.
      }
    }
    return undefined;
  }

  /** It could not be started. */
  forget(): void {
    this.#found = undefined;
  }
}

/** 0 for what does not answer as ripgrep does. */
function majorVersion(path: string): Promise<number> {
  return new Promise((resolve) => {
    const options = { timeout: VERSION_DEADLINE_MS, killSignal: "SIGKILL", env: {} } as const;
    execFile(path, ["--no-config", "--version"], options, (error, stdout) => {
      const version = /^ripgrep (\d+)\./.exec(stdout)?.[1];
      resolve(error !== null || version === undefined ? 0 : Number(version));
    });
  });
}

export interface RipgrepRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Descriptors that it gets, as 3, 4, … */
  readonly descriptors: readonly number[];
  /** "enough" ends it. */
  readonly onOutput: (chunk: Buffer) => "on" | "enough";
  readonly signal: AbortSignal;
}

export interface RipgrepEnd {
  /** It ended because enough was found. */
  readonly enough: boolean;
  readonly exitCode: number | null;
  /** What could not be looked at, by paths as ripgrep knows them. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  /** What else it said. */
  readonly message: string;
}

/**
 * Runs ripgrep to its end, or until there is enough; nothing of it is left afterwards, or when `signal` aborts.
 * @throws the reason of `signal`; ENOENT and the like of node:child_process when it can't be started
 */
export async function runRipgrep(run: RipgrepRun): Promise<RipgrepEnd> {
  const { signal } = run;
  signal.throwIfAborted();
  const child: ChildProcess = spawn(run.program, [...run.args], {
    cwd: run.cwd,
    // Its own settings would come from its environment.
    env: {},
    stdio: ["ignore", "pipe", "pipe", ...run.descriptors],
  });
  const kill = () => void child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  let enough = false;
  let failure: unknown;
  const messages = new RipgrepMessages();
  child.stdout?.on("data", (chunk: Buffer) => {
    if (enough || failure !== undefined) return;
    try {
      enough = run.onOutput(chunk) === "enough";
    } catch (error) {
      failure = error;
    }
    if (enough || failure !== undefined) kill();
  });
  child.stderr?.on("data", (chunk: Buffer) => messages.take(chunk));
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (failure !== undefined) throw failure;
    signal.throwIfAborted();
    return { enough, exitCode, ...messages.end() };
  } finally {
    signal.removeEventListener("abort", kill);
  }
}
