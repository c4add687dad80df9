import { Duplex, Readable, Writable } from "node:stream";
import { type Channel, STREAM_HIGH_WATER_BYTES } from "./channel.ts";
import { FieldReader } from "./message.ts";

const EXTENDED_STDERR = 1;
const WRITABLE_HIGH_WATER_BYTES = 64 * 1024;

export interface ChannelExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** The three streams of a session, and how what runs in it ended. */
export interface SessionStreams {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * Settles when the channel is closed and both outputs have ended: undefined when the server did not say how.
   * Rejects with what broke the connection.
   */
  readonly exit: Promise<ChannelExit | undefined>;
}

/** @param failure what the streams fail with when the connection is gone */
export function sessionStreams(channel: Channel, failure: (cause: Error) => Error): SessionStreams {
  const outputs: Readable[] = [];
  const grow = (): void => channel.read(unread(outputs));
  const readable = (): Readable => {
    const stream = new Readable({ highWaterMark: STREAM_HIGH_WATER_BYTES, read: grow });
    // Who looks at the exit learns why; a stream that nobody looks at must not end the process.
    stream.on("error", () => {});
    outputs.push(stream);
    return stream;
  };
  const stdout = readable();
  const stderr = readable();
  const stdin = new Writable({
    highWaterMark: WRITABLE_HIGH_WATER_BYTES,
    write: (chunk: Buffer, _encoding, done) => channel.write([chunk], done),
    writev: (chunks, done) => channel.write(piecesOf(chunks), done),
    final: (done) => {
      channel.eof();
      done();
    },
  });
  stdin.on("error", () => {});
  const exit = Promise.withResolvers<ChannelExit | undefined>();
  exit.promise.catch(() => {});
  let ended: ChannelExit | undefined;
  let whole = false;
  const finish = (): void => {
    for (const stream of outputs) if (!stream.readableEnded) stream.push(null);
  };
  channel.receive({
    data: (bytes, extended) => {
      const stream = extended === undefined ? stdout : extended === EXTENDED_STDERR ? stderr : undefined;
      // What nobody reads any more is let go, so that what runs there is not held up.
      if (stream !== undefined && !stream.destroyed) stream.push(bytes);
      grow();
    },
    eof: () => {
      whole = true;
      finish();
    },
    request: (name, fields) => {
      ended ??= exitOf(name, fields);
    },
    closed: (error) => {
      stdin.destroy();
      // sshd tells the exit before the last of the output.
      if (error !== undefined && !(ended !== undefined && whole)) {
        const reason = failure(error);
        for (const stream of outputs) stream.destroy(reason);
        exit.reject(reason);
        return;
      }
      finish();
      const open = outputs.filter((stream) => !stream.destroyed && isWaitedFor(stream));
      void Promise.all(open.map((stream) => new Promise((resolve) => stream.once("close", resolve)))).then(
        () => exit.resolve(ended),
      );
    },
  });
  return { stdin, stdout, stderr, exit: exit.promise };
}

/** exit-status and exit-signal (RFC 4254, 6.10), whose names of signals have no SIG. */
function exitOf(name: string, fields: Buffer): ChannelExit | undefined {
  if (name === "exit-status") return { exitCode: new FieldReader(fields).uint32(), signal: null };
  if (name === "exit-signal") return { exitCode: null, signal: `SIG${new FieldReader(fields).text()}` };
  return undefined;
}

export interface DuplexOptions {
  /**
   * What it fails with. `cause` is what broke the connection, undefined when the other side closed the channel;
   * undefined in return is an end like any other.
   */
  failure(cause: Error | undefined, hadBytes: boolean): Error | undefined;
  /** Whether the end of the other side's bytes is told at once, or when the channel is closed and `failure` was asked. */
  readonly endsAt: "eof" | "close";
}

/** A channel as one byte stream. */
export function channelDuplex(channel: Channel, options: DuplexOptions): Duplex {
  let hadBytes = false;
  const stream = new Duplex({
    readableHighWaterMark: STREAM_HIGH_WATER_BYTES,
    writableHighWaterMark: WRITABLE_HIGH_WATER_BYTES,
    read: () => channel.read(unread([stream])),
    write: (chunk: Buffer, _encoding, done) => channel.write([chunk], done),
    writev: (chunks, done) => channel.write(piecesOf(chunks), done),
    final: (done) => {
      channel.eof();
      done();
    },
    destroy: (error, done) => {
      channel.close();
      done(error);
    },
  });
  channel.receive({
    data: (bytes, extended) => {
      if (extended === undefined && !stream.destroyed) {
        hadBytes = true;
        stream.push(bytes);
      }
      channel.read(unread([stream]));
    },
    eof: () => {
      if (options.endsAt === "eof") stream.push(null);
    },
    request: () => {},
    closed: (cause) => {
      const error = options.failure(cause, hadBytes);
      if (error !== undefined) stream.destroy(error);
      // Nobody takes what is written from now on.
      else if (stream.readableEnded) stream.destroy();
      else {
        stream.push(null);
        stream.once("end", () => stream.destroy());
      }
    },
  });
  return stream;
}

/** What is empty and nobody reads has ended for everybody; it would never say so. */
function isWaitedFor(stream: Readable): boolean {
  return stream.readableLength > 0 || stream.readableFlowing !== null || stream.listenerCount("readable") > 0;
}

function unread(streams: readonly Readable[]): number {
  return streams.reduce((sum, stream) => sum + (stream.destroyed ? 0 : stream.readableLength), 0);
}

function piecesOf(chunks: readonly { readonly chunk: Buffer }[]): Buffer[] {
  return chunks.map(({ chunk }) => chunk);
}
