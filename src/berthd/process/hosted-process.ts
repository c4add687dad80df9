import type { ClientSession } from "../service.ts";
import type { Lease } from "./lease.ts";
import type { ManagedProcess } from "./process.ts";

/** A process and what the host knows of those who are interested in it. */
export interface HostedProcess {
  readonly process: ManagedProcess;
  readonly lease: Lease;
  readonly owner: string;
  /** Its owner being connected is reason enough to keep it; otherwise only readers are. */
  readonly keptByOwner: boolean;
  /** Of its record; undefined where none is kept. */
  readonly directory: string | undefined;
  /** Who writes its input, by client: the connection that does so now, and the bytes taken over from all of them. */
  readonly inputs: Map<string, { session: ClientSession; accepted: number }>;
  /** Open output streams. */
  readers: number;
  /** All of its output and the exit were sent to a reader. */
  delivered: boolean;
  persisted: boolean;
  /** The last write of its record; writes of one process follow each other. */
  recording: Promise<void>;
}
