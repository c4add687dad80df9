import { renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { type BerthError, berthError } from "../contract/errors.ts";
import { VERSION } from "../contract/version.ts";
import { privateDirectory, stateError } from "../runtimes/state-directory.ts";
import { isLocked, takeLock } from "../store/file-lock.ts";
import {
  formatRunnerFile,
  lockIdentity,
  lockPath,
  processStartOf,
  type RunnerFile,
  readRunnerFile,
  runnerFilePath,
} from "./runner-file.ts";

/** More than the file has, and a block of any file system. */
const RESERVED_BYTES = 4096;

/** That this process is the one runner of a state directory. The kernel gives it back when the process dies. */
export interface Hold extends Disposable {
  /** Says in `runner.json` where the runner listens: from now on other programs use it. */
  publish(runner: Pick<RunnerFile, "url" | "host" | "port" | "instanceId" | "startedAt">): void;
  /** Takes back what was published, while the lock stays. */
  withdraw(): void;
  /** Whether the state directory is still the one that is held: it may have been removed, moved, or put back from a copy. */
  isInPlace(): boolean;
}

/**
 * Becomes the runner of a state directory, which is made if it is missing. What a killed one left behind is removed.
 * @throws runner.held (after `waitMs`, default 0), provision.no_directory, operation.aborted
 */
export async function holdStateDirectory(
  stateDirectory: string,
  options: { readonly waitMs?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Hold> {
  await privateDirectory(stateDirectory);
  const lock = await takeLock(lockPath(stateDirectory), options);
  if (lock === undefined) throw heldError(stateDirectory);
  const path = runnerFilePath(stateDirectory);
  const lockFile = lockIdentity(stateDirectory);
  const isInPlace = (): boolean => lockIdentity(stateDirectory) === lockFile;
  const withdraw = (): void => {
    // In another directory at its place the file is another runner's.
    if (isInPlace()) rmSync(path, { force: true });
  };
  withdraw();
  return {
    isInPlace,
    publish(runner) {
      const content = formatRunnerFile({
        ...runner,
        pid: process.pid,
        processStart: processStartOf(process.pid),
        version: VERSION,
        machine: hostname(),
        lock: lockFile,
      });
      const temporary = temporaryPath(stateDirectory);
      try {
        writeFileSync(temporary, content, { mode: 0o600 });
        renameSync(temporary, path);
      } catch (cause) {
        rmSync(temporary, { force: true });
        throw stateError(stateDirectory, cause);
      }
    },
    withdraw,
    [Symbol.dispose]() {
      if (!lock.isHeld) return;
      try {
        withdraw();
      } finally {
        lock.release();
      }
    },
  };
}

/**
 * Sees to it that what is published later has room on the disk.
 * @throws provision.no_space, provision.no_directory
 */
export function reserveRunnerFile(stateDirectory: string): Disposable {
  const path = temporaryPath(stateDirectory);
  const remove = (): void => rmSync(path, { force: true });
  try {
    writeFileSync(path, Buffer.alloc(RESERVED_BYTES), { mode: 0o600 });
  } catch (cause) {
    remove();
    throw stateError(stateDirectory, cause);
  }
  return { [Symbol.dispose]: remove };
}

function temporaryPath(stateDirectory: string): string {
  return `${runnerFilePath(stateDirectory)}.${process.pid}`;
}

/** Whether some runner holds the state directory now. */
export function isHeld(stateDirectory: string): boolean {
  return isLocked(lockPath(stateDirectory));
}

/** Who holds it, in an error: process and address, or that it has only begun to start. */
function heldError(stateDirectory: string): BerthError {
  const file = readRunnerFile(stateDirectory);
  if (file === undefined) {
    return berthError("runner.held", {
      message: `a runner that has not said yet where it listens works on ${stateDirectory}`,
      hop: "runner",
      context: { path: stateDirectory },
    });
  }
  const elsewhere = file.machine === hostname() ? "" : ` of ${file.machine}`;
  return berthError("runner.held", {
    hop: "runner",
    context: { path: stateDirectory, pid: `${file.pid}${elsewhere}`, url: file.url, version: file.version },
  });
}
