import { accessSync, constants, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { berthError, type FILE_ERROR_CODES, fileError } from "../contract/errors.ts";

type FileErrorCode = (typeof FILE_ERROR_CODES)[number];

const HINT = "See who may write there, or give another directory by BERTH_HOME.";

/** Primary result codes of SQLite (sqlite.org/rescode.html), the low byte of `errcode`. */
const BUSY = 5;
const LOCKED = 6;
const READ_ONLY = 8;
const IO_ERROR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const NO_DATABASE = 26;
/** Extended codes of a unique column and of a primary key. */
const UNIQUE = 2067;
const PRIMARY_KEY = 1555;
/** "SQL logic error": among others, a table that is not there. */
const GENERIC = 1;

function resultCode(cause: unknown): number | undefined {
  const error = cause as { code?: unknown; errcode?: unknown } | null;
  return error?.code === "ERR_SQLITE_ERROR" && typeof error.errcode === "number" ? error.errcode : undefined;
}

/** Another connection holds a lock that is in the way: it may be gone in a moment, and nothing was changed. */
export function isBusy(cause: unknown): boolean {
  const code = resultCode(cause);
  return code !== undefined && ((code & 0xff) === BUSY || (code & 0xff) === LOCKED);
}

export function isSqliteUniqueViolation(cause: unknown): boolean {
  const code = resultCode(cause);
  return code === UNIQUE || code === PRIMARY_KEY;
}

export function isSqliteMissingTable(cause: unknown): boolean {
  return resultCode(cause) === GENERIC && /no such table/.test((cause as Error).message);
}

/** What SQLite says of a file, as an error of the contract; what is a mistake in a query stays as it is. */
export function sqliteError(path: string, cause: unknown): unknown {
  const code = resultCode(cause);
  if (code === undefined) return cause;
  const said = (cause as Error).message;
  switch (code & 0xff) {
    case BUSY:
    case LOCKED:
      return berthError("store.busy", { context: { path }, cause });
    case CORRUPT:
    case NO_DATABASE:
      return berthError("store.damaged", {
        message: `the database ${path} can't be used: ${said}`,
        context: { path },
        cause,
      });
    case FULL:
      return noSpace(path, cause);
    case READ_ONLY:
    case CANNOT_OPEN:
      return notWritable(path, cause);
    case IO_ERROR:
      return isFull(path) ? noSpace(path, cause) : berthError("EIO", { context: { path }, cause });
    default:
      return cause;
  }
}

function noSpace(path: string, cause: unknown) {
  return berthError("ENOSPC", {
    message: `the database ${path} can't be written: no space is left there`,
    hint: "Free some space there, or give another directory by BERTH_HOME.",
    context: { path },
    cause,
  });
}

function isFull(path: string): boolean {
  try {
    return statfsSync(dirname(path)).bavail === 0;
  } catch {
    // A file system that can't be asked is not known to be full.
    return false;
  }
}

/** The system's own word for it. Asked by access(2): opening and closing the file would drop SQLite's locks on it. */
function notWritable(path: string, cause: unknown) {
  for (const target of [dirname(path), path]) {
    try {
      accessSync(target, constants.W_OK);
    } catch (error) {
      return stateError(target, error);
    }
  }
  return berthError("EACCES", {
    message: `the database ${path} can't be written: ${(cause as Error).message}`,
    hint: HINT,
    context: { path },
    cause,
  });
}

/** Why a file or directory of the database can't be made or written, by what the system said. */
export function stateError(path: string, cause: unknown) {
  const { code, context } = fileError(cause, path, "client");
  if ((cause as NodeJS.ErrnoException).code !== code) return cause;
  return berthError(code as FileErrorCode, {
    message: `Berth's state can't be kept: ${path}: ${code}`,
    hint: HINT,
    context,
    cause,
  });
}
