import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { AttributeCopier } from "./attributes.ts";

/** Longest wait for an answer; a file system that hangs must not hold a write for ever. */
const ANSWER_TIMEOUT_MS = 10_000;
const ANSWER_BYTES = 4;

type Outcome = "copied" | "failed" | "unknown";

/**
 * Extended attributes and ACLs by one `berth-helper attributes` (docs/helper.md), started for the first copy: about
 * 0.1 ms each, where a run of cp takes milliseconds. Where the helper can't be started `fallback` does it. When an
 * answer is overdue the helper is killed, what waited is "failed", and the next copy starts another.
 */
export function helperAttributeCopier(helperPath: string, fallback: AttributeCopier): AttributeCopier {
  let session: Session | undefined;
  return {
    async copy(from, to) {
      if (session === undefined || session.ended) session = new Session(helperPath);
      const outcome = await session.copy(from, to);
      return outcome === "unknown" ? fallback.copy(from, to) : outcome;
    },
    close() {
      session?.end();
      fallback.close();
    },
  };
}

/** One process of the helper, which answers in the order of the requests. */
class Session {
  ended = false;
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #waiting: ((outcome: Outcome) => void)[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #answered = false;
  #overdue: NodeJS.Timeout | undefined;

  constructor(helperPath: string) {
    const child = spawn(helperPath, ["attributes"], {
      stdio: ["pipe", "pipe", "inherit"],
      env: {},
      cwd: "/",
    });
    this.#child = child;
    this.#input = child.stdin;
    child.on("error", () => this.#lose());
    child.on("exit", () => this.#lose());
    child.stdin.on("error", () => {});
    child.stdout.on("data", (chunk: Buffer) => this.#take(chunk));
    // Idle it keeps nothing alive: it ends with its stdin, when this process does.
    child.unref();
    for (const pipe of [child.stdin, child.stdout]) (pipe as Readable & { unref?(): void }).unref?.();
  }

  copy(from: string | Buffer, to: string | Buffer): Promise<Outcome> {
    const nul = Buffer.of(0);
    const paths = Buffer.concat([Buffer.from(from), nul, Buffer.from(to), nul]);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(paths.length);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#overdue ??= this.#startClock();
      this.#input.write(Buffer.concat([length, paths]));
    });
  }

  end(): void {
    this.#input.end();
  }

  #startClock(): NodeJS.Timeout {
    return setTimeout(() => this.#child.kill("SIGKILL"), ANSWER_TIMEOUT_MS);
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    this.#answered = true;
    clearTimeout(this.#overdue);
    while (this.#rest.length >= ANSWER_BYTES) {
      this.#waiting.shift()?.(this.#rest.readInt32LE(0) === 0 ? "copied" : "failed");
      this.#rest = this.#rest.subarray(ANSWER_BYTES);
    }
    this.#overdue = this.#waiting.length > 0 ? this.#startClock() : undefined;
  }

  #lose(): void {
    this.ended = true;
    clearTimeout(this.#overdue);
    // One that never answered was never there: a file system mounted noexec, another processor.
    for (const resolve of this.#waiting.splice(0)) resolve(this.#answered ? "failed" : "unknown");
  }
}
