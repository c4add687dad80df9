import { Worker } from "node:worker_threads";
import { BerthError, berthError, type SerializedBerthError } from "../contract/errors.ts";
import type { EventStorage, StorageAnswer, StorageData, StorageMethod } from "./storage.ts";

interface Waiter {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress?: ((records: number, total: number) => void) | undefined;
}

/** The stored chain in a thread of its own. The thread keeps no program alive that waits for nothing. */
class ThreadedStorage implements EventStorage {
  readonly #worker: Worker;
  readonly #waiters = new Map<number, Waiter>();
  #lastId = 0;
  #ended: unknown;

  constructor(data: StorageData) {
    // Beside this file in the sources, in the library and in the command's bundle, under the same name.
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    this.#worker = new Worker(new URL(`./events-worker.${extension}`, import.meta.url), {
      workerData: data,
      name: "berth-events",
    });
    this.#worker.on("message", (answer: StorageAnswer) => this.#take(answer));
    this.#worker.on("error", (cause) => this.#end(cause));
    this.#worker.on("exit", () =>
      this.#end(berthError("store.unreachable", { context: { path: data.location } })),
    );
  }

  opened(): Promise<unknown> {
    return this.#wait(0);
  }

  append: EventStorage["append"] = (...args) => this.#call("append", args);
  head: EventStorage["head"] = () => this.#call("head");
  headIfChanged: EventStorage["headIfChanged"] = () => this.#call("headIfChanged");
  anchor: EventStorage["anchor"] = () => this.#call("anchor");
  read: EventStorage["read"] = (...args) => this.#call("read", args);
  lines: EventStorage["lines"] = (...args) => this.#call("lines", args);
  prune: EventStorage["prune"] = (...args) => this.#call("prune", args);
  signedHeads: EventStorage["signedHeads"] = () => this.#call("signedHeads");
  storeSignedHead: EventStorage["storeSignedHead"] = (...args) => this.#call("storeSignedHead", args);
  verify: EventStorage["verify"] = (options, onProgress) => this.#call("verify", [options], onProgress);

  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    await this.#call("close");
    await this.#worker.terminate();
  }

  #call<T>(
    method: StorageMethod,
    args: readonly unknown[] = [],
    onProgress?: Waiter["onProgress"],
  ): Promise<T> {
    this.#lastId += 1;
    const answer = this.#wait(this.#lastId, onProgress);
    if (this.#ended === undefined) this.#worker.postMessage({ id: this.#lastId, method, args });
    return answer as Promise<T>;
  }

  #wait(id: number, onProgress?: Waiter["onProgress"]): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#worker.ref();
    return new Promise((resolve, reject) => this.#waiters.set(id, { resolve, reject, onProgress }));
  }

  #take(answer: StorageAnswer): void {
    const waiter = this.#waiters.get(answer.id);
    if ("progress" in answer) {
      waiter?.onProgress?.(...answer.progress);
      return;
    }
    this.#waiters.delete(answer.id);
    if (this.#waiters.size === 0) this.#worker.unref();
    if ("error" in answer) waiter?.reject(errorOf(answer.error));
    else waiter?.resolve(answer.result);
  }

  #end(cause: unknown): void {
    this.#ended ??= cause;
    for (const { reject } of this.#waiters.values()) reject(this.#ended);
    this.#waiters.clear();
  }
}

function errorOf(error: unknown): unknown {
  const serialized = (error as { berth?: SerializedBerthError } | null)?.berth;
  return serialized === undefined ? error : new BerthError(serialized);
}

/**
 * Opens the stored chain in a thread of its own.
 * @throws what openStore throws
 */
export async function openThreaded(data: StorageData): Promise<EventStorage> {
  const storage = new ThreadedStorage(data);
  await storage.opened();
  return storage;
}
