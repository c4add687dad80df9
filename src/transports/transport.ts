import type { Duplex, Readable, Writable } from "node:stream";

/** A bootstrap command in a place: probe, start the daemon, or every command of a place without a daemon. */
export interface RawProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles after stdout and stderr have ended. Rejects only when the way to the place failed. */
  readonly exit: Promise<{ readonly exitCode: number | null; readonly signal: string | null }>;
  /** Stops caring for it; ends it where the transport can. */
  close(): void;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** `env` is all: nothing is inherited. For the local transport; in other places there is nothing to inherit. */
  readonly cleanEnvironment?: boolean;
  readonly cwd?: string;
  readonly user?: string;
  readonly tty?: { readonly columns: number; readonly rows: number };
  /** It ends other commands: where commands wait for each other, it goes before those that don't. */
  readonly urgent?: boolean;
  readonly signal?: AbortSignal;
}

export interface DialOptions {
  readonly signal?: AbortSignal;
  /**
   * A program of the place, to which the socket's path is added, that connects its stdio to the socket. For
   * transports that reach the place only by running commands there.
   */
  readonly bridge?: readonly string[];
}

/** How Berth reaches a place. The only thing that a new runtime has to implement. */
export interface Transport extends AsyncDisposable {
  /** "docker container web-1", for errors and logs. */
  readonly description: string;
  run(argv: readonly string[], options?: RunOptions): Promise<RawProcess>;
  /** Unpacks a tar stream in an existing directory of the place. */
  put(archive: Readable, directory: string, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * A byte stream to the SFTP server of the place, where the transport has such a way at all.
   * @throws ssh.sftp_missing when the place has none
   */
  sftp?(options?: { readonly signal?: AbortSignal | undefined }): Promise<Duplex>;
  /** A byte stream to the unix socket of a daemon in the place. */
  dial(socketPath: string, options?: DialOptions): Promise<Duplex>;
  close(): Promise<void>;
}

/** Collects a bootstrap command's output; at most `limitBytes` (default 1 MiB) of each stream is kept. */
export interface RunResult {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}
