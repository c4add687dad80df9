import { randomBytes } from "node:crypto";
import type { Readable } from "node:stream";
import { type BerthError, berthError } from "../contract/errors.ts";
import { throwIfAborted } from "../transports/abort.ts";
import type { Payload, TarOptions } from "./payload.ts";
import { type LockOptions, LockWait } from "./payload-lock.ts";
import type { PayloadPart } from "./payload-manifest.ts";
import {
  abandonScript,
  type BeginAnswer,
  beginScript,
  commitScript,
  type InstallTarget,
  parseBegin,
  parseCommit,
  type Verified,
} from "./payload-scripts.ts";

/** What installing needs of a place; a Transport offers both. */
export interface InstallPlace {
  /** Runs `sh -c script` in the place to its end. */
  run(
    script: string,
  ): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>;
  /** Unpacks a tar stream in an existing directory of the place. */
  put(archive: Readable, directory: string): Promise<void>;
}

export interface InstallOptions extends LockOptions, Pick<TarOptions, "compress" | "owner" | "onProgress"> {
  /** Absolute directory in the place that holds installed parts. Made when missing. */
  readonly base: string;
}

export interface InstalledPart {
  /** Where it is in the place. */
  readonly directory: string;
  readonly outcome: "present" | "installed";
  /** How it was checked after the upload; "present" parts were checked when they were installed. */
  readonly verified: Verified | undefined;
}

/** Begin, upload and commit may each find that another Berth took the lock: it is tried again that often. */
export const ATTEMPTS = 3;
/** Room that has to be left besides the part itself. */
export const SPARE_BYTES = 4 * 1024 * 1024;

/**
 * Puts a part of a payload into a place unless it is there: upload beside, check, rename, under a lock.
 * Interrupted anywhere, it leaves no half part behind that would be taken for a whole one; what it leaves is
 * swept by the next one.
 * @throws provision.no_directory, provision.no_space, provision.checksum_mismatch, provision.locked,
 *   provision.probe_failed when the place's shell does not answer, and what `place` throws
 */
export async function installPart(
  payload: Payload,
  part: PayloadPart,
  place: InstallPlace,
  options: InstallOptions,
): Promise<InstalledPart> {
  const name = payload.directoryName(part);
  const directory = `${options.base}/${name}`;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const target: InstallTarget = { base: options.base, name, token: randomBytes(9).toString("hex") };
    const begun = await begin(target, place, options);
    if (begun.state === "present") return { directory, outcome: "present", verified: undefined };
    if (begun.state === "bare") {
      await putBare(payload, part, place, options, directory);
      return { directory, outcome: "installed", verified: "presence" };
    }
    const verified = await uploadAndCommit(payload, part, place, options, target, begun);
    if (verified !== undefined) return { directory, outcome: "installed", verified };
  }
  throw berthError("provision.locked", { context: { directory } });
}

type Begun = Extract<BeginAnswer, { state: "present" | "bare" | "ready" }>;

/** Runs the first script until the part is there or it is our turn. */
async function begin(target: InstallTarget, place: InstallPlace, options: InstallOptions): Promise<Begun> {
  const lock = new LockWait(options);
  for (;;) {
    throwIfAborted(options.signal);
    const result = await place.run(beginScript(target));
    const answer = parseBegin(result.stdout);
    if (answer === undefined) throw silent(result);
    if (answer.state === "unwritable") throw unwritable(target.base, answer.reason);
    if (answer.state !== "locked") return answer;
    await lock.next(answer, target, (script) => place.run(script));
  }
}

/** How it was verified; undefined when the lock was lost and all has to be done again. */
async function uploadAndCommit(
  payload: Payload,
  part: PayloadPart,
  place: InstallPlace,
  options: InstallOptions,
  target: InstallTarget,
  begun: Extract<Begun, { state: "ready" }>,
): Promise<Verified | undefined> {
  let committed = false;
  try {
    assertRoom(target.base, begun.freeBytes, payload.tarSize(part) + SPARE_BYTES);
    throwIfAborted(options.signal);
    await place.put(payload.tar(part, options), begun.directory);
    throwIfAborted(options.signal);
    const result = await place.run(commitScript(target, payload, part));
    const answer = parseCommit(result.stdout);
    if (answer === undefined) throw silent(result);
    committed = true;
    if (answer.state === "installed") return answer.verified;
    if (answer.state === "lost") return undefined;
    if (answer.state === "corrupt") {
      throw berthError("provision.checksum_mismatch", {
        context: { directory: target.base, reason: answer.reason },
      });
    }
    throw unwritable(target.base, answer.reason);
  } finally {
    // The failure itself is what counts; a place that is gone can't be tidied, and the next Berth sweeps.
    if (!committed) await place.run(abandonScript(target)).catch(() => undefined);
  }
}

/** A place with a shell and nothing else: the archive makes the directories, `SHA256SUMS` comes last. */
async function putBare(
  payload: Payload,
  part: PayloadPart,
  place: InstallPlace,
  options: InstallOptions,
  directory: string,
): Promise<void> {
  await place.put(payload.tar(part, { ...options, prefix: directory.slice(1) }), "/");
}

/** @throws provision.no_space */
export function assertRoom(directory: string, freeBytes: number | undefined, neededBytes: number): void {
  if (freeBytes === undefined || freeBytes >= neededBytes) return;
  throw berthError("provision.no_space", {
    message: `the place has ${freeBytes} bytes free in ${directory}, the daemon needs ${neededBytes}`,
    context: { directory, freeBytes, neededBytes },
  });
}

/** Why nothing can be written there: provision.no_space or provision.no_directory. */
export function unwritable(directory: string, reason: string): BerthError {
  return berthError(/no space|quota/i.test(reason) ? "provision.no_space" : "provision.no_directory", {
    context: { directory, reason },
  });
}

/** The place's shell said nothing that can be understood. */
export function silent(result: { exitCode: number | null; stdout: string; stderr: string }) {
  const output = `${result.stdout}\n${result.stderr}`.trim().slice(-2_000);
  return berthError("provision.probe_failed", {
    message: `the place's shell did not answer while installing (exit code ${result.exitCode ?? "none"})`,
    context: { output },
  });
}
