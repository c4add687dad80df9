import { type ChildProcess, execFile, spawn } from "node:child_process";
import { access, constants, stat } from "node:fs/promises";
import { constants as os } from "node:os";
import { join } from "node:path";
import { DEFAULT_PATH } from "../../contract/environment.ts";
import { berthError } from "../../contract/errors.ts";
import { nameFromBytes } from "../../files/names.ts";
import { MAX_SKIPPED } from "../../files/search/collector.ts";

/** The first with all the flags that are used (--no-require-git, --no-context-separator). */
const OLDEST_MAJOR = 12;
const VERSION_DEADLINE_MS = 5_000;
/** Messages of a run that are kept. */
const MAX_MESSAGE_BYTES = 64 * 1024;

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
        if ((await majorVersion(path)) >= OLDEST_MAJOR) {
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
  const messages = new Messages();
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

const ERRNO_NAMES = new Map(Object.entries(os.errno).map(([name, number]) => [number, name]));

/** ripgrep's words on stderr: one line for each thing that it could not look at, and what else it has to say. */
class Messages {
  readonly #skipped: { path: string; reason: string }[] = [];
  #other = "";
  #rest = "";

  take(chunk: Buffer): void {
    const lines = (this.#rest + nameFromBytes(chunk)).split("\n");
    this.#rest = (lines.pop() ?? "").slice(0, MAX_MESSAGE_BYTES);
    for (const line of lines) this.#line(line);
  }

  end(): { readonly skipped: readonly { path: string; reason: string }[]; readonly message: string } {
    if (this.#rest !== "") this.#line(this.#rest);
    return { skipped: this.#skipped, message: this.#other.trim() };
  }

  #line(line: string): void {
    const failed = /^(?:rg: )?(.+): [^:]+ \(os error (\d+)\)$/.exec(line);
    if (failed === null) {
      if (this.#other.length < MAX_MESSAGE_BYTES) this.#other += `${line}\n`;
    } else if (this.#skipped.length < MAX_SKIPPED) {
      const reason = ERRNO_NAMES.get(Number(failed[2])) ?? "EIO";
      this.#skipped.push({ path: failed[1] ?? "", reason });
    }
  }
}

/** What ripgrep says of a pattern, as an error. */
export function patternRefused(message: string, pattern: string): Error {
  const words = message.replace(/^(?:rg: )?/, "");
  const reason = /(?:^|\n)error: ([^\n]+)/.exec(words)?.[1] ?? words.split("\n")[0] ?? "";
  return berthError("search.pattern_invalid", {
    hop: "berthd",
    message: `the pattern is not a regular expression: ${reason}`,
    context: { pattern: pattern.slice(0, 200), explanation: words.slice(0, 2_000) },
  });
}
