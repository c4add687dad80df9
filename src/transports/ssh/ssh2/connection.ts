import type { Duplex } from "node:stream";
import type { Client, ClientChannel, ExecOptions } from "ssh2";
import { type BerthError, berthError } from "../../../contract/errors.ts";
import { abortedError, throwIfAborted } from "../../abort.ts";
import type { RawProcess } from "../../transport.ts";
import type { SshConnection } from "../connection.ts";
import type { SshTarget } from "../target.ts";
import { ChannelDuplex } from "./channel-streams.ts";
import { ChannelProcess } from "./process.ts";
import { watchSilence } from "./watch-silence.ts";
import type { Way } from "./way.ts";

/** The goodbye gets this long to leave before the stream is cut. */
const GOODBYE_MS = 500;

/** An option of `exec` that ssh2's types don't know. */
const AGENT_FORWARD: ExecOptions & { readonly agentForward: true } = { agentForward: true };

/** RFC 4254, 5.1. */
const ADMINISTRATIVELY_PROHIBITED = 1;
const CONNECT_FAILED = 2;
const UNKNOWN_CHANNEL_TYPE = 3;

interface Options {
  readonly signal?: AbortSignal | undefined;
}

type Opened = (error: ChannelError | undefined, channel: ClientChannel) => void;

/** ssh2's error of a channel that the server does not open has the server's reason; that of a refused request none. */
interface ChannelError extends Error {
  readonly reason?: number | string;
}

/** An authenticated connection by ssh2. */
export class Ssh2Connection implements SshConnection {
  readonly transport = "ssh2";
  readonly detail: string;
  readonly ended: Promise<BerthError | undefined>;
  readonly #client: Client;
  readonly #way: Way;
  readonly #target: SshTarget;
  readonly #ended = Promise.withResolvers<BerthError | undefined>();
  readonly #open = new Set<{ fail(error: BerthError): void }>();
  #forwardAgent: boolean;
  #closing = false;
  #gone = false;
  #reason: string | undefined;
  #cause: unknown;

  constructor(client: Client, way: Way, target: SshTarget, detail: string) {
    this.#client = client;
    this.#way = way;
    this.#target = target;
    this.detail = detail;
    this.ended = this.#ended.promise;
    this.#forwardAgent = target.forwardAgent && target.identityAgent !== undefined;
    const stopWatch = watchSilence({
      received: way.received,
      onSilence: (silentMs) => {
        this.#reason ??= `nothing has come for ${Math.round(silentMs / 1000)} s, not even an answer to the question whether it is there`;
        way.stream.destroy();
      },
    });
    client.on("error", (error) => {
      this.#reason ??= error.message;
      this.#cause ??= error;
    });
    // The server's end of the stream: nothing can come any more, and ssh2 would wait for what is still to be sent.
    client.once("end", () => way.stream.destroy());
    client.once("close", () => {
      stopWatch();
      this.#gone = true;
      const error = this.#disconnected();
      for (const channel of this.#open) channel.fail(error);
      this.#open.clear();
      this.#ended.resolve(this.#closing ? undefined : error);
      void way.close();
    });
    if (way.stream.destroyed) client.emit("close");
  }

  get closed(): boolean {
    return this.#gone || this.#closing || !this.#way.stream.writable;
  }

  async exec(commandLine: string, options: Options = {}): Promise<RawProcess> {
    const channel = await this.#execChannel(commandLine, options);
    const process = new ChannelProcess(channel, this.#target.name);
    this.#keep(process, channel);
    return process;
  }

  async dialUnix(socketPath: string, options: Options = {}): Promise<Duplex> {
    const channel = await this.#channel(options, (opened) =>
      this.#client.openssh_forwardOutStreamLocal(socketPath, opened),
    ).catch((error: unknown) => {
      throw this.#forwardingError(error, socketPath);
    });
    return this.#duplex(channel);
  }

  async sftp(options: Options = {}): Promise<Duplex> {
    const channel = await this.#channel(options, (opened) =>
      this.#request((done) => this.#client.subsys("sftp", done), opened),
    ).catch((error: unknown) => {
      if (!isRefusedRequest(error)) throw this.#sessionError(error);
      throw berthError("ssh.sftp_missing", {
        hop: "transport",
        context: { host: this.#target.name },
        cause: error,
      });
    });
    return this.#duplex(channel);
  }

  /**
   * A TCP connection from there, for hosts that are reached over this one.
   * @throws ssh.proxy_failed with what the server says; transport.disconnected, operation.aborted
   */
  async dialTcp(host: string, port: number, options: Options = {}): Promise<ChannelDuplex> {
    const channel = await this.#channel(options, (opened) =>
      this.#client.forwardOut("127.0.0.1", 0, host, port, opened),
    );
    return this.#duplex(channel);
  }

  async close(): Promise<void> {
    if (!this.#gone && !this.#closing) {
      this.#closing = true;
      this.#client.end();
      const timer = setTimeout(() => this.#way.stream.destroy(), GOODBYE_MS);
      await this.ended;
      clearTimeout(timer);
    }
    await this.ended;
    await this.#way.close();
  }

  async #execChannel(commandLine: string, options: Options): Promise<ClientChannel> {
    const forwardAgent = this.#forwardAgent;
    try {
      return await this.#channel(options, (opened) =>
        this.#request(
          (done) => this.#client.exec(commandLine, forwardAgent ? AGENT_FORWARD : {}, done),
          opened,
        ),
      );
    } catch (error) {
      // As ssh does it: a server that forwards no agent still runs commands.
      if (forwardAgent && error instanceof Error && /agent forwarding/.test(error.message)) {
        this.#forwardAgent = false;
        return this.#execChannel(commandLine, options);
      }
      throw this.#sessionError(error);
    }
  }

  /** Opens a channel. One that is opened after its caller has gone is closed again. */
  #channel(options: Options, start: (opened: Opened) => void): Promise<ClientChannel> {
    const { signal } = options;
    throwIfAborted(signal);
    if (this.closed) return Promise.reject(this.#disconnected());
    return new Promise((resolve, reject) => {
      let left = false;
      const onAbort = (): void => {
        left = true;
        reject(abortedError(signal));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      try {
        start((error, channel) => {
          signal?.removeEventListener("abort", onAbort);
          if (error !== undefined) reject(this.closed ? this.#disconnected() : error);
          else if (left) discard(channel);
          else resolve(channel);
        });
      } catch (cause) {
        signal?.removeEventListener("abort", onAbort);
        this.#cause ??= cause;
        reject(this.#disconnected());
      }
    });
  }

  /** ssh2 leaves a session open whose request was refused, and hands nobody its channel: the server would count it. */
  #request(start: (opened: Opened) => void, opened: Opened): void {
    const { _chanMgr: channels } = this.#client as unknown as ChannelTable;
    start((error, channel) => {
      if (error !== undefined && isRefusedRequest(error)) channels.get(id)?.close?.();
      opened(error, channel);
    });
    const id = channels._cur;
  }

  #duplex(channel: ClientChannel): ChannelDuplex {
    const duplex = new ChannelDuplex(channel);
    this.#keep(duplex, channel);
    return duplex;
  }

  #keep(kept: { fail(error: BerthError): void }, channel: ClientChannel): void {
    this.#open.add(kept);
    channel.once("close", () => this.#open.delete(kept));
  }

  #sessionError(error: unknown): unknown {
    const { reason } = error as ChannelError;
    if (typeof reason !== "number") return error;
    return berthError("ssh.sessions_refused", {
      hop: "transport",
      context: { host: this.#target.name },
      cause: error,
    });
  }

  #forwardingError(error: unknown, socketPath: string): unknown {
    const { reason } = error as ChannelError;
    const context = { host: this.#target.name, path: socketPath };
    const options = { hop: "transport" as const, context, cause: error };
    if (reason === ADMINISTRATIVELY_PROHIBITED || reason === UNKNOWN_CHANNEL_TYPE) {
      return berthError("ssh.forwarding_refused", options);
    }
    if (reason === CONNECT_FAILED) {
      return berthError("transport.unavailable", {
        ...options,
        message: `nothing listens on ${socketPath} of ${this.#target.name}`,
      });
    }
    return this.#sessionError(error);
  }

  #disconnected(): BerthError {
    const reason = this.#closing ? "it was closed" : (this.#reason ?? "the other side ended it");
    return berthError("transport.disconnected", {
      hop: "transport",
      message: `the connection to ${this.#target.name} was lost: ${reason}`,
      context: { host: this.#target.name },
      cause: this.#cause,
    });
  }
}

/** The one part of ssh2's inside that is used. */
interface ChannelTable {
  readonly _chanMgr: {
    readonly _cur: number;
    get(id: number): { close?: () => void } | undefined;
  };
}

function isRefusedRequest(error: unknown): boolean {
  return error instanceof Error && /^Unable to (?:exec|start subsystem)/.test(error.message);
}

function discard(channel: ClientChannel): void {
  channel.resume();
  channel.stderr.resume();
  channel.close();
}
