import { isBerthError } from "../../contract/errors.ts";
import type { Process, ProcessStdin } from "../../contract/process.ts";
import { within } from "../../contract/within.ts";
import type { FoundProcess } from "../context.ts";

/** So long the end of a session waits for input to arrive in a place that does not answer. */
const FLUSH_LIMIT_MS = 10_000;

/** A process that somebody works with. */
export interface ProcessSession extends Disposable {
  readonly id: string;
  readonly workspaceId: string;
  readonly process: Process;
  readonly stdin: ProcessStdin;
  /** Something that was asked of it has failed: of no use any more is one whose place was left. */
  failed(error: unknown): void;
}

/**
 * One handle of a process for all who work with it at a time, so that all input goes one way and in one order. It is let
 * go with the last of them, once their input has arrived.
 */
export class ProcessSessions {
  readonly #shared = new Map<string, SharedProcess>();
  readonly #ending = new Set<Promise<void>>();

  /** Takes over what was found. */
  open(found: FoundProcess): ProcessSession {
    const { id } = found.info;
    const known = this.#shared.get(id);
    if (known !== undefined) {
      found[Symbol.dispose]();
      return this.#session(known);
    }
    const shared = new SharedProcess(found);
    this.#shared.set(id, shared);
    return this.#session(shared);
  }

  #session(shared: SharedProcess): ProcessSession {
    shared.users += 1;
    let open = true;
    const { process, workspace } = shared.found;
    return {
      id: process.id,
      workspaceId: workspace.id,
      process,
      stdin: shared.stdin,
      failed: (error) => {
        if (isBerthError(error, "runtime.closed")) this.#forget(shared);
      },
      [Symbol.dispose]: () => {
        if (!open) return;
        open = false;
        shared.users -= 1;
        if (shared.users === 0) this.#end(shared);
      },
    };
  }

  #end(shared: SharedProcess): void {
    if (!shared.wrote) {
      this.#let(shared);
      return;
    }
    shared.wrote = false;
    const ending = shared.flush(FLUSH_LIMIT_MS).then(() => {
      this.#ending.delete(ending);
      // Somebody may have come meanwhile.
      if (shared.users === 0) this.#end(shared);
    });
    this.#ending.add(ending);
  }

  #let(shared: SharedProcess): void {
    this.#forget(shared);
    shared.found.process.release();
    shared.found[Symbol.dispose]();
  }

  #forget(shared: SharedProcess): void {
    const id = shared.found.process.id;
    if (this.#shared.get(id) === shared) this.#shared.delete(id);
  }

  /** Settles when the input of all that was let go has arrived. */
  async settled(): Promise<void> {
    await Promise.all(this.#ending);
  }
}

class SharedProcess {
  readonly found: FoundProcess;
  readonly stdin: ProcessStdin;
  users = 0;
  /** There may be input on its way. */
  wrote = false;

  constructor(found: FoundProcess) {
    this.found = found;
    const { stdin } = found.process;
    this.stdin = {
      write: (data) => {
        this.wrote = true;
        return stdin.write(data);
      },
      end: () => {
        this.wrote = true;
        return stdin.end();
      },
      flush: () => stdin.flush(),
    };
  }

  /** Never rejects. */
  async flush(limitMs: number): Promise<void> {
    // What can't arrive is told to who wrote it.
    await within(limitMs, this.found.process.stdin.flush()).catch(() => undefined);
  }
}
