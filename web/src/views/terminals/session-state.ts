import type { RunnerClient } from "../../../../src/client/index.ts";
import type { Process } from "../../state/store.ts";
import type { Emulator } from "./emulator.ts";
import type { Refusal } from "./words.ts";

export interface SessionState {
  /** restoring: what was printed before is made to a screen again. gone: there is no such process any more. */
  readonly phase: "opening" | "restoring" | "live" | "ended" | "failed" | "gone";
  readonly role: "writer" | "viewer";
  readonly isConnected: boolean;
  readonly process: Process | undefined;
  readonly exit: NonNullable<Process["exit"]> | undefined;
  /** That the program has given itself. */
  readonly title: string;
  readonly hasBell: boolean;
  /** Why what was typed last was not sent; undefined again after a while. */
  readonly refused: Refusal | undefined;
  /** What was typed right before the connection was lost may not have arrived. */
  readonly maybeLost: boolean;
  /** Bytes of output that the place has no more. */
  readonly missingBytes: number;
  readonly error: unknown;
}

export interface SessionOptions {
  readonly client: RunnerClient;
  readonly processId: string;
  readonly emulator: Emulator;
  readonly fontSize: number;
  /** The token may type. */
  readonly mayWrite: boolean;
  /** Started by this page a moment ago: everything that it asks of its terminal is answered. */
  readonly isFresh: boolean;
  /** This page was the writer before it was loaded again. */
  readonly wasWriter: boolean;
}

export const OPENING: SessionState = {
  phase: "opening",
  role: "viewer",
  isConnected: true,
  process: undefined,
  exit: undefined,
  title: "",
  hasBell: false,
  refused: undefined,
  maybeLost: false,
  missingBytes: 0,
  error: undefined,
};
