import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { finished } from "node:stream/promises";
import { berthError } from "../contract/errors.ts";
import { throwIfAborted } from "../transports/abort.ts";
import { collect, withDeadline } from "../transports/collect.ts";
import type { RawProcess, Transport } from "../transports/transport.ts";
import type { Payload } from "./payload.ts";
import { archivePart } from "./payload-archive.ts";
import {
  ATTEMPTS,
  assertRoom,
  type InstalledPart,
  SPARE_BYTES,
  silent,
  unwritable,
} from "./payload-install.ts";
import { type LockOptions, LockWait } from "./payload-lock.ts";
import type { PayloadPart } from "./payload-manifest.ts";
import type { InstallTarget } from "./payload-scripts.ts";
import {
  type Archive,
  parseReceiveBegin,
  parseReceiveEnd,
  type ReceiveBegin,
  type ReceiveEnd,
  receiveScript,
} from "./payload-upload-scripts.ts";

export interface UploadOptions extends LockOptions {
  /** Absolute directory in the place that holds installed parts. Made when missing. */
  readonly base: string;
  /** Directory of this machine for compressed parts. */
  readonly archives: string;
  /** Called before the first byte, with those that are there from an attempt before. */
  readonly onBegin?: ((haveBytes: number, totalBytes: number) => void) | undefined;
  /** Bytes of the compressed archive that are there or were handed to the network, and all of them. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

const READ_CHUNK_BYTES = 64 * 1024;
const BEGIN_DEADLINE_MS = 60_000;
/** To unpack and check 110 MB on a slow disk. */
const END_DEADLINE_MS = 5 * 60_000;
const OUTPUT_LIMIT = 64 * 1024;

/**
 * Puts a part of a payload into a place over one channel, compressed, unless it is there. What was cut off goes on
 * where it was, in whatever attempt comes next.
 * @returns undefined when the place lacks a tool for it
 * @throws provision.no_directory, provision.no_space, provision.checksum_mismatch, provision.locked,
 *   provision.probe_failed when the place's shell does not answer, transport.disconnected, and what the transport throws
 */
export async function uploadPart(
  payload: Payload,
  part: PayloadPart,
  transport: Transport,
  options: UploadOptions,
): Promise<InstalledPart | undefined> {
  const name = payload.directoryName(part);
  const directory = `${options.base}/${name}`;
  const lock = new LockWait(options);
  const aborted = options.signal === undefined ? {} : { signal: options.signal };
  const run = async (script: string) =>
    collect(await transport.run(["/bin/sh", "-c", script], aborted), {
      deadlineMs: BEGIN_DEADLINE_MS,
      ...aborted,
    });
  for (let attempt = 1; attempt <= ATTEMPTS; ) {
    throwIfAborted(options.signal);
    const archive = await archivePart(payload, part, options.archives);
    const target: InstallTarget = { base: options.base, name, token: randomBytes(9).toString("hex") };
    const script = receiveScript(target, payload, part, archive);
    const answer = await uploadOnce(payload, part, archive, transport, script, options);
    if (answer.state === "present") return { directory, outcome: "present", verified: undefined };
    if (answer.state === "lacking") return undefined;
    if (answer.state === "installed") return { directory, outcome: "installed", verified: answer.verified };
    if (answer.state === "unwritable") throw unwritable(target.base, answer.reason);
    if (answer.state === "locked") {
      await lock.next(answer, target, run);
      continue;
    }
    if (answer.state === "corrupt") {
      // It may be the file here that is damaged.
      await rm(archive.path, { force: true });
      if (attempt === ATTEMPTS) {
        throw berthError("provision.checksum_mismatch", {
          context: { directory: target.base, reason: answer.reason },
        });
      }
    }
    if (answer.state === "short") {
      throw berthError("transport.disconnected", {
        hop: "transport",
        message: `the upload to ${transport.description} was cut after ${answer.have} of ${archive.size} bytes`,
        hint: "Try again: it goes on where it was.",
      });
    }
    attempt++;
  }
  throw berthError("provision.locked", { context: { directory } });
}

/** One attempt over one channel. */
async function uploadOnce(
  payload: Payload,
  part: PayloadPart,
  archive: Archive,
  transport: Transport,
  script: string,
  options: UploadOptions,
): Promise<Exclude<ReceiveBegin, { state: "have" }> | ReceiveEnd> {
  const { signal } = options;
  const process = await transport.run(["/bin/sh", "-c", script], signal === undefined ? {} : { signal });
  const answers = new Answers(process);
  try {
    const begun = await withDeadline(answers.until(parseReceiveBegin), {
      deadlineMs: BEGIN_DEADLINE_MS,
      signal,
    });
    if (begun === undefined) throw silent(await answers.ended);
    if (begun.state !== "have") {
      process.stdin.end();
      if (begun.state !== "locked") return begun;
      // Whether the owner gets on is told behind the first line: in part it would look like one that is stuck.
      const { stdout } = await withDeadline(answers.ended, { deadlineMs: BEGIN_DEADLINE_MS, signal });
      return { ...begun, progress: stdout };
    }
    assertRoom(
      options.base,
      begun.freeBytes,
      archive.size - begun.have + payload.tarSize(part) + SPARE_BYTES,
    );
    options.onBegin?.(begun.have, archive.size);
    await withDeadline(send(process, archive, begun.have, answers, options), { signal });
    const ended = await withDeadline(answers.until(parseReceiveEnd), { deadlineMs: END_DEADLINE_MS, signal });
    if (ended === undefined) throw silent(await answers.ended);
    return ended;
  } finally {
    // Its input ends, and so it gives the lock back when it is not done.
    process.stdin.end();
    process.close();
  }
}

/** Writes the rest of the archive, unless the place answers before it has all: then that is what counts. */
async function send(
  process: RawProcess,
  archive: Archive,
  have: number,
  answers: Answers,
  options: UploadOptions,
): Promise<void> {
  const { stdin } = process;
  let over = false;
  const answered = answers.until(parseReceiveEnd).then(() => {
    over = true;
  });
  // Where nothing has to be waited for, who reads the last answer is told.
  answered.catch(() => {});
  const source = createReadStream(archive.path, { start: have, highWaterMark: READ_CHUNK_BYTES });
  let done = have;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      if (over || stdin.destroyed) break;
      const more = stdin.write(chunk);
      done += chunk.length;
      options.onProgress?.(done, archive.size);
      if (!more) await Promise.race([once(stdin, "drain").catch(() => {}), answered]);
    }
  } finally {
    source.destroy();
  }
  stdin.end();
}

/** What the script says, as it comes. */
class Answers {
  /** When the script has ended. Rejects when the way to the place failed. */
  readonly ended: Promise<{ exitCode: number | null; stdout: string; stderr: string }>;
  #stdout = "";
  #stderr = "";
  #over = false;
  #failure: unknown;
  readonly #waiting = new Set<() => void>();

  constructor(process: RawProcess) {
    process.stdin.on("error", () => {});
    process.stdout.on("data", (chunk: Buffer) => {
      this.#stdout = (this.#stdout + chunk.toString("latin1")).slice(-OUTPUT_LIMIT);
      this.#tell();
    });
    process.stderr.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString("latin1")).slice(-OUTPUT_LIMIT);
    });
    // The exit may be known before the last of the output has come here.
    const read = [process.stdout, process.stderr].map((stream) => finished(stream).catch(() => {}));
    this.ended = Promise.all([process.exit, ...read]).then(([{ exitCode }]) => ({
      exitCode,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
    this.ended.then(
      () => this.#end(undefined),
      (error: unknown) => this.#end(error),
    );
  }

  /** The first answer that `parse` knows; undefined when the script has ended without one. */
  async until<T>(parse: (stdout: string) => T | undefined): Promise<T | undefined> {
    for (;;) {
      const complete = this.#over ? this.#stdout : this.#stdout.slice(0, this.#stdout.lastIndexOf("\n") + 1);
      const answer = parse(complete);
      if (answer !== undefined) return answer;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#over) return undefined;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #end(failure: unknown): void {
    this.#over = true;
    this.#failure = failure;
    this.#tell();
  }

  #tell(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
