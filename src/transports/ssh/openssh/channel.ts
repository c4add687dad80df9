import { encodeFields, type Field, MESSAGE } from "./message.ts";

/**
 * Bytes that the other side may send before they have been read here (the default of OpenSSH's own client). All
 * streams of a channel share it.
 */
export const RECEIVE_WINDOW_BYTES = 2 * 1024 * 1024;
/**
 * Readable bytes in a stream above which it counts as full. As long as it is at most a quarter of the window, two
 * streams together leave half of it for what is still to come: whenever one is read again the window grows again.
 */
export const STREAM_HIGH_WATER_BYTES = RECEIVE_WINDOW_BYTES / 4;
/** The window grows in steps of at least this, so that not every read costs a message. */
const WINDOW_STEP_BYTES = RECEIVE_WINDOW_BYTES / 4;
/** Largest data packet that is taken, and sent at most (CHAN_SES_PACKET_DEFAULT of OpenSSH). */
export const MAX_DATA_BYTES = 32 * 1024;

/**
 * Packets that may come before anybody is told. What comes with the awaited answer is in the same read of 64 KiB, where
 * at most 4,700 packets have room; a server that says more to a session that waits means no good.
 */
const MAX_EARLY = 8_192;

/** How a channel sends: one packet of head and data, the callback once the kernel has it. */
export type SendPacket = (parts: readonly Uint8Array[], done?: (error?: Error | null) => void) => void;

/** What happens on a channel. */
export interface ChannelReceiver {
  data(bytes: Buffer, extended: number | undefined): void;
  eof(): void;
  /** Such as exit-status: `fields` are what follows the name and "want reply". */
  request(name: string, fields: Buffer): void;
  /** The other side has closed the channel, or, with an error, the connection is gone. Nothing comes afterwards. */
  closed(error: Error | undefined): void;
}

type Done = (error?: Error | null) => void;

/** One channel of the SSH connection protocol (RFC 4254, 5): flow control both ways, requests, its end. */
export class Channel {
  readonly #local: number;
  readonly #remote: number;
  readonly #send: SendPacket;
  readonly #maxDataBytes: number;
  #receiver: ChannelReceiver | undefined;
  /** What has come before anybody could say who is told: it arrives together with the answer that is waited for. */
  #early: ((receiver: ChannelReceiver) => void)[] = [];
  #sendWindow: number;
  /** What the other side may still send. */
  #receiveWindow = RECEIVE_WINDOW_BYTES;
  /** What waits for the window: its pieces in order, never joined to one, which would be a second copy of everything. */
  #waiting: { pieces: Uint8Array[]; left: number; done: Done } | undefined;
  #answers: ((accepted: boolean) => void)[] = [];
  #eofSent = false;
  #closeSent = false;
  #over = false;

  constructor(options: {
    local: number;
    remote: number;
    window: number;
    maxDataBytes: number;
    send: SendPacket;
  }) {
    this.#local = options.local;
    this.#remote = options.remote;
    this.#sendWindow = options.window;
    this.#maxDataBytes = Math.max(1, Math.min(options.maxDataBytes, MAX_DATA_BYTES));
    this.#send = options.send;
  }

  get local(): number {
    return this.#local;
  }

  /** Nothing can be sent any more. */
  get over(): boolean {
    return this.#over || this.#closeSent;
  }

  /** Who is told of everything from now on. */
  receive(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
    for (const tell of this.#early.splice(0)) tell(receiver);
  }

  /** @returns whether the server did it; false also when the channel ended meanwhile */
  request(name: string, ...fields: readonly Field[]): Promise<boolean> {
    if (this.over) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#answers.push(resolve);
    this.#message(MESSAGE.channelRequest, [name, true, ...fields]);
    return promise;
  }

  /** Sends bytes as far as the window goes, then the rest as it opens. One at a time: the next one after `done`. */
  write(pieces: readonly Uint8Array[], done: Done): void {
    if (this.over || this.#eofSent) {
      done(brokenPipe());
      return;
    }
    this.#waiting = { pieces: [...pieces], left: pieces.reduce((sum, { length }) => sum + length, 0), done };
    this.#flush();
  }

  eof(): void {
    if (this.over || this.#eofSent) return;
    this.#eofSent = true;
    this.#message(MESSAGE.channelEof);
  }

  close(): void {
    if (this.over) return;
    this.#closeSent = true;
    this.#message(MESSAGE.channelClose);
    this.#giveUp();
  }

  /** Lets the other side send as much as has been read here. `unread` is what the channel's streams still hold. */
  read(unread: number): void {
    const room = RECEIVE_WINDOW_BYTES - this.#receiveWindow - unread;
    if (room < WINDOW_STEP_BYTES || this.over) return;
    this.#receiveWindow += room;
    this.#message(MESSAGE.channelWindowAdjust, [room]);
  }

  /** @throws RangeError when the other side sends more than it may */
  onData(bytes: Buffer, extended: number | undefined): void {
    this.#receiveWindow -= bytes.length;
    if (this.#receiveWindow < 0) throw new RangeError("more bytes than the window allows");
    this.#boundEarly();
    if (!this.#closeSent) this.#tell((receiver) => receiver.data(bytes, extended));
  }

  onWindowAdjust(bytes: number): void {
    this.#sendWindow += bytes;
    this.#flush();
  }

  onEof(): void {
    if (!this.#closeSent) this.#tell((receiver) => receiver.eof());
  }

  onAnswer(accepted: boolean): void {
    this.#answers.shift()?.(accepted);
  }

  /** @throws RangeError when the other side asks without end before anybody listens */
  onRequest(name: string, wantsReply: boolean, fields: Buffer): void {
    this.#boundEarly();
    if (wantsReply && !this.over) this.#message(MESSAGE.channelFailure);
    if (name === "eow@openssh.com") this.#refuseInput();
    else this.#tell((receiver) => receiver.request(name, fields));
  }

  /** The other side has closed it; with an error the whole connection is gone. */
  onClose(error?: Error): void {
    if (this.#over) return;
    if (!this.#closeSent && error === undefined) this.#message(MESSAGE.channelClose);
    this.#over = true;
    this.#giveUp();
    this.#tell((receiver) => receiver.closed(error));
  }

  #boundEarly(): void {
    if (this.#early.length > MAX_EARLY) throw new RangeError("too much before the answer");
  }

  #tell(tell: (receiver: ChannelReceiver) => void): void {
    if (this.#receiver === undefined) this.#early.push(tell);
    else tell(this.#receiver);
  }

  /** What runs there has closed its input: what was to be written will never be read. */
  #refuseInput(): void {
    this.#eofSent = true;
    this.#waiting?.done(brokenPipe());
    this.#waiting = undefined;
  }

  #giveUp(): void {
    this.#refuseInput();
    for (const answer of this.#answers) answer(false);
    this.#answers = [];
  }

  #flush(): void {
    while (this.#waiting !== undefined && (this.#sendWindow > 0 || this.#waiting.left === 0)) {
      const waiting = this.#waiting;
      const length = Math.min(waiting.left, this.#sendWindow, this.#maxDataBytes);
      const parts = [dataHead(this.#remote, length), ...taken(waiting.pieces, length)];
      waiting.left -= length;
      const last = waiting.left === 0;
      if (last) this.#waiting = undefined;
      this.#sendWindow -= length;
      this.#send(parts, last ? waiting.done : undefined);
    }
  }

  #message(type: number, fields: readonly Field[] = []): void {
    this.#send([packet(type, [this.#remote, ...fields])]);
  }
}

/** Takes so many bytes from the front of a list, as pieces. */
function taken(pieces: Uint8Array[], length: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let left = length; left > 0; ) {
    const first = pieces[0] as Uint8Array;
    if (first.length <= left) {
      parts.push(first);
      pieces.shift();
    } else {
      parts.push(first.subarray(0, left));
      pieces[0] = first.subarray(left);
    }
    left -= Math.min(left, first.length);
  }
  return parts;
}

/** What Node says when nobody reads the other end of a pipe. */
function brokenPipe(): Error {
  return Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write" });
}

/** A whole packet: length, no padding, type, body. */
export function packet(type: number, fields: readonly Field[]): Buffer {
  const body = encodeFields(fields);
  const head = Buffer.allocUnsafe(6);
  head.writeUInt32BE(body.length + 2);
  head.writeUInt8(0, 4);
  head.writeUInt8(type, 5);
  return Buffer.concat([head, body]);
}

function dataHead(channel: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(14);
  head.writeUInt32BE(length + 10);
  head.writeUInt8(0, 4);
  head.writeUInt8(MESSAGE.channelData, 5);
  head.writeUInt32BE(channel, 6);
  head.writeUInt32BE(length, 10);
  return head;
}
