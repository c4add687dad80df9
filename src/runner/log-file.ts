import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import { fileError } from "../contract/errors.ts";

/** At 16 MiB the file becomes `NAME.1`, in place of an older one: 32 MiB at most. */
const DEFAULT_LIMIT_BYTES = 16 * 1024 * 1024;

/** A file that log lines are appended to, with a limit. What can't be written (a full disk) is left out. */
export interface LogFile extends Disposable {
  write(line: string): void;
}

/** A descriptor that appends to it; it is made if it is missing, for its owner alone. @throws errors of files */
export function openForLog(path: string): number {
  try {
    return openSync(path, "a", 0o600);
  } catch (cause) {
    throw fileError(cause, path, "runner");
  }
}

/** @throws errors of files */
export function openLogFile(path: string, limitBytes = DEFAULT_LIMIT_BYTES): LogFile {
  const open = (): number => openForLog(path);
  let descriptor = open();
  let bytes = fstatSync(descriptor).size;
  const rotate = (): void => {
    renameSync(path, `${path}.1`);
    const next = open();
    closeSync(descriptor);
    descriptor = next;
    bytes = 0;
  };
  return {
    write(line) {
      try {
        if (bytes > 0 && bytes + line.length > limitBytes) rotate();
        bytes += writeSync(descriptor, line);
      } catch {
        // There is no better place to say so.
      }
    },
    [Symbol.dispose]() {
      closeSync(descriptor);
    },
  };
}
