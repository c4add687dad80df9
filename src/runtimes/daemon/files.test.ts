import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { stat as localStat, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { TestPlace, until } from "./testing.ts";

test("write and read back, as bytes and as text", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const { fs } = runtime;
  assert.deepEqual(await fs.writeFile("a/b/c.txt", "äö\0"), { atomic: true, bytes: 5 });
  assert.equal(await fs.readFile("a/b/c.txt", "utf8"), "äö\0");
  assert.deepEqual(await fs.readFile("a/b/c.txt"), new Uint8Array(Buffer.from("äö\0")));
  assert.deepEqual(await fs.readFile("a/b/c.txt", { start: 2, end: 3 }), new Uint8Array(Buffer.from("ö")));
  assert.equal(await fs.readFile(join(place.directory, "a/b/c.txt"), { encoding: "utf8" }), "äö\0");
  await fs.writeFile("empty", "");
  assert.equal(await fs.readFile("empty", "utf8"), "");
  await fs.writeFile("latin", Uint8Array.of(0xe4));
  await assert.rejects(fs.readFile("latin", "utf8"), { code: "fs.encoding_invalid" });
});

test("large files, whole and as streams, over a connection of their own", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime({ bulkConnection: true });
  const { fs } = runtime;
  const bytes = new Uint8Array(10_000_000).map((_, index) => (index * 13) ^ (index >>> 11));
  const hash = createHash("sha256").update(bytes).digest("hex");
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += 99_999) yield bytes.subarray(at, at + 99_999);
  }
  assert.deepEqual(await fs.writeFile("whole", bytes), { atomic: true, bytes: bytes.length });
  assert.deepEqual(await fs.writeFile("pieces", pieces()), { atomic: true, bytes: bytes.length });
  assert.equal(place.dials, 2);
  for (const name of ["whole", "pieces"]) {
    assert.equal(
      createHash("sha256")
        .update(await fs.readFile(name))
        .digest("hex"),
      hash,
    );
    const streamed = createHash("sha256");
    for await (const chunk of fs.createReadStream(name)) streamed.update(chunk);
    assert.equal(streamed.digest("hex"), hash);
  }
  const range: Uint8Array[] = [];
  for await (const chunk of fs.createReadStream("whole", { start: 1_000_000, end: 1_999_999 }))
    range.push(chunk);
  assert.ok(Buffer.concat(range).equals(bytes.subarray(1_000_000, 2_000_000)));
  for await (const _ of fs.createReadStream("whole")) break;
});

test("a write that is broken off leaves the old content", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const { fs } = runtime;
  await fs.writeFile("file", "old");
  async function* failing() {
    yield new Uint8Array(500_000);
    throw new Error("source failed");
  }
  await assert.rejects(fs.writeFile("file", failing()), /source failed/);
  const controller = new AbortController();
  async function* aborting() {
    yield new Uint8Array(500_000);
    controller.abort();
    yield new Uint8Array(500_000);
  }
  await assert.rejects(fs.writeFile("file", aborting(), { signal: controller.signal }), {
    code: "operation.aborted",
  });
  async function* cut() {
    yield new Uint8Array(500_000);
    place.cut();
    yield new Uint8Array(500_000);
  }
  await assert.rejects(fs.writeFile("file", cut()), { code: "transport.disconnected" });
  {
    await using writer = fs.createWriteStream("file");
    await writer.write("half");
  }
  assert.equal(await fs.readFile("file", "utf8"), "old");
  await until(
    async () => (await readdir(place.directory)).filter((name) => !name.startsWith(".berthd")).length === 1,
  );
});

test("a write stream is visible from close() on", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using writer = runtime.fs.createWriteStream("file", { mode: 0o640 });
  await writer.write("one ");
  await writer.write(Buffer.from("two"));
  assert.equal(await runtime.fs.exists("file"), false);
  assert.deepEqual(await writer.close(), { atomic: true, bytes: 7 });
  assert.equal(await runtime.fs.readFile("file", "utf8"), "one two");
  assert.equal((await runtime.fs.stat("file")).mode, 0o640);
  await assert.rejects(writer.write("three"), { code: "operation.aborted" });
});

test("stat, lstat, statMany, exists, readdir, realpath, mkdir, rename, rm, symlink, chmod", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const { fs } = runtime;
  await fs.mkdir("dir/sub", { recursive: true });
  await fs.writeFile("dir/file", "12345");
  await fs.symlink("file", "dir/link");
  await fs.chmod("dir/file", 0o600);
  const file = await fs.stat("dir/link");
  assert.deepEqual([file.type, file.size, file.mode], ["file", 5, 0o600]);
  assert.equal(file.mtimeMs, (await localStat(join(place.directory, "dir/file"))).mtimeMs);
  const link = await fs.lstat("dir/link");
  assert.deepEqual([link.type, link.symlinkTarget], ["symlink", "file"]);
  const many = await fs.statMany(["dir", "nothing", "dir/file/below", "dir/file"]);
  assert.deepEqual(
    many.map((one) => one?.type ?? null),
    ["directory", null, null, "file"],
  );
  const names = Array.from({ length: 12_345 }, (_, index) =>
    index % 2 === 0 ? "dir/file" : `missing-${index}`,
  );
  const found = await fs.statMany(names);
  assert.equal(found.length, 12_345);
  assert.ok(found.every((one, index) => (one === null) === (index % 2 === 1)));
  assert.deepEqual(await fs.statMany([]), []);
  assert.equal(await fs.exists("dir"), true);
  assert.equal(await fs.exists("dir/file/x"), false);
  const entries = await fs.readdir("dir");
  assert.deepEqual(entries.map(({ name, type }) => `${name}:${type}`).sort(), [
    "file:file",
    "link:symlink",
    "sub:directory",
  ]);
  assert.equal(await fs.realpath("dir/link"), join(place.directory, "dir/file"));
  await fs.rename("dir/file", "dir/moved");
  await assert.rejects(fs.stat("dir/file"), (error: { code: string; path: string; runtime: string }) => {
    assert.equal(error.code, "ENOENT");
    assert.equal(error.path, join(place.directory, "dir/file"));
    assert.equal(error.runtime, "test place");
    return true;
  });
  await assert.rejects(fs.rm("dir"), { code: "EISDIR" });
  await fs.rm("dir", { recursive: true });
  await fs.rm("dir", { recursive: true, force: true });
  await assert.rejects(fs.readdir("dir"), { code: "ENOENT" });
});

test("a directory with very many entries", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await runtime.exec("mkdir many && cd many && seq -f 'entry-with-a-long-name-%.0f' 8000 | xargs touch");
  assert.equal((await runtime.fs.readdir("many")).length, 8_000);
});

test("paths: mapped, relative to the workdir, ~ left to the place, refused", async () => {
  await using place = await TestPlace.open();
  const mapped: string[] = [];
  await using runtime = await place.runtime({
    mapPath: (path) => {
      mapped.push(path);
      return path.replace(/^\/host\//, `${place.directory}/`);
    },
  });
  await runtime.fs.writeFile("/host/a", "x");
  await runtime.fs.mkdir("/host/dir");
  assert.equal(await runtime.fs.readFile("a", "utf8"), "x");
  assert.equal((await runtime.exec("pwd", { cwd: "/host/dir" })).stdout.trim(), join(place.directory, "dir"));
  assert.equal((await runtime.exec("pwd", { cwd: "dir" })).stdout.trim(), join(place.directory, "dir"));
  assert.equal((await runtime.exec("echo /host/a")).stdout, "/host/a\n");
  assert.deepEqual(mapped, ["/host/a", "/host/dir", "/host/dir"]);
  assert.equal((await runtime.fs.stat("~")).type, "directory");
  assert.equal((await runtime.exec('test "$PWD" = "$HOME"', { cwd: "~" })).exitCode, 0);
  await assert.rejects(runtime.fs.readFile(""), { code: "EINVAL" });
  await assert.rejects(runtime.fs.readFile("a\0b"), { code: "EINVAL" });
  const name = ` -"'\n$(x)*ü`;
  await runtime.fs.writeFile(name, name);
  assert.equal(await readFile(join(place.directory, name), "utf8"), name);
});

test("a watch reports changes, and says rescan behind a lost connection", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await runtime.fs.mkdir("watched");
  await using watch = await runtime.fs.watch("watched");
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of watch) seen.push(`${event.type} ${event.path}`);
  })();
  await writeFile(join(place.directory, "watched/one"), "1");
  await until(() => seen.some((event) => event.includes("one")));
  place.cut();
  await until(() => seen.some((event) => event.startsWith("rescan")));
  await writeFile(join(place.directory, "watched/two"), "2");
  await until(() => seen.some((event) => event.includes("two")));
  await watch[Symbol.asyncDispose]();
  await reading;
  await assert.rejects(runtime.fs.watch("nowhere"), { code: "ENOENT" });
});

test("upload and download of trees and of files", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime({ bulkConnection: true });
  const source = join(place.directory, "source");
  const tree =
    "mkdir -p source/a/b source/empty; echo one > source/a/one; head -c 2000000 /dev/urandom > source/a/b/two; ln -s ../one source/a/b/link; chmod 750 source/a/one; touch -d '2020-01-02 03:04:05.678' source/a/one";
  await runtime.exec(tree);
  const seen: number[] = [];
  const up = await runtime.fs.upload(source, "there/tree", { onProgress: ({ bytes }) => seen.push(bytes) });
  assert.deepEqual([up.files, up.bytes], [3, 2_000_004]);
  assert.equal(seen.at(-1), 2_000_004);
  const down = await runtime.fs.download("there/tree", join(place.directory, "back/tree"));
  assert.equal(down.bytes, 2_000_004);
  const listing =
    "find . -mindepth 1 -printf '%P %y %m %l %T@\\n' | sort; find . -type f | sort | xargs sha256sum";
  const listings = await Promise.all(
    ["source", "there/tree", "back/tree"].map(async (cwd) => {
      const { stdout } = await runtime.exec(listing, { cwd });
      // To the millisecond, as the contract says.
      return stdout.replace(/\d+\.\d+$/gm, (seconds) => String(Math.round(Number(seconds) * 1000)));
    }),
  );
  assert.equal(listings[1], listings[0]);
  assert.equal(listings[2], listings[0]);
  await runtime.fs.upload(join(source, "a/one"), "file");
  assert.equal(await runtime.fs.readFile("file", "utf8"), "one\n");
  await runtime.fs.download("file", join(place.directory, "deep/er/file"));
  assert.equal(await readFile(join(place.directory, "deep/er/file"), "utf8"), "one\n");
});

test("transfers that fail are typed, and can be aborted", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const { fs } = runtime;
  await assert.rejects(fs.upload(join(place.directory, "nothing"), "x"), { code: "ENOENT", hop: "client" });
  await assert.rejects(fs.download("nothing", join(place.directory, "x")), { code: "ENOENT", hop: "berthd" });
  await fs.writeFile("file", "x");
  await assert.rejects(fs.download("file", join(place.directory, "file/below")), { code: "ENOTDIR" });
  await assert.rejects(fs.upload(join(place.directory, "file"), "file/below"), { code: "ENOTDIR" });
  await runtime.exec("mkdir tree; for i in 1 2 3 4 5 6 7 8; do head -c 3000000 /dev/zero > tree/$i; done");
  for (const transfer of [
    (signal: AbortSignal, onProgress: () => void) =>
      fs.upload(join(place.directory, "tree"), "up", { signal, onProgress }),
    (signal: AbortSignal, onProgress: () => void) =>
      fs.download("tree", join(place.directory, "down"), { signal, onProgress }),
  ]) {
    const controller = new AbortController();
    await assert.rejects(
      transfer(controller.signal, () => controller.abort()),
      { code: "operation.aborted" },
    );
  }
});
