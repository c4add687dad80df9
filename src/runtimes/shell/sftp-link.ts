import type { Duplex } from "node:stream";
import { type BerthError, isBerthError } from "../../contract/errors.ts";
import { unlessAborted } from "../../transports/abort.ts";
import { SftpClient } from "../../transports/ssh/sftp/client.ts";

/** A session that nobody used for so long is given back to the host. */
const IDLE_MS = 30_000;

export interface SftpLinkOptions {
  /** Opens a byte stream to the server. */
  readonly open: (options: { readonly signal: AbortSignal }) => Promise<Duplex>;
  /** For people. */
  readonly description: string;
  /** Told once, when the place turns out to have no SFTP that can be used. */
  readonly onMissing: (error: BerthError) => void;
}

/**
 * The one SFTP session of a place, shared by all transfers: opened when it is needed, again after it was lost, given
 * back when it is idle. Whether the place has SFTP at all is decided once.
 */
export class SftpLink {
  readonly #options: SftpLinkOptions;
  readonly #cancel = new AbortController();
  #client: Promise<SftpClient> | undefined;
  #users = 0;
  #missing: BerthError | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: SftpLinkOptions) {
    this.#options = options;
  }

  /** Why the place has none, once it is known. */
  get missing(): BerthError | undefined {
    return this.#missing;
  }

  /**
   * Runs some work with the session; undefined when the place has no SFTP: then `sh` moves the files.
   * @throws what the transport and the work throw, operation.aborted
   */
  async use<T>(
    work: (client: SftpClient) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    this.#users++;
    clearTimeout(this.#idle);
    try {
      // Others may wait for the same session, so it goes on without this one.
      const client = await unlessAborted(this.#connect(), signal);
      return client === undefined ? undefined : await work(client);
    } finally {
      this.#users--;
      if (this.#users === 0) this.#idle = setTimeout(() => this.yield(), IDLE_MS).unref();
    }
  }

  /** It cannot be used after all, as it shows other files than the shell does. */
  refuse(error: BerthError): void {
    if (this.#missing !== undefined) return;
    this.#missing = error;
    this.#options.onMissing(error);
  }

  /** A server that does not answer is not asked any more; the next use opens another session. */
  discard(client: SftpClient): void {
    this.#client = undefined;
    client.close();
  }

  /** Gives the session back when nobody uses it. */
  yield(): void {
    if (this.#users > 0) return;
    const client = this.#client;
    this.#client = undefined;
    client?.then(
      (open) => open.close(),
      () => undefined,
    );
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#cancel.abort();
    this.#client?.then(
      (open) => open.close(),
      () => undefined,
    );
  }

  async #connect(): Promise<SftpClient | undefined> {
    if (this.#missing !== undefined) return undefined;
    const before = await this.#client?.catch(() => undefined);
    if (before?.session.closed) this.#client = undefined;
    this.#client ??= this.#open();
    const connecting = this.#client;
    try {
      return await connecting;
    } catch (error) {
      if (this.#client === connecting) this.#client = undefined;
      if (!isBerthError(error, "ssh.sftp_missing") && !isBerthError(error, "ssh.sftp_invalid")) throw error;
      this.refuse(error);
      return undefined;
    }
  }

  async #open(): Promise<SftpClient> {
    const { open, description } = this.#options;
    const { signal } = this.#cancel;
    const stream = await open({ signal });
    return await SftpClient.open(stream, { host: description, signal });
  }
}
