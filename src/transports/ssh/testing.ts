import { type Duplex, PassThrough } from "node:stream";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type { RawProcess } from "../transport.ts";
import type { Clock } from "./clock.ts";
import type { SshConnection } from "./connection.ts";
import { FIRST_SESSION } from "./pooled-host.ts";
import type { SshTarget } from "./target.ts";

/** A clock that stands still until it is told. */
export class FakeClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Set<{
    readonly at: number;
    readonly call: () => void;
    readonly background: boolean;
  }>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, call: () => void, options: { readonly background?: boolean } = {}): () => void {
    const timer = { at: this.#now + milliseconds, call, background: options.background === true };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that keep a process alive. */
  get foreground(): number {
    return [...this.#timers].filter((timer) => !timer.background).length;
  }

  /** Lets time pass, and everything happen that it brings. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.call();
      await settle();
    }
    this.#now = end;
  }
}

/** Everything that needs no time has happened. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
}

export function fakeTarget(extra: Partial<SshTarget> = {}): SshTarget {
  return {
    name: "dev@box",
    alias: "box",
    given: {},
    hostname: "box.example",
    user: "dev",
    port: 22,
    identityFiles: [],
    identitiesOnly: false,
    identityAgent: undefined,
    certificateFiles: [],
    proxyJump: undefined,
    proxyCommand: undefined,
    hostKeyAlias: undefined,
    userKnownHostsFiles: [],
    globalKnownHostsFiles: [],
    revokedHostKeysFile: undefined,
    ciphers: [],
    hashKnownHosts: false,
    hostKeys: "strict",
    forwardAgent: false,
    connectTimeoutMs: 15_000,
    maxConnections: 4,
    transport: "auto",
    password: undefined,
    passphrase: undefined,
    hostProofs: [],
    resolvedBy: "openssh",
    lost: [],
    key: "0123456789ab",
    ...extra,
  };
}

export interface FakeSession {
  readonly commandLine: string;
  end(exitCode: number): void;
}

/** A connection of which the test says what it does. */
export class FakeConnection implements SshConnection {
  readonly transport = "ssh2";
  readonly detail = "fake";
  readonly ended: Promise<BerthError | undefined>;
  closed = false;
  /** Keeps the process alive. */
  referenced = true;
  /** Sessions that the server opens at most. */
  maxSessions: number;
  readonly open: FakeSession[] = [];
  refusals = 0;
  /** A yes takes longer than a no: behind the session stands the request to run something in it. */
  slowToAccept = false;
  /** Sessions of no consequence, for a server that shall send at once. */
  hurried = 0;
  /** Instead of opening. */
  failure: BerthError | undefined;
  readonly #ended = Promise.withResolvers<BerthError | undefined>();

  constructor(maxSessions = Number.POSITIVE_INFINITY) {
    this.maxSessions = maxSessions;
    this.ended = this.#ended.promise;
  }

  ref(): void {
    this.referenced = true;
  }

  unref(): void {
    this.referenced = false;
  }

  async exec(commandLine: string): Promise<RawProcess> {
    if (commandLine === FIRST_SESSION) {
      this.hurried++;
      throw berthError("ssh.sessions_refused", { context: { host: "box" } });
    }
    await this.#admit();
    const exit = Promise.withResolvers<{ exitCode: number | null; signal: string | null }>();
    exit.promise.catch(() => {});
    const session: FakeSession = {
      commandLine,
      end: (exitCode) => {
        this.open.splice(this.open.indexOf(session), 1);
        exit.resolve({ exitCode, signal: null });
      },
    };
    this.open.push(session);
    if (this.slowToAccept) await new Promise(setImmediate);
    void this.ended.then((reason) => exit.reject(reason ?? berthError("transport.disconnected")));
    return {
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      exit: exit.promise,
      close: () => session.end(137),
    };
  }

  async dialUnix(): Promise<Duplex> {
    if (this.failure !== undefined) throw this.failure;
    return new PassThrough();
  }

  async sftp(): Promise<Duplex> {
    await this.#admit();
    return new PassThrough();
  }

  lose(reason: BerthError = berthError("transport.disconnected")): void {
    this.closed = true;
    this.#ended.resolve(reason);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.#ended.resolve(undefined);
  }

  async #admit(): Promise<void> {
    await new Promise(setImmediate);
    if (this.failure !== undefined) throw this.failure;
    if (this.open.length < this.maxSessions) return;
    this.refusals++;
    throw berthError("ssh.sessions_refused", { context: { host: "box" } });
  }
}
