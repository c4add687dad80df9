/**
 * Where a git repository is: this machine, or any runtime. The same few calls everywhere, so that synchronizing two
 * repositories does not depend on where either of them is.
 */
export interface GitPlace {
  /** For people: "this machine", "dev@box". */
  readonly description: string;
  /**
   * Runs a command to its end. A non-zero exit is data.
   * @throws process.*, transport.*, ssh.*, operation.aborted: the command could not be run, or its way was lost
   */
  run(argv: readonly string[], options?: GitRunOptions): Promise<GitResult>;
  /**
   * Runs a command and hands out its stdout as it comes. The iteration ends after the exit, and throws
   * `workspace.git_failed` with the end of stderr when that is not 0.
   */
  stream(argv: readonly string[], options?: GitRunOptions): AsyncIterable<Uint8Array>;
}

export interface GitRunOptions {
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of stdout that are kept. Default 16 MiB; more is `workspace.git_failed`. */
  readonly maxBytes?: number;
  /** Milliseconds until the command is ended and `operation.timeout` is thrown. */
  readonly timeoutMs?: number;
}

export interface GitResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}
