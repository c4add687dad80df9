import { Duplex } from "node:stream";
import type { Client, ClientChannel, ExecOptions } from "ssh2";
import { type BerthError, berthError, isBerthError } from "../../../contract/errors.ts";
import { abortedError, throwIfAborted } from "../../abort.ts";
import { shellQuote } from "../../shell-quote.ts";
import type { RawProcess } from "../../transport.ts";
import type { SshConnection } from "../connection.ts";
import type { SshTarget } from "../target.ts";
import { ChannelDuplex } from "./channel-streams.ts";
import { insideOf } from "./inside.ts";
import { ChannelProcess } from "./process.ts";
import { watchSilence } from "./watch-silence.ts";
import type { Way } from "./way.ts";

/** The goodbye gets this long to leave before the stream is cut. */
const GOODBYE_MS = 500;

/** An option of `exec` that ssh2's types don't know. */
const AGENT_FORWARD: ExecOptions & { readonly agentForward: true } = { agentForward: true };

/** RFC 4254, 5.1. */
const ADMINISTRATIVELY_PROHIBITED = 1;
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
  /** A unix socket could be dialled. */
  #forwards = false;
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
      ask: () => this.#ask(),
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

  ref(): void {
    this.#way.ref();
  }

  unref(): void {
    this.#way.unref();
  }

  async exec(commandLine: string, options: Options = {}): Promise<RawProcess> {
    const forwardAgent = this.#forwardAgent;
    try {
      return await this.#channel(
        options,
        (opened) =>
          this.#request(
            (done) => this.#client.exec(commandLine, forwardAgent ? AGENT_FORWARD : {}, done),
            opened,
          ),
        (channel) => this.#keep(new ChannelProcess(channel, this.#target.name), channel),
      );
    } catch (error) {
      // As ssh does it: a server that forwards no agent still runs commands.
      if (forwardAgent && error instanceof Error && /agent forwarding/.test(error.message)) {
        this.#forwardAgent = false;
        return this.exec(commandLine, options);
      }
      throw this.#sessionError(error);
    }
  }

  async dialUnix(socketPath: string, options: Options = {}): Promise<Duplex> {
    try {
      const stream = await this.#duplex(options, (opened) =>
        this.#client.openssh_forwardOutStreamLocal(socketPath, opened),
      );
      this.#forwards = true;
      return stream;
    } catch (error) {
      throw await this.#forwardingError(error, socketPath, options);
    }
  }

  async sftp(options: Options = {}): Promise<Duplex> {
    const missing = (cause?: unknown): BerthError =>
      berthError("ssh.sftp_missing", { hop: "transport", context: { host: this.#target.name }, cause });
    // A subsystem whose program is not there is accepted, and ends without a word.
    return this.#duplex(
      options,
      (opened) => this.#request((done) => this.#client.subsys("sftp", done), opened),
      missing,
    ).catch((error: unknown) => {
      throw isRefusedRequest(error) ? missing(error) : this.#sessionError(error);
    });
  }

  /**
   * A TCP connection from there, for hosts that are reached over this one.
   * @throws ssh.proxy_failed with what the server says; transport.disconnected, operation.aborted
   */
  async dialTcp(host: string, port: number, options: Options = {}): Promise<ChannelDuplex> {
    return this.#duplex(options, (opened) => this.#client.forwardOut("127.0.0.1", 0, host, port, opened));
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

  /**
   * Opens a channel. One that is opened after its caller has gone is closed again.
   * @param adopt called before anything further is read: a short command's exit may come with the server's yes
   */
  #channel<T>(
    options: Options,
    start: (opened: Opened) => void,
    adopt: (channel: ClientChannel) => T,
  ): Promise<T> {
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
          else resolve(adopt(channel));
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
    const { _chanMgr: channels } = insideOf(this.#client);
    start((error, channel) => {
      const refused = isRefusedRequest(error) ? channels.get(id) : undefined;
      if (!(refused instanceof Duplex)) {
        opened(error, channel);
        return;
      }
      // Only then the server has room for another one.
      refused.once("close", () => opened(error, channel));
      discard(refused);
    });
    const id = channels._cur;
  }

  #duplex(
    options: Options,
    start: (opened: Opened) => void,
    emptyEnd?: () => BerthError,
  ): Promise<ChannelDuplex> {
    return this.#channel(options, start, (channel) =>
      this.#keep(new ChannelDuplex(channel, emptyEnd), channel),
    );
  }

  #keep<T extends { fail(error: BerthError): void }>(kept: T, channel: ClientChannel): T {
    this.#open.add(kept);
    channel.once("close", () => this.#open.delete(kept));
    return kept;
  }

  #sessionError(error: unknown): unknown {
    const { reason } = error as ChannelError;
    const code = isRefusedRequest(error) ? "ssh.no_shell" : "ssh.sessions_refused";
    if (typeof reason !== "number" && code !== "ssh.no_shell") return error;
    return berthError(code, { hop: "transport", context: { host: this.#target.name }, cause: error });
  }

  async #forwardingError(error: unknown, socketPath: string, options: Options): Promise<unknown> {
    const { reason } = error as ChannelError;
    if (typeof reason !== "number") return error;
    const context = { host: this.#target.name, path: socketPath };
    const forbidden =
      reason === ADMINISTRATIVELY_PROHIBITED ||
      reason === UNKNOWN_CHANNEL_TYPE ||
      (!this.#forwards && (await this.#exists(socketPath, options)));
    if (forbidden) return berthError("ssh.forwarding_refused", { hop: "transport", context, cause: error });
    return berthError("transport.unavailable", {
      hop: "transport",
      message: `nothing listens on ${socketPath} of ${this.#target.name}`,
      context,
      cause: error,
    });
  }

  /**
   * sshd answers alike when nothing listens and when it forwards no unix sockets, so the socket is looked for. One
   * that is there counts as forbidden as long as none could be dialled: it may also be one that a killed daemon left,
   * which the way without forwarding finds out.
   */
  async #exists(socketPath: string, options: Options): Promise<boolean> {
    const { signal } = options;
    try {
      const look = await this.exec(`test -S ${shellQuote(socketPath)}`, options);
      look.stdin.end();
      look.stdout.resume();
      look.stderr.resume();
      const onAbort = (): void => look.close();
      signal?.addEventListener("abort", onAbort, { once: true });
      const { exitCode } = await look.exit;
      signal?.removeEventListener("abort", onAbort);
      throwIfAborted(signal);
      return exitCode === 0;
    } catch (error) {
      if (isBerthError(error, "ssh.sessions_refused")) return false;
      throw error;
    }
  }

  /** Whether the server is there: it has to answer, with yes or no. */
  #ask(): void {
    if (this.closed) return;
    const { _callbacks: answers, _protocol: protocol } = insideOf(this.#client);
    answers.push(() => {});
    protocol.ping();
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

function isRefusedRequest(error: unknown): boolean {
  return error instanceof Error && /^Unable to (?:exec|start subsystem)/.test(error.message);
}

function discard(channel: ClientChannel): void {
  channel.resume();
  channel.stderr.resume();
  channel.close();
}
