import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { test } from "node:test";
import type { FileStat } from "../../contract/files.ts";
import { fileBench, until } from "./testing.ts";

test("a small file arrives whole with its stat", async () => {
  await using bench = await fileBench();
  await writeFile(bench.path("a"), "hello\0world");
  const { result, data } = await bench.client.call("fs.read", { path: bench.path("a") });
  assert.equal(data.toString(), "hello\0world");
  assert.equal((result as { stat: FileStat }).stat.size, 11);
});

test("empty files, files of /proc and files longer than one read arrive whole", async () => {
  await using bench = await fileBench();
  await writeFile(bench.path("empty"), "");
  assert.equal((await bench.read(bench.path("empty"))).length, 0);
  assert.match((await bench.read("/proc/self/status")).toString(), /^Name:/);
  assert.match((await bench.read("/proc/self/mountinfo", { maxBytes: 1_000_000 })).toString(), / - proc /);
  for (const size of [65_535, 65_536, 65_537, 262_144, 3_000_001]) {
    const content = randomBytes(size);
    await writeFile(bench.path("big"), content);
    assert.ok((await bench.read(bench.path("big"))).equals(content), `${size} bytes`);
  }
});

test("ranges are inclusive and end at the end of the file", async () => {
  await using bench = await fileBench();
  const content = randomBytes(300_000);
  await writeFile(bench.path("a"), content);
  for (const [start, end] of [
    [0, 0],
    [5, 9],
    [299_999, 400_000],
    [1, 299_998],
    [300_000, 300_001],
    [400_000, 500_000],
  ] as const) {
    const data = await bench.read(bench.path("a"), { start, end });
    assert.ok(data.equals(content.subarray(start, end + 1)), `${start}-${end}`);
  }
  assert.ok((await bench.read(bench.path("a"), { start: 299_990 })).equals(content.subarray(299_990)));
});

test("more than maxBytes is an error before any data", async () => {
  await using bench = await fileBench();
  await writeFile(bench.path("a"), "12345");
  assert.equal((await bench.read(bench.path("a"), { maxBytes: 5 })).length, 5);
  await assert.rejects(bench.read(bench.path("a"), { maxBytes: 4 }), { code: "fs.too_large" });
  await assert.rejects(bench.read("/proc/self/status", { maxBytes: 4 }), { code: "fs.too_large" });
});

test("what is no regular file is refused without touching it, and read when asked for", async () => {
  await using bench = await fileBench();
  const fifo = bench.path("fifo");
  execFileSync("mkfifo", [fifo]);
  const writer = spawn("sh", ["-c", 'printf abc > "$1"; printf done >&2', "sh", fifo], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  writer.stderr.on("data", (chunk) => {
    told += String(chunk);
  });
  await assert.rejects(bench.read(fifo), { code: "fs.not_a_regular_file" });
  await assert.rejects(bench.read(bench.directory), { code: "EISDIR" });
  await assert.rejects(bench.read("/dev/zero"), { code: "fs.not_a_regular_file" });
  assert.equal(told, "", "the writer still waits for a reader");
  assert.equal((await bench.read(fifo, { special: true })).toString(), "abc");
  await until(() => told === "done", "the writer ends");
  assert.equal((await bench.read("/dev/zero", { special: true, end: 99_999 })).length, 100_000);
  const socket = bench.path("socket");
  const server = createServer().listen(socket);
  await until(() => server.listening, "the server listens");
  await assert.rejects(bench.read(socket, { special: true }), { code: "fs.not_a_regular_file" });
  server.close();
});

test("a reset while a FIFO has no writer ends the read", async () => {
  await using bench = await fileBench();
  execFileSync("mkfifo", [bench.path("fifo")]);
  let responded = false;
  const stream = bench.client.request(
    "fs.read",
    { path: bench.path("fifo"), special: true },
    {
      onResponse: () => {
        responded = true;
      },
    },
  );
  await until(() => responded, "the FIFO is open");
  assert.equal(bench.service.busy(), true);
  const { berthError } = await import("../../contract/errors.ts");
  stream.reset(berthError("operation.aborted"));
  await until(() => !bench.service.busy(), "the read has ended");
});

test("a reader that gives no credit holds the read back, and memory with it", async () => {
  await using bench = await fileBench();
  await writeFile(bench.path("big"), Buffer.alloc(50_000_000, 7));
  let received = 0;
  let ended = false;
  const stream = bench.client.request(
    "fs.read",
    { path: bench.path("big") },
    {
      onData: (chunk) => {
        received += chunk.length;
      },
      onEnd: () => {
        ended = true;
      },
    },
  );
  await until(() => received >= 256 * 1024, "the window is full");
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(received, 256 * 1024);
  let given = 0;
  await until(() => {
    stream.consumed(received - given);
    given = received;
    return ended;
  }, "the rest arrives");
  assert.equal(received, 50_000_000);
});

test("a file that grows or shrinks during the read gives what was there", async () => {
  await using bench = await fileBench();
  const path = bench.path("log");
  await writeFile(path, Buffer.alloc(2_000_000, 1));
  const reading = bench.read(path);
  await appendFile(path, Buffer.alloc(1000, 2));
  const data = await reading;
  assert.ok(data.length === 2_000_000 || data.length === 2_001_000);
  let received = 0;
  const done = new Promise<void>((resolve) => {
    const stream = bench.client.request(
      "fs.read",
      { path },
      {
        onData: (chunk) => {
          received += chunk.length;
          void truncate(path, 100_000).then(() => stream.consumed(chunk.length));
        },
        onEnd: resolve,
      },
    );
  });
  await done;
  assert.ok(received < 2_000_000);
});

test("errors carry the errno name and the path", async () => {
  await using bench = await fileBench();
  await writeFile(bench.path("file"), "");
  await symlink("loop", bench.path("loop"));
  for (const [path, code] of [
    [bench.path("missing"), "ENOENT"],
    [bench.path("file/below"), "ENOTDIR"],
    [bench.path("loop"), "ELOOP"],
    [bench.path("x".repeat(256)), "ENAMETOOLONG"],
    ["relative", "EINVAL"],
    ["/nul\0", "EINVAL"],
  ] as const) {
    await assert.rejects(bench.read(path), (error: { code: string; context: { path: string } }) => {
      assert.equal(error.code, code);
      assert.equal(error.context.path, path);
      return true;
    });
  }
});
