import { abortedError } from "../../abort.ts";
import type { Channel } from "./channel.ts";

/**
 * Keeps one session open ahead of the next command: opening a session and running something in it takes two round
 * trips, of which only the second is left to wait for. It is opened when a command was accepted, so the answer to it
 * comes before the command can end; and no longer once the server has refused a session, whose room others need.
 */
export class SessionAhead {
  readonly #open: (signal?: AbortSignal) => Promise<Channel>;
  #ahead: Promise<Channel> | undefined;
  #refused = false;

  /** @param open opens a session; rejects when it is refused */
  constructor(open: (signal?: AbortSignal) => Promise<Channel>) {
    this.#open = open;
  }

  /** The session that was opened ahead, else a new one. @throws what opening throws, operation.aborted */
  async take(signal: AbortSignal | undefined): Promise<Channel> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead === undefined) return this.#open(signal);
    const channel = await this.#unlessAborted(ahead, signal);
    // The server has closed it meanwhile (ChannelTimeout).
    return channel.over ? this.#open(signal) : channel;
  }

  /** Opens the next one. */
  prepare(): void {
    if (this.#ahead !== undefined || this.#refused) return;
    const ahead = this.#open();
    this.#ahead = ahead;
    ahead.catch(() => {
      this.#refused = true;
      if (this.#ahead === ahead) this.#ahead = undefined;
    });
  }

  async #unlessAborted(ahead: Promise<Channel>, signal: AbortSignal | undefined): Promise<Channel> {
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(abortedError(signal));
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([ahead, promise]);
    } catch (error) {
      if (signal?.aborted) this.#giveBack(ahead);
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #giveBack(ahead: Promise<Channel>): void {
    if (this.#ahead === undefined) this.#ahead = ahead;
    else
      ahead.then(
        (channel) => channel.close(),
        () => {},
      );
  }
}
