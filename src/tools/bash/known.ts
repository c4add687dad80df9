import { berthError, isBerthError } from "../../contract/errors.ts";
import type { ExitStatus, Process } from "../../contract/process.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { within } from "../../contract/within.ts";

/** How long the end of a conversation waits for a place that does not answer. */
const CLOSE_LIMIT_MS = 5_000;

/** A process that the conversation has started or looked at. */
export interface Known {
  readonly process: Process;
  /** The conversation has seen its output up to here. */
  cursor: number;
  /** Started by the conversation, and ends with it. */
  readonly owned: boolean;
  /** Of one that it has started: how it ended, once that is known. */
  exit: ExitStatus | undefined;
}

/** The processes of one conversation: where it is in their output, and which end with it. */
export class KnownProcesses {
  readonly #runtime: Runtime;
  /** By id; the newest last. */
  readonly #known = new Map<string, Known>();
  #closed = false;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get(id: string): Known | undefined {
    return this.#known.get(id);
  }

  /** One that the conversation has started; `stays`: it does not end with it. One that is known already is left as it is. */
  async add(process: Process, cursor: number, stays: boolean): Promise<Known> {
    const before = this.#known.get(process.id);
    if (before !== undefined) {
      if (before.process !== process) process.release();
      return before;
    }
    const known: Known = { process, cursor, owned: !stays, exit: process.found.exit };
    this.#known.set(process.id, known);
    process.exit.then(
      (exit) => {
        known.exit = exit;
      },
      // Lost: whoever looks is told so.
      () => undefined,
    );
    if (this.#closed) {
      await this.#end(known);
      throw berthError("runtime.closed", { message: "the tools were closed" });
    }
    return known;
  }

  /** By id, or by a name that the conversation has given or that the place knows. @throws process.unknown, process.reaped */
  async find(idOrName: string, signal: AbortSignal): Promise<Known> {
    const own = [...this.#known.values()].findLast(
      ({ process }) => process.id === idOrName || process.name === idOrName,
    );
    if (own?.owned) return own;
    // Nobody here watches it: what is known of it may be old.
    const process = await this.#runtime.process(own?.process.id ?? idOrName, { signal });
    const known: Known = {
      process,
      cursor: this.#known.get(process.id)?.cursor ?? 0,
      owned: false,
      exit: process.found.exit,
    };
    own?.process.release();
    this.#known.set(process.id, known);
    return known;
  }

  /** Ends what the conversation has started, all at once. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#known.values()];
    this.#known.clear();
    await Promise.all(all.map((known) => this.#end(known)));
  }

  async #end({ process, owned, exit }: Known): Promise<void> {
    if (!owned || exit !== undefined) {
      process.release();
      return;
    }
    // A place that does not answer is told when it is back; its lease ends what can't be told.
    await within(CLOSE_LIMIT_MS, killed(process));
  }
}

async function killed(process: Process): Promise<void> {
  try {
    await process.kill();
  } catch (error) {
    // What the place no longer has, has ended.
    if (!isBerthError(error)) throw error;
  }
  process.release();
}
