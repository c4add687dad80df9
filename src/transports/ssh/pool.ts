import type { Duplex } from "node:stream";
import type { RawProcess } from "../transport.ts";
import { type Clock, systemClock } from "./clock.ts";
import { createSshConnector, type SshConnector } from "./connect.ts";
import type { SshHealth } from "./pool-health.ts";
import type { PooledConnection } from "./pooled-connection.ts";
import { PooledHost, type PoolWait, type SessionWait } from "./pooled-host.ts";
import type { SshTarget } from "./target.ts";

export interface SshPoolOptions {
  /** Seams for tests. */
  readonly connect?: SshConnector;
  readonly clock?: Clock;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

/**
 * The connections of this process: those to the same user, host, port, identity and way are shared by all. A
 * connection is made when one is needed, and closed when nothing was open on it for 60 s; neither keeps the process
 * alive.
 *
 * All that open something throw what connecting throws (that of the attempt that all who wait share), ssh.waiting when
 * the next attempt comes later than `maxWaitMs` allows, and operation.aborted, which is nobody else's failure.
 */
export interface SshPool extends AsyncDisposable {
  /** Sees to it that there is a connection. */
  connect(target: SshTarget, wait?: PoolWait): Promise<SshConnectionInfo>;
  /** A session that runs a command line by the login shell; waits for room among the sessions. */
  exec(target: SshTarget, commandLine: string, wait?: SessionWait): Promise<RawProcess>;
  /** A byte stream to the SFTP subsystem: a session as well. */
  sftp(target: SshTarget, wait?: SessionWait): Promise<Duplex>;
  /** A byte stream to a unix socket of the place. */
  dialUnix(target: SshTarget, socketPath: string, wait?: PoolWait): Promise<Duplex>;
  health(target: SshTarget): SshHealth;
  /** Of every host that was ever asked for. */
  states(): readonly SshHealth[];
  /** A host's key was recorded as known: those that failed for an unknown one are tried again when they are needed. */
  keyTrusted(): void;
  /** Ends all connections with everything that is open on them. The pool can be used again. */
  close(): Promise<void>;
}

/** What there is to say about a connection. */
export interface SshConnectionInfo {
  readonly transport: "openssh" | "ssh2";
  /** Why that transport. */
  readonly reason: string;
  readonly detail: string;
}

export function createSshPool(options: SshPoolOptions = {}): SshPool {
  const hosts = new Map<string, PooledHost>();
  const hostOptions = {
    connect: options.connect ?? createSshConnector(),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
  const host = (target: SshTarget): PooledHost => {
    let found = hosts.get(target.key);
    if (found === undefined) {
      found = new PooledHost(target, hostOptions);
      hosts.set(target.key, found);
    }
    return found;
  };
  const close = async (): Promise<void> => {
    await Promise.all([...hosts.values()].map((each) => each.close()));
  };
  return {
    connect: async (target, wait = {}) => info(await host(target).connect(wait)),
    exec: (target, commandLine, wait = {}) => host(target).exec(commandLine, wait),
    sftp: (target, wait = {}) => host(target).sftp(wait),
    dialUnix: (target, socketPath, wait = {}) => host(target).dialUnix(socketPath, wait),
    health: (target) => host(target).health(),
    states: () => [...hosts.values()].map((each) => each.health()),
    keyTrusted: () => {
      for (const each of hosts.values()) each.keyTrusted();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function info({ connection, reason }: PooledConnection): SshConnectionInfo {
  return { transport: connection.transport, reason, detail: connection.detail };
}

let shared: SshPool | undefined;

/** The pool of this process. */
export function sharedSshPool(): SshPool {
  shared ??= createSshPool();
  return shared;
}
