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

interface Session {
  readonly client: Promise<SftpClient>;
  /** Once it is open. */
  opened: SftpClient | undefined;
  users: number;
}

/**
 * The one SFTP session of a place, shared by all transfers: opened when it is needed, again after it was lost, given
 * back when it is idle. Whether the place has SFTP at all is decided once.
 */
export class SftpLink {
  readonly #options: SftpLinkOptions;
  readonly #cancel = new AbortController();
  #session: Session | undefined;
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
   * Runs some work with the session; undefined, and the work was not begun, when the place has no SFTP: then `sh` moves
   * the files.
   * @throws what the transport and the work throw, operation.aborted
   */
  async use<T>(
    work: (client: SftpClient) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    if (this.#missing !== undefined) return undefined;
    const session = this.#current();
    session.users++;
    clearTimeout(this.#idle);
    try {
      // Others may wait for the same session, so it goes on without this one.
      const client = await unlessAborted(session.client, signal).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
        this.refuse(error);
        return undefined;
      });
      return client === undefined ? undefined : await work(client);
    } finally {
      session.users--;
      if (session.users === 0) {
        if (this.#session === session) this.#idle = setTimeout(() => this.yield(), IDLE_MS).unref();
        else session.opened?.close();
      }
    }
  }

  /** It cannot be used after all, as it shows other files than the shell does. */
  refuse(error: BerthError): void {
    if (this.#missing !== undefined) return;
    this.#missing = error;
    this.#options.onMissing(error);
  }

  /**
   * It does not answer: the next use opens another session. This one is closed when nobody waits for it any more, as
   * what is late for one may be in time for another.
   */
  retire(client: SftpClient): void {
    if (this.#session?.opened === client) this.#session = undefined;
  }

  /** Gives the session back when nobody uses it. */
  yield(): void {
    if (this.#session === undefined || this.#session.users > 0) return;
    this.#session.opened?.close();
    this.#session = undefined;
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#cancel.abort();
    this.#session?.opened?.close();
    this.#session = undefined;
  }

  #current(): Session {
    const before = this.#session;
    if (before !== undefined && before.opened?.session.closed !== true) return before;
    const session: Session = { client: this.#open(), opened: undefined, users: 0 };
    this.#session = session;
    session.client.then(
      (client) => {
        session.opened = client;
        // Who asked for it may have left meanwhile, and the place with it.
        if (this.#session !== session && session.users === 0) client.close();
      },
      () => {
        if (this.#session === session) this.#session = undefined;
      },
    );
    return session;
  }

  async #open(): Promise<SftpClient> {
    const { open, description } = this.#options;
    const { signal } = this.#cancel;
    const stream = await open({ signal });
    return await SftpClient.open(stream, { host: description, signal });
  }
}

function isMissing(error: unknown): error is BerthError {
  return isBerthError(error, "ssh.sftp_missing") || isBerthError(error, "ssh.sftp_invalid");
}
