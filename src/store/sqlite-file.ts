import { chmodSync, closeSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeDirectories } from "../files/directories.ts";
import { patiently } from "./patiently.ts";
import { sqliteError, stateError } from "./sqlite-errors.ts";

/**
 * Opens a file as a database, made if it is missing: 0600, in a directory that is made with 0700.
 *
 * Write-ahead log, so that who reads never waits for who writes. `synchronous = FULL`: a commit is on the disk when it
 * returns, also after a loss of power, since the journal has to know of a container before there is one; that is one
 * fsync a commit, and Berth commits a handful of times a command.
 * @throws store.damaged, store.busy, ENOSPC, EACCES, EROFS and other errors of files
 */
export async function openSqliteFile(path: string, busyTimeoutMs: number): Promise<DatabaseSync> {
  const directory = dirname(path);
  await makeDirectories(directory, 0o700).catch((cause) => {
    throw stateError(directory, cause);
  });
  makePrivateFile(path);
  const database = await patiently(() => new DatabaseSync(path, { timeout: 0 }), path, busyTimeoutMs);
  try {
    await patiently(() => database.exec("pragma journal_mode = wal"), path, busyTimeoutMs);
    database.exec("pragma synchronous = full");
    return database;
  } catch (cause) {
    database.close();
    throw sqliteError(path, cause);
  }
}

/**
 * Makes an empty file with 0600, unless there is one: then its mode is seen to. What SQLite puts beside a database gets
 * the same mode. A file that exists is never opened here: closing it would drop the locks that this process has on it.
 * @throws errors of files
 */
export function makePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw stateError(path, cause);
    try {
      if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
    } catch (error) {
      // Removed by its owner meanwhile: SQLite makes it again.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw stateError(path, error);
    }
  }
}
