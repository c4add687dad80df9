import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { Duplex, PassThrough } from "node:stream";
import { after, test } from "node:test";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { PACKET } from "../../transports/ssh/sftp/packet.ts";
import { localServer } from "../../transports/ssh/sftp/testing.ts";
import { placeMissing, removeApplets, type TestPlace, testPlace, until } from "./testing.ts";

after(removeApplets);

const skip = placeMissing("sftp");
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function* pieces(bytes: Uint8Array, length = 100_000) {
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** Types of the packets that were sent to the server, behind the greeting. */
function recorded(types: number[], change?: (stream: Duplex) => void): () => Promise<Duplex> {
  return async () => {
    const { stream } = localServer();
    change?.(stream);
    let held = Buffer.alloc(0);
    const through = new PassThrough();
    through.on("data", (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 5 && held.length >= 4 + held.readUInt32BE()) {
        types.push(held.readUInt8(4));
        held = held.subarray(4 + held.readUInt32BE());
      }
      stream.write(chunk);
    });
    return Duplex.from({ readable: stream, writable: through });
  };
}

async function withServer(sftp: () => Promise<Duplex>): Promise<TestPlace> {
  return await testPlace("sftp", { sftp });
}

test("large content goes by SFTP with many requests under way, small content with one run", {
  skip,
}, async () => {
  const types: number[] = [];
  await using place = await withServer(recorded(types));
  const { fs } = place.runtime;
  const content = randomBytes(3_000_000);
  assert.deepEqual(await fs.writeFile("a", content), { atomic: true, bytes: content.length });
  assert.equal(sha256(await readFile(place.path("a"))), sha256(content));
  assert.equal(types.filter((type) => type === PACKET.write).length >= 20, true);
  assert.equal(sha256(await fs.readFile("a")), sha256(content));
  assert.equal(types.filter((type) => type === PACKET.read).length >= 20, true);
  assert.deepEqual(
    Buffer.from(await fs.readFile("a", { start: 1_000_000, end: 1_099_999 })),
    content.subarray(1_000_000, 1_100_000),
  );
  const before = [types.length, place.runs.length];
  await fs.writeFile("b", content.subarray(0, 4096));
  assert.equal(sha256(await fs.readFile("b")), sha256(content.subarray(0, 4096)));
  assert.equal((await fs.statMany(Array.from({ length: 100 }, () => "a"))).length, 100);
  await until("the spares are there", () => place.runs.length >= before[1]! + 3);
  assert.deepEqual(
    [types.length, place.runs.length],
    [before[0], before[1]! + 3],
    "three runs, each of them a spare",
  );
});

test("owner, mode, links and symlinks are kept as by the shell alone", { skip }, async () => {
  await using place = await testPlace("sftp");
  const { fs } = place.runtime;
  const content = randomBytes(200_000);
  await writeFile(place.path("a"), "old", { mode: 0o640 });
  await fs.symlink("a", "link");
  assert.equal((await fs.writeFile("link", content)).atomic, true);
  assert.equal((await stat(place.path("a"))).mode & 0o777, 0o640);
  assert.equal((await fs.lstat("link")).type, "symlink");
  assert.equal(sha256(await readFile(place.path("a"))), sha256(content));
  await fs.writeFile("deep/er/b", content, { mode: 0o601 });
  assert.equal((await stat(place.path("deep/er/b"))).mode & 0o777, 0o601);
  await place.runtime.exec(["ln", "a", "c"]);
  assert.deepEqual(await fs.writeFile("c", content.subarray(1)), { atomic: false, bytes: 199_999 });
  assert.equal((await stat(place.path("a"))).nlink, 2);
});

test("a place without SFTP is asked once; the shell moves the files, and it is an event", {
  skip,
}, async () => {
  let asked = 0;
  await using place = await withServer(async () => {
    asked++;
    throw berthError("ssh.sftp_missing", { context: { host: "box" } });
  });
  const { fs } = place.runtime;
  const content = randomBytes(300_000);
  await fs.writeFile("a", content);
  await fs.writeFile("b", pieces(randomBytes(2_000_000)));
  assert.equal(sha256(await fs.readFile("a")), sha256(content));
  assert.equal((await all(fs.createReadStream("b"))).length, 2_000_000);
  assert.equal(asked, 1);
  assert.deepEqual(
    place.events.filter(({ type }) => type === "files.sftp_missing").map(({ data }) => data),
    [{ code: "ssh.sftp_missing" }],
  );
  assert.deepEqual((await readdir(place.directory)).sort(), ["a", "b"]);
});

test("a server that shows other files than the shell is not used", { skip }, async () => {
  await using other = await testPlace("sftp");
  await mkdir(other.path("empty"));
  // As on a NAS, whose SFTP begins at its shares: every path of the shell is another one there.
  await using place = await withServer(async () => {
    const { stream } = localServer();
    const through = new PassThrough();
    through.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1").replaceAll(place.directory, other.directory);
      stream.write(Buffer.from(text, "latin1"));
    });
    return Duplex.from({ readable: stream, writable: through });
  });
  const { fs } = place.runtime;
  const content = randomBytes(300_000);
  await writeFile(place.path("read"), content);
  await writeFile(other.path("read"), randomBytes(300_001));
  assert.equal(other.directory.length, place.directory.length);
  assert.equal(
    sha256(await fs.readFile("read")),
    sha256(content),
    "the other file is seen to be another one",
  );
  await fs.writeFile("a", content);
  assert.equal(sha256(await readFile(place.path("a"))), sha256(content));
  assert.deepEqual((await readdir(place.directory)).sort(), ["a", "read"]);
  assert.deepEqual((await readdir(other.directory)).sort(), ["empty", "read"]);
});

test("a session that is lost in the middle leaves the old file, and the next one is opened anew", {
  skip,
}, async () => {
  const streams: Duplex[] = [];
  await using place = await withServer(async () => {
    const { stream } = localServer();
    streams.push(stream);
    return stream;
  });
  const { fs } = place.runtime;
  await writeFile(place.path("a"), "old");
  async function* cut() {
    yield randomBytes(2_000_000);
    streams[0]!.destroy();
    yield randomBytes(2_000_000);
  }
  await assert.rejects(fs.writeFile("a", cut()), (error) => isBerthError(error, "transport.disconnected"));
  assert.equal(await readFile(place.path("a"), "utf8"), "old");
  await until("the temporary is gone", async () => (await readdir(place.directory)).length === 1);
  const content = randomBytes(200_000);
  await fs.writeFile("a", content);
  assert.equal(sha256(await fs.readFile("a")), sha256(content));
  assert.equal(streams.length, 2);
});

test("a server that does not answer is fs.timeout, and the next use opens another session", {
  skip,
}, async () => {
  let servers = 0;
  await using place = await withServer(async () => {
    const { stream } = localServer();
    if (servers++ > 0) return stream;
    const readable = new PassThrough();
    stream.once("data", (greeting: Buffer) => readable.write(greeting));
    return Duplex.from({ readable, writable: stream });
  });
  await writeFile(place.path("a"), randomBytes(200_000));
  const error = await place.runtime.fs.readFile("a", { timeoutMs: 300 }).catch((reason: unknown) => reason);
  assert.ok(isBerthError(error, "fs.timeout"), String(error));
  assert.equal(error.path, place.path("a"));
  assert.equal((await place.runtime.fs.readFile("a")).length, 200_000);
  assert.equal(servers, 2);
});

test("an abort ends a read and a write by SFTP at once, and the session goes on", { skip }, async () => {
  let opened = 0;
  await using place = await withServer(async () => {
    opened++;
    return localServer().stream;
  });
  const { fs } = place.runtime;
  await writeFile(place.path("a"), randomBytes(20_000_000));
  const abort = new AbortController();
  const reading = (async () => {
    for await (const _ of fs.createReadStream("a", { signal: abort.signal })) abort.abort();
  })();
  await assert.rejects(reading, (error) => isBerthError(error, "operation.aborted"));
  const second = new AbortController();
  async function* endless() {
    for (let count = 0; ; count++) {
      if (count === 5) second.abort();
      yield randomBytes(500_000);
    }
  }
  const writing = fs.writeFile("b", endless(), { signal: second.signal });
  await assert.rejects(writing, (error) => isBerthError(error, "operation.aborted"));
  await until("the temporary is gone", async () => (await readdir(place.directory)).length === 1);
  assert.equal((await all(fs.createReadStream("a"))).length, 20_000_000);
  assert.equal(opened, 1);
});

test("who waits for a session gets that which is only kept", { skip }, async () => {
  let open = 0;
  let most = 0;
  const free: (() => void)[] = [];
  /** One session at a time, as with MaxSessions 1. */
  const session = async (): Promise<void> => {
    if (open >= 1) await new Promise<void>((resolve) => free.push(resolve));
    open++;
    most = Math.max(most, open);
  };
  const leave = () => {
    open--;
    free.shift()?.();
  };
  await using place = await testPlace("sftp", {
    sftp: async () => {
      await session();
      const { stream } = localServer();
      stream.once("close", leave);
      return stream;
    },
    aroundRun: async (run) => {
      await session();
      const raw = await run();
      raw.exit.then(leave, leave);
      return raw;
    },
  });
  const { fs } = place.runtime;
  const content = randomBytes(200_000);
  for (let round = 0; round < 3; round++) {
    await fs.writeFile("a", content);
    assert.equal((await place.runtime.exec(["echo", "on"])).stdout, "on\n");
    assert.equal(sha256(await fs.readFile("a")), sha256(content));
  }
  assert.equal(most, 1);
});
