import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { type BerthError, isBerthError } from "../../src/contract/errors.ts";
import type { OutputChunk, Process } from "../../src/contract/process.ts";
import type { Runtime } from "../../src/contract/runtime.ts";
import { waitFor } from "../fixtures/process.ts";

export { waitFor };

export function sha256(...parts: readonly Uint8Array[]): string {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return digest.digest("hex");
}

/** Bytes that no encoding and no line discipline survives unnoticed. */
export function noise(bytes: number): Buffer {
  return randomBytes(bytes);
}

/** Fails unless the operation is refused with that code; gives the error. */
export async function refused(operation: PromiseLike<unknown>, code: string): Promise<BerthError> {
  let value: unknown;
  try {
    value = await operation;
  } catch (error) {
    if (!isBerthError(error)) throw error;
    assert.equal(error.code, code, `${error.code}: ${error.message}`);
    assert.notEqual(error.hint, "", `${code} says what to do next`);
    return error;
  }
  assert.fail(`it was not refused with ${code}, but gave ${JSON.stringify(value)?.slice(0, 200)}`);
}

/** What an iteration of output gave, put together. */
export interface Seen {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** All streams in the order of arrival. */
  readonly all: Buffer;
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
  readonly exit: Extract<OutputChunk, { type: "exit" }> | undefined;
  /** Types of the steps in order, repeats left out. */
  readonly order: readonly string[];
  readonly cursor: number;
}

/** Reads an iteration to its end, and checks on the way that cursors count every byte. */
export async function readAll(chunks: AsyncIterable<OutputChunk>, from = 0): Promise<Seen> {
  const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[], all: [] as Uint8Array[] };
  const gaps: { from: number; to: number }[] = [];
  const order: string[] = [];
  let exit: Seen["exit"];
  let cursor = from;
  for await (const chunk of chunks) {
    assert.equal(exit, undefined, "nothing comes behind the exit");
    if (order.at(-1) !== chunk.type) order.push(chunk.type);
    if (chunk.type === "gap") {
      assert.ok(chunk.gap.to > chunk.gap.from, "a gap has a length");
      assert.equal(chunk.gap.from, cursor, "a gap starts where the reader is");
      gaps.push(chunk.gap);
      cursor = chunk.gap.to;
    } else if (chunk.type === "data") {
      cursor += chunk.data.length;
      assert.equal(chunk.cursor, cursor, "a cursor counts every byte before it");
      parts.all.push(chunk.data);
      if (chunk.stream === "stderr") parts.stderr.push(chunk.data);
      else parts.stdout.push(chunk.data);
    } else {
      exit = chunk;
      assert.equal(chunk.cursor, cursor, "the exit is at the end of all bytes");
    }
  }
  const [stdout, stderr, all] = [parts.stdout, parts.stderr, parts.all].map((list) => Buffer.concat(list));
  return { stdout: stdout!, stderr: stderr!, all: all!, gaps, exit, order, cursor };
}

export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const list: Uint8Array[] = [];
  for await (const chunk of chunks) list.push(chunk);
  return Buffer.concat(list);
}

// The state is behind the name, which may hold anything; zombies have ended.
const LIVES = `lives() {
  read -r line < "/proc/$1/stat" && line=\${line##*) } && case $line in Z*|X*) return 1;; esac
} 2>/dev/null`;

/** Whether a pid of the place is a process that runs: zombies have ended. */
export async function lives(runtime: Runtime, pid: number | string): Promise<boolean> {
  const { exitCode } = await runtime.exec(["sh", "-c", `${LIVES}; lives "$0"`, String(pid)]);
  return exitCode === 0;
}

/** Waits until none of these pids of the place is a process that runs; in the place, where a look costs the least. */
export async function gone(runtime: Runtime, ...pids: (number | string)[]): Promise<void> {
  for (const pid of pids) assert.match(String(pid), /^\d+$/);
  const script = `${LIVES}; for pid; do while lives "$pid"; do sleep 0.05; done; done`;
  const { exitCode, timedOut } = await runtime.exec(["sh", "-c", script, "sh", ...pids.map(String)], {
    timeoutMs: 60_000,
  });
  assert.deepEqual({ exitCode, timedOut }, { exitCode: 0, timedOut: false }, `${pids} have ended`);
}

/** Waits for a file of the place and gives its content, without the last line end. */
export async function written(runtime: Runtime, path: string): Promise<string> {
  return waitFor(`${path} is written`, async () => {
    const text = await runtime.fs.readFile(path, "utf8");
    return text.endsWith("\n") ? text.trimEnd() : undefined;
  });
}

/** Reads a process's output until it matches; the process goes on. */
export async function outputMatching(process: Process, pattern: RegExp): Promise<string> {
  const looking = AbortSignal.timeout(20_000);
  let text = "";
  for await (const chunk of process.output({ signal: looking })) {
    if (chunk.type === "data") text += Buffer.from(chunk.data).toString("latin1");
    if (pattern.test(text)) return text;
  }
  assert.fail(`the output has no ${pattern}: ${JSON.stringify(text.slice(-500))}`);
}

/** Everything that the process has written, as text. */
export async function wholeOutput(process: Process): Promise<string> {
  return (await readAll(process.output())).all.toString("latin1");
}

/** A line of exactly 16 bytes for each number: the byte at every offset is known. */
export function numbered(count: number): Buffer {
  const buffer = Buffer.alloc(count * 16, "\n");
  for (let index = 0; index < count; index++) {
    buffer.write(String(index).padStart(15, "0"), index * 16, "latin1");
  }
  return buffer;
}

/** The command that prints `numbered(count)`. */
export function printNumbered(count: number): string {
  return `awk 'BEGIN { for (i = 0; i < ${count}; i++) printf "%015d\\n", i }'`;
}
