import type { Socket } from "node:net";
import { Channel, MAX_DATA_BYTES, packet, RECEIVE_WINDOW_BYTES } from "./channel.ts";
import { type Field, FieldReader, MESSAGE } from "./message.ts";
import { PacketParser } from "./packet-parser.ts";

/** Reasons of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254, 5.1). */
export const OPEN_FAILURE = {
  administrativelyProhibited: 1,
  connectFailed: 2,
  unknownChannelType: 3,
  resourceShortage: 4,
} as const;

/** The server opens no such channel. */
export class ChannelRefused extends Error {
  readonly reason: number;

  constructor(reason: number, description: string) {
    super(description);
    this.reason = reason;
  }
}

interface Opening {
  resolve(channel: Channel): void;
  reject(error: Error): void;
}

/** All channels of this process on one connection to a master (`openProxy`). */
export class Channels {
  readonly #socket: Socket;
  readonly #openings = new Map<number, Opening>();
  readonly #channels = new Map<number, Channel>();
  readonly #ended = Promise.withResolvers<Error | undefined>();
  #next = 0;
  #failure: Error | undefined;
  #corked = false;
  #refusals = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    const parser = new PacketParser({
      data: (id, bytes, extended) => this.#channels.get(id)?.onData(bytes, extended),
      message: (type, body) => this.#message(type, new FieldReader(body), body),
    });
    socket.on("data", (chunk: Buffer) => {
      try {
        parser.push(chunk);
      } catch (cause) {
        // What is no packet, or a message that ends in the middle of a field: nothing behind it can be trusted.
        socket.destroy(cause as Error);
      }
    });
    socket.on("error", (error) => {
      this.#failure ??= error;
    });
    socket.once("close", () => this.#close());
    // One that broke before it came here tells nobody any more.
    if (socket.destroyed) {
      this.#failure = socket.errored ?? undefined;
      this.#close();
    }
    socket.resume();
  }

  /** The connection is gone; nothing can be opened. */
  get closed(): boolean {
    return this.#socket.destroyed;
  }

  /** Settles when the connection is gone, with what broke it where that is known. */
  get ended(): Promise<Error | undefined> {
    return this.#ended.promise;
  }

  /**
   * How many channels the server has refused. An OpenSSH master (9.2 at least) keeps such a channel until its client
   * goes, and then ends itself (`chan_send_close2: no remote_id`).
   */
  get refusals(): number {
    return this.#refusals;
  }

  /** Channels whose opening the server has not answered yet. */
  get opening(): number {
    return this.#openings.size;
  }

  /**
   * @throws ChannelRefused; the signal's reason, and then a channel that opens later is closed at once; an Error when
   *   the connection is gone
   */
  open(type: string, fields: readonly Field[], signal?: AbortSignal): Promise<Channel> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#socket.destroyed) return Promise.reject(this.#gone());
    const id = this.#next;
    this.#next = (this.#next + 1) % 2 ** 32;
    const { promise, resolve, reject } = Promise.withResolvers<Channel>();
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const settled = (): void => signal?.removeEventListener("abort", onAbort);
    this.#openings.set(id, {
      resolve: (channel) => {
        settled();
        if (signal?.aborted) channel.close();
        else resolve(channel);
      },
      reject: (error) => {
        settled();
        reject(error);
      },
    });
    this.#send([packet(MESSAGE.channelOpen, [type, id, RECEIVE_WINDOW_BYTES, MAX_DATA_BYTES, ...fields])]);
    return promise;
  }

  /** Ends this process's channels. The master goes on. */
  close(): void {
    this.#socket.destroy();
  }

  #send(parts: readonly Uint8Array[], done?: (error?: Error | null) => void): void {
    // What is sent in one turn of the loop goes out in one system call.
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    const last = parts.length - 1;
    parts.forEach((part, index) => void this.#socket.write(part, index === last ? done : undefined));
  }

  /** @throws RangeError */
  #message(type: number, fields: FieldReader, body: Buffer): void {
    const id = fields.uint32();
    const channel = this.#channels.get(id);
    switch (type) {
      case MESSAGE.channelOpenConfirmation: {
        const opening = this.#take(id);
        const [remote, window, maxDataBytes] = [fields.uint32(), fields.uint32(), fields.uint32()];
        const send = this.#send.bind(this);
        const opened = new Channel({ local: id, remote, window, maxDataBytes, send });
        this.#channels.set(id, opened);
        opening?.resolve(opened);
        break;
      }
      case MESSAGE.channelOpenFailure:
        this.#refusals += 1;
        this.#take(id)?.reject(new ChannelRefused(fields.uint32(), fields.text()));
        break;
      case MESSAGE.channelWindowAdjust:
        channel?.onWindowAdjust(fields.uint32());
        break;
      case MESSAGE.channelEof:
        channel?.onEof();
        break;
      case MESSAGE.channelClose:
        this.#channels.delete(id);
        channel?.onClose();
        break;
      case MESSAGE.channelRequest: {
        const name = fields.text();
        const wantsReply = fields.boolean();
        channel?.onRequest(name, wantsReply, body.subarray(4 + 4 + Buffer.byteLength(name) + 1));
        break;
      }
      case MESSAGE.channelSuccess:
      case MESSAGE.channelFailure:
        channel?.onAnswer(type === MESSAGE.channelSuccess);
        break;
      // Anything else is not of this protocol's part that goes through a master.
    }
  }

  #take(id: number): Opening | undefined {
    const opening = this.#openings.get(id);
    this.#openings.delete(id);
    return opening;
  }

  #close(): void {
    const error = this.#gone();
    for (const opening of this.#openings.values()) opening.reject(error);
    this.#openings.clear();
    for (const channel of this.#channels.values()) channel.onClose(error);
    this.#channels.clear();
    this.#ended.resolve(this.#failure);
  }

  #gone(): Error {
    return this.#failure ?? new Error("the connection is gone");
  }
}
