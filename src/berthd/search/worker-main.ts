import { parentPort } from "node:worker_threads";
import { toBerthError } from "../../contract/errors.ts";
import { searchTree } from "../../files/search/tree.ts";
import { CALLS, IN_CALL, type WorkerAnswer, type WorkerRequest } from "./workers.ts";

/** The whole of a thread for searches: one after the other, until the thread is ended. */
export function runSearchWorker(): void {
  const port = parentPort;
  port?.on("message", ({ search, shared }: WorkerRequest) => {
    const state = new Int32Array(shared);
    const watch = {
      begin: () => {
        Atomics.add(state, CALLS, 1);
        Atomics.store(state, IN_CALL, 1);
      },
      end: () => {
        Atomics.store(state, IN_CALL, 0);
      },
    };
    port.postMessage(answer(() => searchTree(search, watch)));
  });
}

function answer(work: () => ReturnType<typeof searchTree>): WorkerAnswer {
  try {
    return { result: work() };
  } catch (error) {
    return { error: toBerthError(error, "berthd").toJSON() };
  }
}
