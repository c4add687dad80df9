import { berthError } from "../contract/errors.ts";
import { isBeneath, type RemoteMount, RemoteMounts } from "./mounts.ts";
import { splitPath } from "./names.ts";

/** Calls that may hang on one mount (or in one directory) before further ones are refused. */
const MAX_HUNG = 4;
/** Calls in the thread pool at once on one remote mount, so that one that hangs never takes the whole pool. */
const MAX_IN_FLIGHT_REMOTE = 4;

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

/**
 * Guards the thread pool of the process (UV_THREADPOOL_SIZE, 16 in the daemon) against file systems that do not
 * answer: every call has a deadline; a remote mount gets at most four threads; where four calls hang, further
 * ones are refused at once until one of them comes back.
 */
export class FileThreads {
  readonly #mounts = new RemoteMounts();
  /** Hung calls by remote mount, or by directory on a local file system. */
  readonly #hung = new Map<string, number>();

  /** Calls that passed their deadline and hold a thread still. */
  get hung(): number {
    let count = 0;
    for (const value of this.#hung.values()) count += value;
    return count;
  }

  /**
   * Runs one call of node:fs. `path` is the user's (for the choice of the mount, and for errors). What arrives
   * after the deadline goes to `undo`.
   * @throws fs.timeout after `timeoutMs`, or at once where too many calls hang
   */
  run<T>(
    path: string,
    timeoutMs: number,
    start: (done: Done<T>) => void,
    undo?: (late: T) => void,
  ): Promise<T> {
    const first = this.#mounts.refresh();
    if (first !== undefined) return first.then(() => this.#run(path, timeoutMs, start, undo));
    return this.#run(path, timeoutMs, start, undo);
  }

  #run<T>(
    path: string,
    timeoutMs: number,
    start: (done: Done<T>) => void,
    undo?: (late: T) => void,
  ): Promise<T> {
    if (this.#hung.size > 0 && this.#refused(path)) return Promise.reject(timeoutError(path, 0));
    const mount = this.#mounts.find(path);
    return new Promise<T>((resolve, reject) => {
      let state: "waiting" | "running" | "hung" | "done" = "waiting";
      let hungKey = "";
      const deadline = setTimeout(() => {
        if (state === "running") {
          state = "hung";
          hungKey = mount?.path ?? splitPath(path).parent;
          this.#hung.set(hungKey, (this.#hung.get(hungKey) ?? 0) + 1);
        } else {
          state = "done";
        }
        reject(timeoutError(path, timeoutMs));
      }, timeoutMs);
      const begin = (): void => {
        if (state === "done") {
          if (mount !== undefined) leave(mount);
          return;
        }
        state = "running";
        start((error, value) => {
          if (mount !== undefined) leave(mount);
          if (state === "hung") {
            this.#recovered(hungKey);
            if (error === null || error === undefined) undo?.(value);
            return;
          }
          state = "done";
          clearTimeout(deadline);
          if (error) reject(error);
          else resolve(value);
        });
      };
      if (mount === undefined) begin();
      else enter(mount, begin);
    });
  }

  #refused(path: string): boolean {
    for (const [key, count] of this.#hung) {
      if (count >= MAX_HUNG && isBeneath(path, key)) return true;
    }
    return false;
  }

  #recovered(key: string): void {
    const left = (this.#hung.get(key) ?? 1) - 1;
    if (left > 0) this.#hung.set(key, left);
    else this.#hung.delete(key);
  }
}

function enter(mount: RemoteMount, begin: () => void): void {
  if (mount.inFlight >= MAX_IN_FLIGHT_REMOTE) {
    mount.waiting.push(begin);
    return;
  }
  mount.inFlight += 1;
  begin();
}

/** Hands the thread to the next call that waits for this mount. */
function leave(mount: RemoteMount): void {
  const next = mount.waiting.shift();
  if (next === undefined) mount.inFlight -= 1;
  else next();
}

function timeoutError(path: string, timeoutMs: number): Error {
  return berthError("fs.timeout", { hop: "berthd", context: { path, timeoutMs } });
}
