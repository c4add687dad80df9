// The thread in which a runner's events are written, or read: what the disk does never stalls the API.
import { parentPort, workerData } from "node:worker_threads";
import { isBerthError } from "../contract/errors.ts";
import { openRows } from "./open-rows.ts";
import type { StorageAnswer, StorageData, StorageRequest } from "./storage.ts";

if (parentPort !== null) await serve(parentPort, workerData as StorageData);

async function serve(port: NonNullable<typeof parentPort>, data: StorageData): Promise<void> {
  const answer = (message: StorageAnswer) => port.postMessage(message);
  const rows = await openRows(data).catch((cause: unknown) => answer({ id: 0, error: plain(cause) }));
  if (rows === undefined) return;
  port.on("message", async ({ id, method, args }: StorageRequest) => {
    try {
      const progress = (...done: [number, number]) => answer({ id, progress: done });
      const call = rows[method] as (...args: unknown[]) => Promise<unknown>;
      const result = await call.call(rows, ...args, ...(method === "verify" ? [progress] : []));
      answer({ id, result });
    } catch (cause) {
      answer({ id, error: plain(cause) });
    }
    if (method === "close") port.close();
  });
  answer({ id: 0, result: undefined });
}

/** Errors of the contract lose their class between threads. */
function plain(cause: unknown): unknown {
  if (isBerthError(cause)) return { berth: cause.toJSON() };
  return cause;
}
