import { existsSync, rmSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { berthError } from "../contract/errors.ts";
import { isBusy, sqliteError } from "./sqlite-errors.ts";
import { makePrivateFile } from "./sqlite-file.ts";

/**
 * A look at whether a lock is held takes it for an instant, shared with other looks; whoever wants it then tries again
 * before saying that it is held.
 */
const ATTEMPTS = 4;
const ATTEMPT_PAUSE_MS = 4;
const MIN_POLL_MS = 20;
const MAX_POLL_MS = 250;

/**
 * A lock that the kernel releases when the process dies, however it dies: an SQLite file opened exclusively, since Node
 * has no flock. Children of the process do not inherit it, two holders in one process exclude each other.
 */
export interface FileLock extends Disposable {
  readonly isHeld: boolean;
  /** Releases it; with `remove`, its file goes too. Further calls do nothing. */
  release(options?: { readonly remove?: boolean }): void;
}

export interface TakeLockOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long another holder is waited for. Default 0: not at all. */
  readonly waitMs?: number | undefined;
  /** Called once, when it has to be waited. */
  readonly onWait?: (() => void) | undefined;
}

/**
 * Takes a lock; undefined: another one held it all the time. Its directory has to exist. The end of a wait is found by
 * looking, at most 250 ms late: that a process dies is no event of the lock's file that a watch would tell.
 * @throws operation.aborted, errors of files
 */
export async function takeLock(path: string, options: TakeLockOptions = {}): Promise<FileLock | undefined> {
  const { signal, waitMs = 0, onWait } = options;
  const endMs = performance.now() + waitMs;
  let told = false;
  let pollMs = MIN_POLL_MS;
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal);
    const lock = tryLock(path);
    if (lock !== undefined) return lock;
    if (attempt < ATTEMPTS) {
      await delay(ATTEMPT_PAUSE_MS * (0.5 + Math.random()));
      continue;
    }
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) return undefined;
    if (!told) onWait?.();
    told = true;
    await pause(Math.min(pollMs, leftMs), signal);
    pollMs = Math.min(pollMs * 1.5, MAX_POLL_MS);
  }
}

/** Whether somebody holds the lock now, this process included. */
export function isLocked(path: string): boolean {
  // SQLite would make the file.
  if (!existsSync(path)) return false;
  const database = openFile(path);
  try {
    database.prepare("select count(*) from sqlite_master").get();
    return false;
  } catch (cause) {
    if (isBusy(cause)) return true;
    throw sqliteError(path, cause);
  } finally {
    database.close();
  }
}

/** Resolves to true as soon as nobody holds the lock, to false when that takes longer than `timeoutMs`. */
export async function lockIsFree(
  path: string,
  options: { readonly signal?: AbortSignal | undefined; readonly timeoutMs: number },
): Promise<boolean> {
  const endMs = performance.now() + options.timeoutMs;
  for (let pollMs = MIN_POLL_MS; ; pollMs = Math.min(pollMs * 1.5, MAX_POLL_MS)) {
    throwIfAborted(options.signal);
    if (!isLocked(path)) return true;
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) return false;
    await pause(Math.min(pollMs, leftMs), options.signal);
  }
}

/**
 * One attempt, in one go: nothing else of this process runs in between. Whoever releases a lock may remove its file, so
 * that who has opened it before gets the lock of a file that nobody else finds any more: such a lock is none.
 */
function tryLock(path: string): FileLock | undefined {
  for (;;) {
    makePrivateFile(path);
    const before = identity(path);
    const database = openFile(path);
    let kept = false;
    try {
      // No journal file: nothing is ever written.
      database.exec("pragma journal_mode = memory; pragma locking_mode = exclusive; begin exclusive");
      kept = before !== undefined && before === identity(path);
      if (kept) return held(path, database);
    } catch (cause) {
      if (isBusy(cause)) return undefined;
      throw sqliteError(path, cause);
    } finally {
      if (!kept) database.close();
    }
  }
}

function held(path: string, database: DatabaseSync): FileLock {
  const release = ({ remove = false }: { readonly remove?: boolean } = {}) => {
    if (!database.isOpen) return;
    try {
      // While it is held: nobody else can have taken it for theirs.
      if (remove) rmSync(path, { force: true });
    } finally {
      database.close();
    }
  };
  return {
    get isHeld() {
      return database.isOpen;
    },
    release,
    [Symbol.dispose]: release,
  };
}

/** Tells a file from every other one that was or will be at its path: inode numbers are used again. */
function identity(path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`;
}

function openFile(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 });
  } catch (cause) {
    throw sqliteError(path, cause);
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw berthError("operation.aborted", { cause: signal.reason });
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch(() => throwIfAborted(signal));
}
