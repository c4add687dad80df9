import type { EventRows } from "./rows.ts";

/** What the log asks of the stored chain, in this thread or in another one. */
export type EventStorage = Pick<
  EventRows,
  | "append"
  | "head"
  | "headIfChanged"
  | "anchor"
  | "read"
  | "lines"
  | "prune"
  | "signedHeads"
  | "storeSignedHead"
  | "verify"
  | "close"
>;

export type StorageMethod = keyof EventStorage;

/** To the thread. */
export interface StorageRequest {
  readonly id: number;
  readonly method: StorageMethod;
  readonly args: readonly unknown[];
}

/** From the thread; the first one has the id 0 and says that the database is open. */
export type StorageAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: unknown }
  | { readonly id: number; readonly progress: readonly [number, number] };

/** What the thread is started with. */
export interface StorageData {
  readonly location: string;
  readonly busyTimeoutMs: number;
}
