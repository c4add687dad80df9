import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { type BerthError, isBerthError } from "../../../contract/errors.ts";
import { SftpClient } from "./client.ts";
import { PACKET, PacketReader, PacketSplitter, PacketWriter } from "./packet.ts";
import { localServer, sftpServerPath } from "./testing.ts";
import { readChunks, writeChunks } from "./transfer.ts";

type Answer = (type: number, body: PacketReader, id: number) => void;

/** A server that only the test knows: a stand-in for hostile and odd ones, which can't be had. */
class FakeServer {
  readonly stream: Duplex;
  readonly types: number[] = [];
  #answer: Answer = () => {};

  constructor() {
    const splitter = new PacketSplitter((type, bytes) => {
      const body = new PacketReader(bytes);
      this.types.push(type);
      if (type === PACKET.init) this.send(PACKET.version, new PacketWriter().uint32(3));
      else this.#answer(type, body, body.uint32());
    });
    this.stream = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        splitter.push(chunk);
        done();
      },
    });
  }

  answer(answer: Answer): this {
    this.#answer = answer;
    return this;
  }

  send(type: number, fields: PacketWriter, id?: number): void {
    this.raw(Buffer.concat(fields.packet(type, id)));
  }

  raw(bytes: Buffer): void {
    if (!this.stream.destroyed) this.stream.push(bytes);
  }
}

async function connected(answer: Answer): Promise<{ client: SftpClient; server: FakeServer }> {
  const server = new FakeServer().answer(answer);
  return { server, client: await SftpClient.open(server.stream, { host: "box" }) };
}

const coded = (code: BerthError["code"]) => (error: unknown) => {
  assert.ok(isBerthError(error), String(error));
  assert.equal(error.code, code, error.message);
  return true;
};

test("a stream that ends without a word is ssh.sftp_missing, text is ssh.sftp_invalid", async () => {
  const silent = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  const opening = SftpClient.open(silent, { host: "box" });
  silent.push(null);
  await assert.rejects(opening, coded("ssh.sftp_missing"));
  for (const text of ["Welcome to box!\n", "\0\0\0\x01\x05", "\0\0\0\x05\x02\0\0\0\x06"]) {
    const talking = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
    const greeting = SftpClient.open(talking, { host: "box" });
    talking.push(Buffer.from(text, "latin1"));
    await assert.rejects(greeting, coded("ssh.sftp_invalid"));
    assert.equal(talking.destroyed, true);
  }
});

test("an abort ends the greeting", async () => {
  const silent = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  const abort = new AbortController();
  const opening = SftpClient.open(silent, { host: "box", signal: abort.signal });
  abort.abort();
  await assert.rejects(opening, coded("operation.aborted"));
  assert.equal(silent.destroyed, true);
});

test("answers find their requests in whatever order they come", async () => {
  const waiting: (() => void)[] = [];
  const { client, server } = await connected((_type, body, id) => {
    const size = Number(body.text().slice(1));
    waiting.push(() => server.send(PACKET.attributes, new PacketWriter().uint32(1).uint64(size), id));
    if (waiting.length === 20) for (const answer of waiting.reverse()) answer();
  });
  const sizes = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => (await client.stat(`/${index}`)).size),
  );
  assert.deepEqual(
    sizes,
    Array.from({ length: 20 }, (_, index) => index),
  );
});

test("short reads are asked on, and never more than the window is under way", async () => {
  const content = randomBytes(5_000_000);
  let most = 0;
  let open = 0;
  const { client, server } = await connected((type, body, id) => {
    assert.equal(type, PACKET.read);
    body.bytes();
    const offset = body.uint64();
    const length = body.uint32();
    open += length;
    most = Math.max(most, open);
    setImmediate(() => {
      open -= length;
      if (offset >= content.length) server.send(PACKET.status, new PacketWriter().uint32(1), id);
      else {
        const short = Math.min(length, 1 + ((offset * 7919) % 32_768));
        server.send(PACKET.data, new PacketWriter().bytes(content.subarray(offset, offset + short)), id);
      }
    });
  });
  const parts: Buffer[] = [];
  const range = { start: 0, length: undefined, size: content.length };
  for await (const part of readChunks(client, { id: Buffer.of(1), path: "/f" }, range)) parts.push(part);
  assert.equal(Buffer.concat(parts).equals(content), true);
  assert.ok(most <= 2 * 1024 * 1024, `${most} bytes under way`);
  assert.ok(most > 1024 * 1024, `only ${most} bytes under way`);
});

test("writes wait for a server that is slow, and the first refusal ends them", async () => {
  let open = 0;
  let most = 0;
  let written = 0;
  const answers: (() => void)[] = [];
  const { client, server } = await connected((type, body, id) => {
    if (type !== PACKET.write) {
      server.send(PACKET.status, new PacketWriter().uint32(2), id);
      return;
    }
    body.bytes();
    body.uint64();
    const { length } = body.bytes();
    open += length;
    most = Math.max(most, open);
    answers.push(() => {
      open -= length;
      written += length;
      server.send(PACKET.status, new PacketWriter().uint32(written > 4_000_000 ? 3 : 0), id);
    });
    setImmediate(() => answers.shift()?.());
  });
  let asked = 0;
  async function* endless() {
    for (;;) {
      asked += 100_000;
      yield Buffer.alloc(100_000);
    }
  }
  const writing = writeChunks(client, { id: Buffer.of(1), path: "/f" }, endless());
  await assert.rejects(writing, coded("EACCES"));
  assert.ok(most <= 2 * 1024 * 1024, `${most} bytes under way`);
  assert.ok(asked < 8_000_000, `${asked} bytes asked for`);
});

test("a refusal that no look explains is EIO with the server's words", async () => {
  const words = "x".repeat(100_000);
  const { client, server } = await connected((_type, _body, id) =>
    server.send(PACKET.status, new PacketWriter().uint32(4).text(words).text(""), id),
  );
  await assert.rejects(client.rename("/a", "/b"), (error) => {
    assert.ok(isBerthError(error, "EIO"), String(error));
    assert.match(error.message, /"x+"/);
    assert.ok(error.message.length < 400);
    return true;
  });
  await assert.rejects(client.fsync({ id: Buffer.of(1), path: "/f" }), coded("EIO"));
});

test("what the server has not is ENOTSUP", async () => {
  const { client, server } = await connected((_type, _body, id) =>
    server.send(PACKET.status, new PacketWriter().uint32(8).text("Operation unsupported").text(""), id),
  );
  await assert.rejects(client.posixRename("/a", "/b"), coded("ENOTSUP"));
});

test("a handle that comes after the abort is given back", async () => {
  const { promise: closed, resolve } = Promise.withResolvers<Buffer>();
  let late = () => {};
  const { client, server } = await connected((type, body, id) => {
    if (type === PACKET.open) {
      late = () => server.send(PACKET.handle, new PacketWriter().bytes(Buffer.from("h7")), id);
    } else if (type === PACKET.close) resolve(body.bytes());
  });
  const abort = new AbortController();
  const opening = client.open("/f", { read: true }, {}, { signal: abort.signal });
  abort.abort();
  await assert.rejects(opening, coded("operation.aborted"));
  late();
  assert.equal(String(await closed), "h7");
});

test("what no server may send ends the session with ssh.sftp_invalid", async () => {
  const cases: Record<string, Answer> = {
    "an answer to nothing": (_type, _body, id) =>
      server.send(PACKET.status, new PacketWriter().uint32(0), id + 1),
    "a type that fits not": (_type, _body, id) =>
      server.send(PACKET.data, new PacketWriter().bytes(Buffer.of(1)), id),
    "success without the attributes": (_type, _body, id) =>
      server.send(PACKET.status, new PacketWriter().uint32(0), id),
    "attributes that end early": (_type, _body, id) =>
      server.send(PACKET.attributes, new PacketWriter().uint32(1), id),
    "a made-up count": (_type, _body, id) =>
      server.send(PACKET.attributes, new PacketWriter().uint32(0x8000_0000).uint32(0xffff_ffff), id),
    "a packet without end": () => server.raw(Buffer.from([0xff, 0xff, 0xff, 0xff])),
    "an empty packet": () => server.raw(Buffer.alloc(4)),
  };
  let server!: FakeServer;
  for (const [name, answer] of Object.entries(cases)) {
    const made = await connected((type, body, id) => answer(type, body, id));
    server = made.server;
    const second = made.client.lstat("/b");
    second.catch(() => {});
    await assert.rejects(made.client.stat("/a"), coded("ssh.sftp_invalid"), name);
    await assert.rejects(second, name);
    assert.equal(made.client.session.closed, true, name);
  }
});

test("more data than was asked for, or none, is refused", async () => {
  for (const bytes of [0, 11]) {
    const { client, server } = await connected((_type, _body, id) =>
      server.send(PACKET.data, new PacketWriter().bytes(Buffer.alloc(bytes)), id),
    );
    await assert.rejects(client.read({ id: Buffer.of(1), path: "/f" }, 0, 10), coded("ssh.sftp_invalid"));
  }
});

test("a server that flips bits gives errors of the registry and never a hang or a crash", {
  skip: sftpServerPath() === undefined && "sftp-server is not installed",
}, async () => {
  const ask = (client: SftpClient) =>
    Promise.allSettled([
      client.stat("/"),
      client.readdir("/etc"),
      client.readlink("/proc/self"),
      client.statvfs("/"),
      client.open("/etc/passwd", { read: true }).then((handle) => client.read(handle, 0, 1000)),
      client.mkdir("/"),
    ]);
  // What a real server says, packet by packet, to be spoilt.
  const packets: Buffer[] = [];
  const { stream } = localServer();
  const splitter = new PacketSplitter((type, body) => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length + 1);
    head.writeUInt8(type, 4);
    packets.push(Buffer.concat([head, body]));
  });
  stream.on("data", (chunk: Buffer) => splitter.push(chunk));
  const client = await SftpClient.open(stream, { host: "box" });
  await ask(client);
  client.close();
  let refusals = 0;
  for (let round = 0; round < 500; round++) {
    const spoilt = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
    const target = Math.floor(Math.random() * packets.length);
    const replay = (async () => {
      for (const [index, packet] of packets.entries()) {
        const bad = Buffer.from(packet);
        for (let flips = 0; index === target && flips <= round % 4; flips++) {
          bad[Math.floor(Math.random() * bad.length)]! ^= 1 << Math.floor(Math.random() * 8);
        }
        if (spoilt.destroyed) return;
        spoilt.push(bad);
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (!spoilt.destroyed) spoilt.push(null);
    })();
    const opened = await SftpClient.open(spoilt, { host: "box" }).catch((error: unknown) => error);
    const results =
      opened instanceof SftpClient
        ? await ask(opened)
        : [{ status: "rejected", reason: opened } as PromiseRejectedResult];
    await replay;
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      refusals++;
      assert.ok(isBerthError(result.reason), String(result.reason));
      assert.notEqual(result.reason.code, "internal", result.reason.message);
    }
  }
  assert.ok(refusals > 500, `only ${refusals} refusals: nothing was spoilt`);
});
