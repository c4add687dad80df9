import type { Duplex } from "node:stream";
import { type BerthError, berthError, isBerthError } from "../../../contract/errors.ts";
import { abortedError } from "../../abort.ts";
import { MalformedPacket, PACKET, PacketReader, PacketSplitter, PacketWriter } from "./packet.ts";

const VERSION = 3;
/** What every server takes and gives by the draft; more where `limits@openssh.com` says so. */
const DEFAULT_DATA_BYTES = 32 * 1024;
/** More in one request would only make an abort late. A packet of it fits MAX_PACKET_BYTES. */
const MAX_DATA_BYTES = 128 * 1024;
/** Requests that wait for their answer; more are a defect of this side, or a server that never answers. */
const MAX_PENDING = 65_536;
/** Pairs of name and data in the server's VERSION. */
const MAX_EXTENSIONS = 256;

export interface SftpAnswer {
  readonly type: number;
  readonly body: PacketReader;
}

export interface SftpRequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Gets the answer of a request that was aborted meanwhile, so that a handle in it is given back. */
  readonly onLate?: ((answer: SftpAnswer) => void) | undefined;
}

export interface SftpOptions {
  readonly signal?: AbortSignal | undefined;
  /** For people: "box". */
  readonly host: string;
}

interface Pending {
  readonly answer: (answer: SftpAnswer) => void;
  readonly fail: (error: BerthError) => void;
}

/**
 * Requests and answers of one SFTP session over any byte stream. Many requests are under way at once, told apart by
 * their ids; the server may answer in any order. When the stream is lost every request is rejected.
 */
export class SftpSession {
  readonly #stream: Duplex;
  readonly #host: string;
  readonly #pending = new Map<number, Pending>();
  readonly #ended = Promise.withResolvers<BerthError>();
  readonly #version = Promise.withResolvers<void>();
  #nextId = 0;
  #versionSeen = false;
  #failure: BerthError | undefined;
  #drained: PromiseWithResolvers<void> | undefined;
  #extensions: ReadonlyMap<string, string> = new Map();
  #readBytes = DEFAULT_DATA_BYTES;
  #writeBytes = DEFAULT_DATA_BYTES;

  /**
   * Greets the server. The stream is the session's from here on, also when it fails.
   * @throws ssh.sftp_missing when it ends without a word, ssh.sftp_invalid when it speaks something else,
   *   operation.aborted
   */
  static async open(stream: Duplex, options: SftpOptions): Promise<SftpSession> {
    const session = new SftpSession(stream, options.host);
    const { signal } = options;
    const onAbort = () => session.#fail(abortedError(signal));
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    try {
      await session.#version.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
    if (session.has("limits@openssh.com")) {
      // Not awaited: until the answer is here the draft's limits hold.
      session
        .extended("limits@openssh.com", new PacketWriter())
        .then((answer) => session.#takeLimits(answer))
        // The session is over then, which every request after it says.
        .catch(() => undefined);
    }
    return session;
  }

  private constructor(stream: Duplex, host: string) {
    this.#stream = stream;
    this.#host = host;
    this.#version.promise.catch(() => {});
    const splitter = new PacketSplitter((type, body) => this.#take(type, new PacketReader(body)));
    stream.on("data", (chunk: Buffer) => {
      if (this.#failure !== undefined) return;
      try {
        splitter.push(chunk);
      } catch (error) {
        this.#fail(error instanceof MalformedPacket ? this.#invalid(error) : this.#lost(error));
      }
    });
    stream.on("drain", () => {
      this.#drained?.resolve();
      this.#drained = undefined;
    });
    stream.on("error", (error: Error) => this.#fail(this.#lost(error)));
    stream.once("end", () => this.#fail(this.#lost(undefined)));
    stream.once("close", () => this.#fail(this.#lost(undefined)));
    this.#send(PACKET.init, undefined, new PacketWriter().uint32(VERSION));
  }

  /** Whether the server said in its greeting that it has an extension. */
  has(extension: string): boolean {
    return this.#extensions.has(extension);
  }

  /** Bytes of one read or write, at most. */
  get limits(): { readonly readBytes: number; readonly writeBytes: number } {
    return { readBytes: this.#readBytes, writeBytes: this.#writeBytes };
  }

  get closed(): boolean {
    return this.#failure !== undefined;
  }

  /** Settles with the reason when the session is over. Never rejects. */
  get ended(): Promise<BerthError> {
    return this.#ended.promise;
  }

  /** Settles when the stream takes more. @throws transport.disconnected */
  async writable(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#stream.writableNeedDrain) return;
    this.#drained ??= Promise.withResolvers();
    await this.#drained.promise;
  }

  /**
   * Sends a request and settles with its answer, of whatever type.
   * @throws transport.disconnected, ssh.sftp_invalid, operation.aborted; the request is then still carried out
   */
  request(type: number, fields: PacketWriter, options: SftpRequestOptions = {}): Promise<SftpAnswer> {
    const { signal, onLate } = options;
    if (signal?.aborted) return Promise.reject(abortedError(signal));
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#pending.size >= MAX_PENDING) {
      return Promise.reject(
        berthError("internal", { hop: "transport", message: "too many requests wait for the SFTP server" }),
      );
    }
    while (this.#pending.has(this.#nextId)) this.#nextId = (this.#nextId + 1) >>> 0;
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    return new Promise((resolve, reject) => {
      let aborted = false;
      const onAbort = () => {
        aborted = true;
        reject(abortedError(signal));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#pending.set(id, {
        answer: (answer) => {
          signal?.removeEventListener("abort", onAbort);
          if (aborted) onLate?.(answer);
          else resolve(answer);
        },
        fail: (error) => {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      });
      this.#send(type, id, fields);
    });
  }

  extended(name: string, fields: PacketWriter, options: SftpRequestOptions = {}): Promise<SftpAnswer> {
    return this.request(PACKET.extended, new PacketWriter().text(name).append(fields), options);
  }

  /** Reads an answer; what is wrong with it ends the session, as nothing behind it can be trusted. */
  decode<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof MalformedPacket)) throw error;
      const failure = this.#invalid(error);
      this.#fail(failure);
      throw failure;
    }
  }

  /** Ends it; what is under way is rejected. */
  close(): void {
    this.#fail(this.#lost(undefined, "it was closed"));
  }

  #send(type: number, id: number | undefined, fields: PacketWriter): void {
    const chunks = fields.packet(type, id);
    if (chunks.length > 1) this.#stream.cork();
    for (const chunk of chunks) this.#stream.write(chunk);
    if (chunks.length > 1) this.#stream.uncork();
  }

  #take(type: number, body: PacketReader): void {
    if (!this.#versionSeen) {
      if (type !== PACKET.version) throw new MalformedPacket("the server does not greet");
      this.#greeted(body);
      return;
    }
    const id = body.uint32();
    const pending = this.#pending.get(id);
    if (pending === undefined) throw new MalformedPacket("an answer to no request");
    this.#pending.delete(id);
    pending.answer({ type, body });
  }

  #greeted(body: PacketReader): void {
    const version = body.uint32();
    if (version !== VERSION) throw new MalformedPacket(`the server speaks version ${version}`);
    const extensions = new Map<string, string>();
    while (body.left > 0) {
      if (extensions.size >= MAX_EXTENSIONS) throw new MalformedPacket("the server has too many extensions");
      extensions.set(body.text(), body.text());
    }
    this.#extensions = extensions;
    this.#versionSeen = true;
    this.#version.resolve();
  }

  /** Longest packet, read, write, and number of handles; 0 is "not said". */
  #takeLimits(answer: SftpAnswer): void {
    if (answer.type !== PACKET.extendedReply) return;
    const [, read, write] = this.decode(() => [
      answer.body.uint64(),
      answer.body.uint64(),
      answer.body.uint64(),
    ]);
    const within = (limit: number | undefined) =>
      limit ? Math.min(limit, MAX_DATA_BYTES) : DEFAULT_DATA_BYTES;
    this.#readBytes = within(read);
    this.#writeBytes = within(write);
  }

  #invalid(cause: Error): BerthError {
    return berthError("ssh.sftp_invalid", {
      hop: "transport",
      message: `the SFTP server of ${this.#host} breaks the protocol: ${cause.message}`,
      context: { host: this.#host },
      cause,
    });
  }

  #lost(cause: unknown, reason = "the stream ended"): BerthError {
    if (isBerthError(cause)) return cause;
    if (!this.#versionSeen && cause === undefined) {
      return berthError("ssh.sftp_missing", { hop: "transport", context: { host: this.#host } });
    }
    const said = cause instanceof Error ? cause.message : reason;
    return berthError("transport.disconnected", {
      hop: "transport",
      message: `the SFTP session with ${this.#host} is over: ${said}`,
      cause,
    });
  }

  #fail(error: BerthError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stream.destroy();
    this.#version.reject(error);
    this.#drained?.reject(error);
    this.#drained = undefined;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { fail } of pending) fail(error);
    this.#ended.resolve(error);
  }
}
