import type { Duplex } from "node:stream";
import type { Capabilities, Isolation } from "./capabilities.ts";
import type { RuntimeConfig } from "./config.ts";
import type { ErrorContext } from "./errors.ts";
import type { BerthEventInput } from "./events.ts";
import type { FileSystem } from "./files.ts";
import type { ListeningPort } from "./listening.ts";
import type { Command, ExecHandle, ExecOptions, Process, ProcessInfo, SpawnOptions } from "./process.ts";

export interface ForwardOptions {
  /** Default 0: any free port. */
  readonly localPort?: number;
  /** Address to listen on here. Default 127.0.0.1. */
  readonly localHost?: string;
  /** Host to connect to from the place. Default: its 127.0.0.1, then ::1. */
  readonly remoteHost?: string;
  readonly signal?: AbortSignal;
}

export type ConnectOptions = Pick<ForwardOptions, "remoteHost" | "signal">;

/** Connections to `localPort` here reach `remotePort` in the place. */
export interface Forward extends AsyncDisposable {
  readonly localHost: string;
  readonly localPort: number;
  readonly remotePort: number;
}

export interface ReverseForwardOptions {
  /** Port to listen on in the place, on its 127.0.0.1. Default 0: any free one. */
  readonly remotePort?: number;
  /** Host to connect to from here. Default 127.0.0.1, then ::1. */
  readonly localHost?: string;
  readonly signal?: AbortSignal;
}

export interface CheckStep {
  readonly name: string;
  readonly ok: boolean;
  readonly durationMs: number;
  /** What was found, in words. */
  readonly detail: string;
  /** Of a step that failed. */
  readonly code?: string | undefined;
  /** What to do; also given as advice for steps that are ok. */
  readonly hint?: string | undefined;
  /** Of the error of a step that failed, such as host, fingerprint and keyType of ssh.host_key_unknown. */
  readonly context?: ErrorContext | undefined;
}

export interface CheckReport {
  readonly ok: boolean;
  readonly runtime: string;
  readonly steps: readonly CheckStep[];
}

/** Who is told of a check while it runs. */
export interface CheckOptions {
  readonly signal?: AbortSignal | undefined;
  /** A step of this name begins. Steps that were a part of another one are only told when they are done. */
  readonly onStart?: ((name: string) => void) | undefined;
  /** A step is done. */
  readonly onStep?: ((step: CheckStep) => void) | undefined;
}

/** What happens while a place is made ready, for progress displays. */
export interface ProvisionProgress {
  readonly phase:
    | "connect"
    | "probe"
    | "pull"
    | "build"
    | "create"
    | "upload"
    | "start"
    | "handshake"
    | "ready";
  /** A sentence for people. */
  readonly message: string;
  readonly bytesDone?: number | undefined;
  readonly bytesTotal?: number | undefined;
}

/** Something that only a person can answer while a place is connected to. */
export interface ConnectPrompt {
  readonly kind: "password" | "passphrase" | "answer";
  /** Which host or key it is for. */
  readonly subject: string;
  /** What the other side asks, in its words. */
  readonly text: string;
  /** What is typed may be seen. */
  readonly echo: boolean;
}

export interface OpenOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ProvisionProgress) => void;
  readonly onEvent?: (event: BerthEventInput) => void;
  /** Asks a person; undefined ends the attempt. Without it nothing is asked, and what needs an answer fails. */
  readonly onPrompt?: (prompt: ConnectPrompt) => Promise<string | undefined>;
  /**
   * Milliseconds to wait for a host that does not let in now and may soon; 0 fails at once with its state. Default 30,000.
   */
  readonly maxWaitMs?: number;
  /** Told when a connection is waited for, with the milliseconds until the next attempt. */
  readonly onWait?: (milliseconds: number) => void;
  /** Directory where berth.yaml is looked for (upwards). Default: the current one. */
  readonly projectDirectory?: string;
  /** Berth's own state. Default: BERTH_HOME, else the XDG state directory. */
  readonly stateDirectory?: string;
}

export interface ShellOptions extends Omit<SpawnOptions, "stdin"> {
  /** As at a login: the shell reads its profile. Default false. */
  readonly login?: boolean;
}

/** A place where commands run. The same behaviour in every kind; what one lacks is in `capabilities`. */
export interface Runtime extends AsyncDisposable {
  readonly kind: RuntimeConfig["type"];
  /** For people: "docker container web-1". */
  readonly description: string;
  readonly isolation: Isolation;
  readonly capabilities: Capabilities;
  /** Absolute path in the place. */
  readonly workdir: string;
  readonly fs: FileSystem;
  exec(command: Command, options?: ExecOptions): ExecHandle;
  spawn(command: Command, options?: SpawnOptions): Promise<Process>;
  /** The user's own shell ($SHELL, else sh) in a terminal. */
  shell(options?: ShellOptions): Promise<Process>;
  /**
   * By id or name: of this runtime's workspace only. Without a workspace: any id, and names of processes without one.
   * @throws process.unknown, process.reaped
   */
  process(idOrName: string, options?: { readonly signal?: AbortSignal }): Promise<Process>;
  /** Those of this runtime's workspace; without one all that the daemon has. */
  processes(options?: { readonly signal?: AbortSignal }): Promise<ProcessInfo[]>;
  /**
   * What listens at a TCP port of the place now, by port: also what is not Berth's. Without a daemon no process is told.
   * @throws runtime.capability_unsupported: the place has no /proc/net; wire.feature_unknown
   */
  ports(options?: { readonly signal?: AbortSignal }): Promise<ListeningPort[]>;
  forward(remotePort: number, options?: ForwardOptions): Promise<Forward>;
  /**
   * A connection to a port in the place, with no listener here that others could use; capability `forward`.
   * @throws port.refused, port.invalid, operation.aborted
   */
  connect(remotePort: number, options?: ConnectOptions): Promise<Duplex>;
  /** The other direction: connections to a port in the place reach `localPort` here. */
  reverseForward(localPort: number, options?: ReverseForwardOptions): Promise<Forward>;
  /** "Test connection": every step with its time, and what to do where one fails. Never throws for a failed step. */
  check(options?: CheckOptions): Promise<CheckReport>;
  close(): Promise<void>;
}
