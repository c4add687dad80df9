import type { Duplex } from "node:stream";
import { berthError } from "../../contract/errors.ts";

/** That a client has gone before its upgrade was answered. */
export interface Leaving extends Disposable {
  readonly signal: AbortSignal;
}

/** Looks out for it until disposed. */
export function leaving(socket: Duplex): Leaving {
  const controller = new AbortController();
  const leave = (): void => controller.abort(berthError("operation.aborted", { hop: "runner" }));
  socket.once("close", leave);
  return { signal: controller.signal, [Symbol.dispose]: () => void socket.off("close", leave) };
}
