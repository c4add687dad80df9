import type { BerthError } from "../../contract/errors.ts";
import { unlessAborted } from "../../transports/abort.ts";
import type { RawProcess, Transport } from "../../transports/transport.ts";
import { BOOTSTRAP } from "./script.ts";
import { SftpLink, type SftpLinkOptions } from "./sftp-link.ts";
import { SpareRuns } from "./spare-runs.ts";

/**
 * Who waits so much longer for a session than it took at best may be waiting for one that is only kept. (Before the
 * first one is open there is nothing to keep.)
 */
const YIELD_FACTOR = 3;
const YIELD_AFTER_MS = 100;
/** Those of this process that may keep something: those of one host share its sessions. */
const keepers = new Set<Shells>();

export interface ShellsOptions {
  readonly transport: Transport;
  readonly shell: string;
  readonly user: string | undefined;
  /** For people. */
  readonly description: string;
  /** Kept ready for the next scripts. */
  readonly spareRuns: number;
  /** Whether the place is so idle that a spare is in nobody's way. */
  readonly idle: () => boolean;
  /** Told once, when the place turns out to have no SFTP that can be used. */
  readonly onSftpMissing: (error: BerthError) => void;
}

/**
 * What a place without a daemon has open: shells that wait for their script, and its SFTP session. Over SSH each is one
 * of a few sessions, so what is only kept ready is given back as soon as somebody waits for one.
 */
export class Shells {
  /** undefined where the transport has no such way. */
  readonly sftp: SftpLink | undefined;
  readonly #options: ShellsOptions;
  readonly #spares: SpareRuns;
  #connecting = 0;
  #fastestOpenMs = 1000;

  constructor(options: ShellsOptions) {
    this.#options = options;
    this.#spares = new SpareRuns({
      limit: options.spareRuns,
      open: (signal) => this.#open({ signal }),
      wanted: () => this.#connecting === 0 && options.idle(),
    });
    if (options.spareRuns > 0) keepers.add(this);
    const { transport, description, onSftpMissing: onMissing } = options;
    if (transport.sftp !== undefined) {
      const open: SftpLinkOptions["open"] = (sftpOptions) => this.#waiting(transport.sftp!(sftpOptions));
      this.sftp = new SftpLink({ description, open, onMissing });
    }
  }

  /** So many shells are wanted for certain. */
  prepare(count: number): void {
    this.#spares.prepare(count);
  }

  /** One was taken and has its script. */
  refill(): void {
    this.#spares.refill();
  }

  /**
   * A shell that waits for its script: a spare one, or a new one.
   * @throws what the transport throws, operation.aborted
   */
  async connect(signal: AbortSignal | undefined, urgent: boolean): Promise<RawProcess> {
    // Not the caller's signal: that would reach the shell also when it runs, where an abort is to be gentle.
    const cancel = new AbortController();
    const opening = { signal: cancel.signal, ...(urgent ? { urgent } : {}) };
    const spare = this.#spares.take();
    const connecting = this.#waiting(
      spare === undefined ? this.#open(opening) : spare.catch(() => this.#open(opening)),
    );
    try {
      return await unlessAborted(connecting, signal);
    } catch (error) {
      cancel.abort();
      // Its script never came, so it does nothing.
      connecting.then(
        (late) => late.close(),
        () => {},
      );
      throw error;
    }
  }

  close(): void {
    keepers.delete(this);
    this.#spares.close();
    this.sftp?.close();
  }

  async #open(options: { readonly signal?: AbortSignal; readonly urgent?: boolean }): Promise<RawProcess> {
    const { transport, shell, user } = this.#options;
    const startedAt = performance.now();
    const raw = await transport.run([shell, "-c", BOOTSTRAP], {
      ...options,
      // Not the place's own default, which may be gone.
      cwd: "/",
      ...(user === undefined ? {} : { user }),
    });
    this.#fastestOpenMs = Math.min(this.#fastestOpenMs, performance.now() - startedAt);
    return raw;
  }

  /** Something that may wait for a session. */
  async #waiting<T>(opening: Promise<T>): Promise<T> {
    this.#connecting++;
    const { description } = this.#options.transport;
    const timer = setInterval(
      () => {
        for (const keeper of keepers) {
          if (keeper.#options.transport.description === description) keeper.#yield();
        }
      },
      YIELD_AFTER_MS + YIELD_FACTOR * this.#fastestOpenMs,
    );
    try {
      return await opening;
    } finally {
      clearInterval(timer);
      this.#connecting--;
    }
  }

  #yield(): void {
    this.#spares.drop();
    this.sftp?.yield();
  }
}
