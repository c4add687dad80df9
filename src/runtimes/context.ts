import type { Duplex } from "node:stream";
import type { OpenOptions } from "../contract/runtime.ts";

/** A process host inside the caller's process. */
export interface EmbeddedDaemon {
  /** Serves a client over an in-memory stream. */
  accept(stream: Duplex): unknown;
  close(): Promise<void>;
}

export interface EmbedRequest {
  /** Directory of its own, made. */
  readonly directory: string;
  readonly token: string;
  readonly helperPath: string | undefined;
  readonly nodeArgv: readonly string[];
  /** The daemon's script, for workers as another user. */
  readonly script: string;
}

/** What the composition file hands to whoever opens a runtime. */
export interface RuntimeContext {
  readonly options: OpenOptions;
  /** Where Berth keeps its state on this machine; not made yet. */
  readonly stateDirectory: string;
  /** Directory that relative paths of a configuration start at. */
  readonly baseDirectory: string;
  /** Loads and starts the daemon's own code in this process. */
  readonly embed: (request: EmbedRequest) => Promise<EmbeddedDaemon>;
}
