import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory } from "../../../../test/fixtures/disk.ts";
import { waitFor } from "../../../../test/fixtures/process.ts";
import { MAX_DATA_BYTES, packet, RECEIVE_WINDOW_BYTES } from "./channel.ts";
import { sessionStreams } from "./channel-streams.ts";
import { ChannelRefused, Channels } from "./channels.ts";
import { type Field, FieldReader, MESSAGE } from "./message.ts";
import { PacketParser } from "./packet-parser.ts";

/** The other side of the protocol, played by the test: what a real server does only rarely can be had at will. */
interface Server extends AsyncDisposable {
  channels: Channels;
  messages: { type: number; fields: FieldReader }[];
  dataBytes: () => number;
  send(type: number, fields: readonly Field[]): void;
  next(type: number): Promise<FieldReader>;
  socket: Socket;
}

async function played(): Promise<Server> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await scratchDirectory());
  const listener = createServer().listen(join(path, "s"));
  stack.defer(() => void listener.close());
  const client = connect(join(path, "s"));
  const [socket] = (await once(listener, "connection")) as [Socket];
  stack.defer(() => void socket.destroy());
  const messages: Server["messages"] = [];
  let dataBytes = 0;
  const parser = new PacketParser({
    data: (_, bytes) => {
      dataBytes += bytes.length;
    },
    message: (type, body) => messages.push({ type, fields: new FieldReader(body) }),
  });
  socket.on("data", (chunk: Buffer) => parser.push(chunk));
  const owned = stack.move();
  return {
    channels: new Channels(client),
    messages,
    dataBytes: () => dataBytes,
    send: (type, fields) => void socket.write(packet(type, fields)),
    next: (type) =>
      waitFor(`a message ${type}`, () => {
        const index = messages.findIndex((message) => message.type === type);
        return index === -1 ? undefined : messages.splice(index, 1)[0]?.fields;
      }),
    socket,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test("a master that was gone before anybody listened is a connection that has ended", async () => {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await scratchDirectory());
  const listener = createServer({ pauseOnConnect: true }).listen(join(path, "s"));
  stack.defer(() => void listener.close());
  const socket = connect(join(path, "s"));
  socket.on("error", () => {});
  stack.defer(() => void socket.destroy());
  const [master] = (await once(listener, "connection")) as [Socket];
  socket.write("unread", () => master.destroy());
  await new Promise((resolve) => socket.once("close", resolve));
  const channels = new Channels(socket);
  const ended = await Promise.race([channels.ended, new Promise((resolve) => setImmediate(resolve))]);
  assert.match(String(ended), /ECONNRESET/);
  assert.equal(channels.closed, true);
  await assert.rejects(channels.open("session", []), /ECONNRESET/);
});

async function opened(server: Server, window: number, maxDataBytes = MAX_DATA_BYTES) {
  const opening = server.channels.open("session", []);
  const request = await server.next(MESSAGE.channelOpen);
  assert.equal(request.text(), "session");
  const id = request.uint32();
  server.send(MESSAGE.channelOpenConfirmation, [id, 77, window, maxDataBytes]);
  return { id, streams: sessionStreams(await opening, (cause) => cause) };
}

test("no more is sent than the other side's window allows, and the rest when it opens", async () => {
  await using server = await played();
  const { id, streams } = await opened(server, 1000, 300);
  let written = false;
  streams.stdin.write(Buffer.alloc(2500), () => {
    written = true;
  });
  await waitFor("the window is used up", () => server.dataBytes() === 1000);
  server.send(MESSAGE.channelWindowAdjust, [id, 1000]);
  await waitFor("the window is used up", () => server.dataBytes() === 2000);
  assert.equal(written, false);
  server.send(MESSAGE.channelWindowAdjust, [id, 1000]);
  await waitFor("all is written", () => written);
  assert.equal(server.dataBytes(), 2500);
});

test("a reader who stops stops the other side, and nothing stalls when it goes on", async () => {
  await using server = await played();
  const { id, streams } = await opened(server, 1000);
  streams.stderr.resume();
  const total = 4 * RECEIVE_WINDOW_BYTES;
  let window = RECEIVE_WINDOW_BYTES;
  let sent = 0;
  /** Sends as far as the window goes. */
  const pump = (): void => {
    for (const message of server.messages.splice(0)) {
      if (message.type !== MESSAGE.channelWindowAdjust) continue;
      message.fields.uint32();
      window += message.fields.uint32();
    }
    while (window > 0 && sent < total) {
      const size = Math.min(MAX_DATA_BYTES, window, total - sent);
      server.send(MESSAGE.channelData, [id, Buffer.alloc(size, sent / MAX_DATA_BYTES)]);
      window -= size;
      sent += size;
    }
  };
  await waitFor("the window is full", () => {
    pump();
    return streams.stdout.readableLength === RECEIVE_WINDOW_BYTES && window === 0;
  });
  assert.equal(sent, RECEIVE_WINDOW_BYTES, "an unread stream holds one window and no more");
  let read = 0;
  streams.stdout.on("data", (chunk: Buffer) => {
    read += chunk.length;
  });
  await waitFor("all has come", () => {
    pump();
    return read === total;
  });
  server.send(MESSAGE.channelRequest, [id, "exit-signal", false, "TERM", false, "", ""]);
  server.send(MESSAGE.channelClose, [id]);
  assert.deepEqual(await streams.exit, { exitCode: null, signal: "SIGTERM" });
  await server.next(MESSAGE.channelClose);
});

test("who sends more than the window allows is disconnected", async () => {
  await using server = await played();
  const { id, streams } = await opened(server, 1000);
  for (let sent = 0; sent <= RECEIVE_WINDOW_BYTES; sent += MAX_DATA_BYTES) {
    server.send(MESSAGE.channelData, [id, Buffer.alloc(MAX_DATA_BYTES)]);
  }
  assert.ok((await server.channels.ended) instanceof RangeError);
  await assert.rejects(streams.exit, RangeError);
});

test("refusals, an end without exit status, an abort before the answer, the end of the connection", async () => {
  await using server = await played();
  const refused = server.channels.open("session", []);
  await server.next(MESSAGE.channelOpen);
  server.send(MESSAGE.channelOpenFailure, [0, 2, "open failed", ""]);
  await assert.rejects(refused, (error) => error instanceof ChannelRefused && error.reason === 2);
  assert.equal(server.channels.refusals, 1);

  const { id, streams } = await opened(server, 1000);
  server.send(MESSAGE.channelData, [id, "text"]);
  server.send(MESSAGE.channelClose, [id]);
  assert.equal((await once(streams.stdout, "data")).toString(), "text");
  assert.equal(await streams.exit, undefined);

  const abort = new AbortController();
  const aborted = server.channels.open("session", [], abort.signal);
  const request = await server.next(MESSAGE.channelOpen);
  abort.abort(new Error("enough"));
  await assert.rejects(aborted, /enough/);
  request.text();
  server.messages.length = 0;
  server.send(MESSAGE.channelOpenConfirmation, [request.uint32(), 78, 0, 1000]);
  assert.equal((await server.next(MESSAGE.channelClose)).uint32(), 78);

  const last = await opened(server, 0);
  const unanswered = server.channels.open("session", []);
  await server.next(MESSAGE.channelOpen);
  assert.equal(server.channels.opening, 1);
  const stuck = once(last.streams.stdin, "error");
  last.streams.stdin.write("never");
  server.socket.destroy();
  await assert.rejects(unanswered);
  await assert.rejects(last.streams.exit);
  assert.equal((await stuck)[0].code, "EPIPE");
  await server.channels.ended;
});

test("what comes in one read with the answer that is waited for is not lost", async () => {
  await using server = await played();
  const opening = server.channels.open("session", []);
  const request = await server.next(MESSAGE.channelOpen);
  request.text();
  const id = request.uint32();
  server.socket.write(
    Buffer.concat([
      packet(MESSAGE.channelOpenConfirmation, [id, 77, 1000, 1000]),
      packet(MESSAGE.channelSuccess, [id]),
      packet(MESSAGE.channelData, [id, "early"]),
      packet(MESSAGE.channelEof, [id]),
      packet(MESSAGE.channelRequest, [id, "exit-status", false, 3]),
      packet(MESSAGE.channelClose, [id]),
    ]),
  );
  const channel = await opening;
  await server.next(MESSAGE.channelClose);
  const { stdout, exit } = sessionStreams(channel, (cause) => cause);
  assert.equal((await once(stdout, "data")).toString(), "early");
  assert.deepEqual(await exit, { exitCode: 3, signal: null });
});

test("a session that waits is not filled without end by its server", async () => {
  await using server = await played();
  const opening = server.channels.open("session", []);
  const request = await server.next(MESSAGE.channelOpen);
  request.text();
  const id = request.uint32();
  server.socket.write(packet(MESSAGE.channelOpenConfirmation, [id, 77, 1000, 1000]));
  await opening;
  const chatter = packet(MESSAGE.channelRequest, [id, "chatter", false]);
  server.socket.on("error", () => {});
  server.socket.write(Buffer.concat(Array.from({ length: 10_000 }, () => chatter)));
  assert.match(String(await server.channels.ended), /too much before the answer/);
});
