import type { BerthError } from "../../contract/errors.ts";
import type { TtySize } from "../../contract/process.ts";

/** What is to be started; everything is resolved and validated. */
export interface SpawnSpec {
  readonly argv: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** Complete environment, in order. */
  readonly env: readonly (readonly [string, string])[];
  readonly stdin: "pipe" | "ignore";
  readonly stderr: "separate" | "merge";
  readonly tty: TtySize | undefined;
  readonly user:
    | { readonly uid: number; readonly gid: number; readonly groups: readonly number[] }
    | undefined;
}

/** What comes back from a process; calls come in this order. */
export interface SpawnEvents {
  /** Descriptors of this process's ends; the receiver owns them. stdin takes writes, the others give bytes. */
  started(process: SpawnedProcess): void;
  /** Never started: no other call follows. */
  failed(error: BerthError): void;
  /** The command itself has ended. Output may still be in the pipes. */
  exited(status: { readonly exitCode: number | null; readonly signal: string | null }): void;
  /** Nothing of its tree is left. Last call of a process that was started. */
  empty(): void;
}

export interface SpawnedProcess {
  readonly pid: number;
  /** Clock ticks since boot, as in /proc/<pid>/stat; 0 where unknown. */
  readonly startTime: number;
  readonly stdin: number | undefined;
  readonly stdout: number;
  /** Undefined when merged or with a tty. */
  readonly stderr: number | undefined;
  /** To the process group. False when nothing of it is left. */
  signal(signal: number): Promise<boolean>;
  /** SIGKILL to everything of the tree until a look finds none; returns how many were left after `limitMs`. */
  killTree(limitMs: number): Promise<number>;
  resize(size: TtySize): void;
}

/** Starts processes with real pipes, a session and process group each, and knows their trees. */
export interface Spawner {
  readonly processTree: "exact" | "best-effort" | "group";
  readonly tty: boolean;
  /** At most one start a turn of the loop is made by the caller. What it throws is a start that failed. */
  spawn(spec: SpawnSpec, events: SpawnEvents): void;
  /** Ends all trees that are left. */
  close(): Promise<void>;
}
