import type { Capabilities, Isolation } from "../../contract/capabilities.ts";
import type { RuntimeConfig } from "../../contract/config.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import type { Hello } from "../../wire/messages.ts";
import type { WireClient } from "../../wire/types.ts";
import type { CheckWay } from "../common/check-steps.ts";
import type { RetryPolicy } from "../retry.ts";

/** How a runtime that has a daemon in its place is put together; made by a provisioner. */
export interface DaemonRuntimeOptions {
  readonly kind: RuntimeConfig["type"];
  /** For people: "docker container web-1". */
  readonly description: string;
  readonly isolation: Isolation;
  /** Absolute path in the place, or what makes it of the daemon's HELLO (the user's home, say). */
  readonly workdir: string | ((hello: Hello) => string);
  /** Translates an absolute path as the caller writes it to the path in the place. Default: as it is. */
  readonly mapPath?: (path: string) => string;
  /** Environment of every command; what the call itself gives wins. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Id of the workspace that processes are started in, and looked for. */
  readonly workspace?: string | undefined;
  /** Directory in the place for the logs of processes. Default: the daemon's own. */
  readonly processLogDir?: string | undefined;
  /** User of every command and file operation that names none. */
  readonly user?: string;
  /**
   * Connects, starts the daemon where none runs, and does the handshake. Called for the first connection, for
   * every reconnect, and for the connection of bulk transfers; never twice at a time for the same purpose. Its
   * error says by `retryable` whether the place can come back by itself. It has deadlines of its own.
   */
  readonly dial: (options: DialOptions) => Promise<WireClient>;
  /** A first connection that exists already; otherwise `dial` is called. */
  readonly client?: WireClient;
  /**
   * True where dialling is cheap: bulk transfers take a connection of their own. A function is asked at each transfer,
   * where only time tells. Default false.
   */
  readonly bulkConnection?: boolean | (() => boolean);
  /** Overrides what the daemon's HELLO says, such as an embedded daemon that does not outlive the caller. */
  readonly capabilities?: Partial<Capabilities>;
  /** Waiting times between attempts to reconnect. */
  readonly retry?: Partial<RetryPolicy>;
  /**
   * Milliseconds of failed attempts after which running processes are given up (their calls get the last
   * error). Default: as long as the caller waits.
   */
  readonly giveUpAfterMs?: number;
  readonly onEvent?: (event: BerthEventInput) => void;
  /** Steps of "Test connection" on the way to the daemon; the runtime adds those through it. */
  readonly check?: CheckWay;
  /** Called once by `close()`, after the connections are closed. */
  readonly close?: () => Promise<void>;
}

export interface DialOptions {
  readonly signal: AbortSignal;
  readonly purpose: "first" | "reconnect" | "bulk" | "relay";
  /** With "relay": whom the connection is made for; the daemon takes it for that client's. */
  readonly clientId?: string | undefined;
}
