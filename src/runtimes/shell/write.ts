import { randomBytes } from "node:crypto";
import { berthError } from "../../contract/errors.ts";
import type { FileWriter, WriteOptions, WriteResult } from "../../contract/files.ts";
import { nameFromBytes } from "../../files/names.ts";
import type { FileRuns } from "./file-runs.ts";
import { SMALL_BYTES } from "./read.ts";
import {
  commitBody,
  discardBody,
  type Prepared,
  prepareBody,
  receiveBody,
  writeBody,
} from "./write-scripts.ts";

/** Of an iterable so much is held in memory, so that a small file is one run and not two. */
const MAX_HELD_BYTES = 1024 * 1024;

type Source = AsyncIterator<Uint8Array>;

/** A name that other Berths recognise as a temporary and sweep when it is old (files/temporary.ts). */
function temporaryName(): string {
  const random = BigInt(`0x${randomBytes(8).toString("hex")}`)
    .toString(36)
    .slice(0, 10)
    .padStart(10, "0");
  return `.berth-shell0-0-${random}`;
}

/**
 * Writes a whole file. Its length has to be known in the place, as the end of the input alone does not tell whether
 * it came whole: it is sent along, or, for long iterables, compared here between two runs.
 */
export async function writeWhole(
  runs: FileRuns,
  path: string,
  data: string | Uint8Array | AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<WriteResult> {
  if (typeof data === "string") return writeKnown(runs, path, Buffer.from(data, "utf8"), options);
  if (data instanceof Uint8Array) return writeKnown(runs, path, data, options);
  const source = data[Symbol.asyncIterator]();
  const held: Uint8Array[] = [];
  let length = 0;
  // One run holds a contained path, not two.
  const most = options.contained === undefined ? MAX_HELD_BYTES : Number.POSITIVE_INFINITY;
  while (length <= most) {
    const next = await source.next();
    if (next.done === true) return writeKnown(runs, path, Buffer.concat(held), options);
    held.push(next.value);
    length += next.value.length;
  }
  return writeLong(runs, path, held, source, options);
}

async function writeKnown(
  runs: FileRuns,
  path: string,
  bytes: Uint8Array,
  options: WriteOptions,
): Promise<WriteResult> {
  if (bytes.length <= SMALL_BYTES || runs.sftp?.usable !== true || options.contained !== undefined) {
    return await writeBytes(runs, path, bytes, options);
  }
  const source = (async function* () {
    yield bytes;
  })();
  const written = await writeBySftp(runs, path, source, options);
  return written ?? (await writeBytes(runs, path, bytes, options));
}

/**
 * By SFTP into a temporary that a run makes before, and a run behind it puts in the place of the target. Undefined, and
 * nothing of the source was taken, when it has to be done by the shell.
 */
async function writeBySftp(
  runs: FileRuns,
  path: string,
  source: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<WriteResult | undefined> {
  const { sftp } = runs;
  if (sftp?.usable !== true) return undefined;
  const tools = await runs.tools();
  const temporary = temporaryName();
  const body = prepareBody(path, { temporary, mode: options.mode, tools });
  let failed = true;
  try {
    const prepared = parsePrepared((await runs.run(body, path, options)).stdout);
    if (prepared.how === "direct") {
      failed = false;
      return undefined;
    }
    const bytes = await sftp.write(prepared.temporary, path, source, options);
    if (bytes === undefined) return undefined;
    const { stdout } = await runs.run(commitBody(prepared, tools), path, options);
    failed = false;
    return { atomic: stdout.toString("latin1").trim() === "replace", bytes };
  } finally {
    if (failed) {
      const discarded = runs.background(discardBody(path, temporary, tools), path);
      // Who waits for nothing (an abort) is not kept waiting by the cleaning up.
      if (options.signal?.aborted !== true) await discarded;
    }
  }
}

/**
 * In one run. `check` is script that is run right before the new content is seen, and may end it by `_bE`.
 */
export async function writeBytes(
  runs: FileRuns,
  path: string,
  bytes: Uint8Array,
  options: WriteOptions,
  check?: string,
): Promise<WriteResult> {
  const tools = await runs.tools();
  const body = writeBody(runs.scriptPath(path, options), {
    check,
    temporary: temporaryName(),
    mode: options.mode,
    expected: bytes.length,
    tools,
  });
  const { stdout } = await runs.run(body, path, options, { input: bytes });
  return { atomic: stdout.toString("latin1").trim() === "replace", bytes: bytes.length };
}

async function writeLong(
  runs: FileRuns,
  path: string,
  held: readonly Uint8Array[],
  source: Source,
  options: WriteOptions,
): Promise<WriteResult> {
  const whole = (async function* () {
    yield* held;
    yield* { [Symbol.asyncIterator]: () => source };
  })();
  const written = await writeBySftp(runs, path, whole, options).catch((error: unknown) => {
    // A generator that was not begun hands on no return.
    void Promise.resolve(source.return?.()).catch(() => undefined);
    throw error;
  });
  if (written !== undefined) return written;
  const tools = await runs.tools();
  let sent = 0;
  let failed: { readonly cause: unknown } | undefined;
  async function* input(): AsyncGenerator<Uint8Array> {
    let whole = false;
    try {
      for (const chunk of held) {
        sent += chunk.length;
        yield chunk;
      }
      for (let next = await source.next(); next.done !== true; next = await source.next()) {
        sent += next.value.length;
        yield next.value;
      }
      whole = true;
    } catch (cause) {
      // The run is still told the end, so that its temporary can be found and removed.
      failed = { cause };
    } finally {
      if (!whole && failed === undefined) await source.return?.();
    }
  }
  const temporary = temporaryName();
  try {
    const body = receiveBody(path, { temporary, mode: options.mode, tools });
    const prepared = parsePrepared((await runs.run(body, path, options, { input: input() })).stdout);
    if (failed !== undefined) throw failed.cause;
    if (prepared.how === "direct") return { atomic: false, bytes: sent };
    if (prepared.bytes !== sent)
      throw berthError("transport.disconnected", { hop: "transport", context: { path } });
    const { stdout } = await runs.run(commitBody(prepared, tools), path, options);
    return { atomic: stdout.toString("latin1").trim() === "replace", bytes: sent };
  } catch (error) {
    const discarded = runs.background(discardBody(path, temporary, tools), path);
    // Only who waits for nothing (an abort, a lost connection) is not kept waiting by the cleaning up.
    if (failed !== undefined) await discarded;
    throw error;
  }
}

function parsePrepared(output: Buffer): Prepared {
  const [bytes = "", how = "", temporary = "", target = "", mode = "", owner = ""] =
    nameFromBytes(output).split("\0");
  if (how !== "replace" && how !== "in-place" && how !== "direct") {
    throw berthError("internal", { hop: "transport", message: "the place's shell prints something else" });
  }
  return { bytes: Number(bytes), how, temporary, target, mode, owner };
}

/** A file that is written piece by piece, and is visible from `close()` on. */
export class ShellFileWriter implements FileWriter {
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #error: unknown;
  #wanted = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();
  readonly #result: Promise<WriteResult>;

  constructor(runs: FileRuns, path: string, options: WriteOptions) {
    this.#result = writeWhole(runs, path, this.#read(), options);
    this.#result.catch((error: unknown) => {
      this.#error ??= error;
      this.#taken.resolve();
    });
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (this.#ended) throw berthError("EBADF", { message: "the file is closed already" });
    if (this.#error !== undefined) throw this.#error;
    this.#chunks.push(typeof data === "string" ? Buffer.from(data, "utf8") : data);
    const taken = this.#taken.promise;
    this.#wanted.resolve();
    await taken;
    if (this.#error !== undefined) throw this.#error;
  }

  close(): Promise<WriteResult> {
    this.#ended = true;
    this.#wanted.resolve();
    return this.#result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#error ??= berthError("operation.aborted");
    this.#ended = true;
    this.#wanted.resolve();
    await this.#result.catch(() => undefined);
  }

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        if (this.#chunks.length === 0) {
          this.#taken.resolve();
          this.#taken = Promise.withResolvers();
        }
        yield chunk;
      } else if (this.#error !== undefined) throw this.#error;
      else if (this.#ended) return;
      else {
        await this.#wanted.promise;
        this.#wanted = Promise.withResolvers();
      }
    }
  }
}
