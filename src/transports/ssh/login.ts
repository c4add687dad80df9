import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { type BerthError, berthError } from "../../contract/errors.ts";
import { abortedError, throwIfAborted } from "../abort.ts";
import type { RawProcess } from "../transport.ts";
import { commandLine } from "./command-line.ts";

/** Start-up files get this long until the command; each of theirs that takes seconds is paid by every command. */
const LOGIN_DEADLINE_MS = 20_000;
/** A start-up file that is not through by then may be waiting for input. */
const GUARD_AFTER_MS = 3_000;
/** Empty lines for start-up files that wait for input: the first one late enough that a quick start-up needs none. */
const NEWLINE_EVERY_MS = 250;
/** What is kept of the words of the login shell, for its error. */
const MAX_WORDS_BYTES = 4_096;

export interface LoginOptions {
  /** Opens a session that hands a command line to the login shell. */
  readonly exec: (commandLine: string) => Promise<RawProcess>;
  /** For errors. */
  readonly host: string;
  readonly cwd?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Start-up files of this host are known to wait for input. */
  readonly guarded: boolean;
  /** Told when they are found to do so, or no longer, to remember it. */
  readonly onGuarded: (guarded: boolean) => void;
  /** Milliseconds until ssh.login_timeout. Default 20,000. */
  readonly deadlineMs?: number | undefined;
  /** Milliseconds until start-up files are taken to wait for input. Default 3,000. */
  readonly guardAfterMs?: number | undefined;
}

/**
 * Runs an argv by the login shell of the place. Settles when its start-up files are through and the command begins:
 * what they print is dropped, and nothing of the command's input gets to them. For those that read their input
 * (`read answer`) the session is begun again as a guarded one: they get empty lines until the command is there, which
 * then drops what is left of these. It costs one more round trip, so it is not the rule.
 * @throws ssh.no_shell with the words of what ended instead, ssh.login_timeout, operation.aborted, what `exec` throws
 */
export async function runByLoginShell(argv: readonly string[], options: LoginOptions): Promise<RawProcess> {
  const deadlineMs = options.deadlineMs ?? LOGIN_DEADLINE_MS;
  const guardAfterMs = options.guardAfterMs ?? GUARD_AFTER_MS;
  if (!options.guarded) {
    const process = await attempt(argv, options, false, guardAfterMs);
    if (process !== undefined) return process;
  }
  const process = await attempt(argv, options, true, deadlineMs - (options.guarded ? 0 : guardAfterMs));
  if (process === undefined) {
    throw berthError("ssh.login_timeout", {
      hop: "transport",
      context: { host: options.host, seconds: Math.round(deadlineMs / 1000) },
    });
  }
  return process;
}

/**
 * undefined when the time is over. The command has not begun then and does not begin any more, but for one that began
 * while that was under way to the server; what is run this way can be begun twice.
 */
async function attempt(
  argv: readonly string[],
  options: LoginOptions,
  guarded: boolean,
  limitMs: number,
): Promise<RawProcess | undefined> {
  const { signal } = options;
  throwIfAborted(signal);
  const nonce = randomBytes(12).toString("hex");
  const command = commandLine(argv, nonce, { cwd: options.cwd, guarded });
  const raw = await options.exec(command.text);
  raw.exit.catch(() => {});
  raw.stdin.on("error", () => {});
  const words = new Words();
  const stdout = afterMark(raw.stdout, command.mark, words);
  const stderr = afterMark(raw.stderr, command.mark, words);
  const close = () => {
    raw.close();
    stdout.stream.destroy();
    stderr.stream.destroy();
  };
  const over = Promise.withResolvers<"late" | "aborted">();
  const timer = setTimeout(() => over.resolve("late"), limitMs);
  const onAbort = () => over.resolve("aborted");
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  let waitedFor = false;
  const newline = () => {
    waitedFor = true;
    raw.stdin.write("\n");
  };
  const newlines = guarded ? setInterval(newline, NEWLINE_EVERY_MS) : undefined;
  const marks = Promise.all([stdout.reached, stderr.reached]).then(([out, err]) =>
    out && err ? "reached" : "ended",
  );
  try {
    const outcome = await Promise.race([marks, over.promise]);
    if (outcome === "reached") {
      if (command.input !== "") raw.stdin.write(command.input);
      if (waitedFor !== options.guarded) options.onGuarded(waitedFor);
      return { stdin: raw.stdin, stdout: stdout.stream, stderr: stderr.stream, exit: raw.exit, close };
    }
    if (outcome === "aborted") throw abortedError(signal);
    if (outcome === "ended") throw noShell(options.host, (await raw.exit).exitCode, words.text);
    close();
    return undefined;
  } catch (error) {
    close();
    throw error;
  } finally {
    clearTimeout(timer);
    clearInterval(newlines);
    signal?.removeEventListener("abort", onAbort);
  }
}

function noShell(host: string, exitCode: number | null, words: string): BerthError {
  const lastLine = words.trim().split("\n").at(-1)?.trim() ?? "";
  return berthError("ssh.no_shell", {
    hop: "transport",
    message: `${host} lets in and runs no commands: ${lastLine === "" ? `exit code ${exitCode}` : lastLine}`,
    context: { host, exitCode, output: words.trim().split("\n").slice(-20) },
  });
}

/** The last that a login shell said, on both streams. */
class Words {
  #bytes: Buffer = Buffer.alloc(0);

  add(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]).subarray(-MAX_WORDS_BYTES);
  }

  get text(): string {
    return this.#bytes.toString("utf8").replaceAll(/[^\P{Cc}\n\t]/gu, "");
  }
}

interface AfterMark {
  /** What comes behind the mark. It ends only when it is read: nothing is lost until somebody listens. */
  readonly stream: Readable;
  /** False when the source has ended without the mark. */
  readonly reached: Promise<boolean>;
}

function afterMark(source: Readable, mark: Buffer, words: Words): AfterMark {
  const { promise: reached, resolve } = Promise.withResolvers<boolean>();
  /** The end of what has come, in which the mark may begin; undefined when it was found. */
  let tail: Buffer | undefined = Buffer.alloc(0);
  const stream = new Readable({
    highWaterMark: 256 * 1024,
    read: () => {
      if (tail === undefined) source.resume();
    },
    destroy: (error, done) => {
      source.destroy();
      done(error);
    },
  });
  // It is destroyed with an error when the way to the place fails, of which `exit` tells.
  stream.on("error", () => {});
  source.on("data", (chunk: Buffer) => {
    if (tail === undefined) {
      if (!stream.push(chunk)) source.pause();
      return;
    }
    const bytes: Buffer = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    const at = bytes.indexOf(mark);
    if (at === -1) {
      words.add(chunk);
      tail = bytes.subarray(Math.max(0, bytes.length - mark.length + 1));
      return;
    }
    tail = undefined;
    const rest = bytes.subarray(at + mark.length);
    if (rest.length > 0 && !stream.push(rest)) source.pause();
    resolve(true);
  });
  source.once("end", () => {
    stream.push(null);
    resolve(false);
  });
  source.once("error", (error) => {
    stream.destroy(error);
    resolve(false);
  });
  source.once("close", () => {
    if (!source.readableEnded) stream.destroy();
    resolve(false);
  });
  return { stream, reached };
}
