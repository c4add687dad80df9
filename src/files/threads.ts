import { berthError } from "../contract/errors.ts";
import { isBeneath, type RemoteMount, RemoteMounts } from "./mounts.ts";
import { splitPath } from "./names.ts";

/** Calls that may hang on one mount (or in one directory) before further ones are refused. */
const MAX_HUNG = 4;
/** Calls in the thread pool at once on one remote mount, so that one that hangs never takes the whole pool. */
const MAX_IN_FLIGHT_REMOTE = 4;

/**
 * The calls of one operation. One that passed its deadline may still be in the queue of the thread pool, with the
 * numbers of descriptors in its arguments: these must not be closed, and so given to others, before it is through.
 */
export class CallOwner {
  #hung = 0;
  #waiting: (() => void)[] = [];

  /** Some call of this operation passed its deadline and is not through. */
  get hung(): boolean {
    return this.#hung > 0;
  }

  /** Runs the action now, or when no call of this operation hangs any more. */
  whenSafe(action: () => void): void {
    if (this.#hung === 0) action();
    else this.#waiting.push(action);
  }

  hangs(): void {
    this.#hung += 1;
  }

  returned(): void {
    this.#hung -= 1;
    if (this.#hung > 0) return;
    for (const action of this.#waiting.splice(0)) action();
  }
}

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

export interface FileCall<T> {
  /** As the user wrote it: for the choice of the mount, and for errors. */
  readonly path: string;
  readonly timeoutMs: number;
  readonly owner: CallOwner;
  start(done: Done<T>): void;
  /** Gets what arrives after the deadline. */
  undo?(late: T): void;
}

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
   * Runs one call of node:fs.
   * @throws fs.timeout after `timeoutMs`, or at once where too many calls hang
   */
  run<T>(call: FileCall<T>): Promise<T> {
    const first = this.#mounts.refresh();
    return first === undefined ? this.#run(call) : first.then(() => this.#run(call));
  }

  #run<T>(call: FileCall<T>): Promise<T> {
    const { path, timeoutMs, owner } = call;
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
          owner.hangs();
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
        const done: Done<T> = (error, value) => {
          if (mount !== undefined) leave(mount);
          if (state === "hung") {
            this.#recovered(hungKey);
            if (!error) call.undo?.(value);
            owner.returned();
            return;
          }
          state = "done";
          clearTimeout(deadline);
          if (error) reject(error);
          else resolve(value);
        };
        try {
          call.start(done);
        } catch (error) {
          // node:fs refuses arguments that no system call can have, such as a path with a NUL.
          done(error as NodeJS.ErrnoException, undefined as T);
        }
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
