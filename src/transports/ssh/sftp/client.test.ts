import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { appendFile, chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { smallDisk } from "../../../../test/fixtures/disk.ts";
import { requireOrSkip } from "../../../../test/fixtures/install.ts";
import { isBerthError } from "../../../contract/errors.ts";
import type { SftpClient } from "./client.ts";
import { type LocalClient, localClient, sftpServerPath } from "./testing.ts";
import { readChunks, writeChunks } from "./transfer.ts";

const options = { skip: sftpServerPath() === undefined && "sftp-server is not installed" };

interface Setting extends AsyncDisposable {
  readonly client: SftpClient;
  readonly pid: number | undefined;
  readonly directory: string;
}

async function setting(args: readonly string[] = [], uid?: number): Promise<Setting> {
  const directory = await mkdtemp(join(tmpdir(), "berth-sftp-"));
  const local: LocalClient = await localClient(args, uid);
  return {
    client: local.client,
    pid: local.pid,
    directory,
    [Symbol.asyncDispose]: async () => {
      await local[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function refused(operation: Promise<unknown>, code: string, path: string): Promise<void> {
  await assert.rejects(operation, (error) => {
    assert.ok(isBerthError(error), String(error));
    assert.equal(error.code, code, error.message);
    assert.equal(error.path, path);
    return true;
  });
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

async function* one(bytes: Uint8Array) {
  yield bytes;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("the server's extensions and limits are known", options, async () => {
  await using it = await setting();
  for (const name of ["posix-rename", "fsync", "statvfs", "hardlink", "lsetstat", "limits"]) {
    assert.equal(it.client.session.has(`${name}@openssh.com`), true, name);
  }
  await it.client.stat("/");
  assert.equal(it.client.session.limits.readBytes, 128 * 1024);
});

test("files are written and read in many requests at once, byte for byte", options, async () => {
  await using it = await setting();
  const path = join(it.directory, "file");
  const content = randomBytes(9_000_001);
  const handle = await it.client.open(path, { write: true, create: true, exclusive: true }, { mode: 0o600 });
  async function* pieces() {
    for (let start = 0; start < content.length; start += 200_003) {
      yield content.subarray(start, start + 200_003);
    }
  }
  assert.equal(await writeChunks(it.client, handle, pieces()), content.length);
  await assert.rejects(it.client.fstat(handle), "it was given back");
  assert.equal(sha256(await readFile(path)), sha256(content));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const again = await it.client.open(path, { read: true });
  for (const size of [content.length, undefined, 1]) {
    const range = { start: 0, length: undefined, size };
    assert.equal(sha256(await all(readChunks(it.client, again, range))), sha256(content), `size ${size}`);
  }
  const part = await all(readChunks(it.client, again, { start: 8_999_990, length: 100 }));
  assert.deepEqual(part, content.subarray(8_999_990));
  const inner = await all(readChunks(it.client, again, { start: 300_000, length: 400_001 }));
  assert.deepEqual(inner, content.subarray(300_000, 700_001));
  assert.equal((await all(readChunks(it.client, again, { start: 10_000_000, length: undefined }))).length, 0);
  await it.client.closeHandle(again);
});

test(
  "a file that grows while it is read, and one that tells no size, are read to their end",
  options,
  async () => {
    await using it = await setting();
    const path = join(it.directory, "file");
    await writeFile(path, "a".repeat(1000));
    const handle = await it.client.open(path, { read: true });
    const { size } = await it.client.fstat(handle);
    await appendFile(path, "b".repeat(500_000));
    assert.equal(
      (await all(readChunks(it.client, handle, { start: 0, length: undefined, size }))).length,
      501_000,
    );
    await it.client.closeHandle(handle);
    const status = await it.client.open("/proc/self/status", { read: true });
    assert.match(
      String(await all(readChunks(it.client, status, { start: 0, length: undefined, size: 0 }))),
      /^Name:/,
    );
  },
);

test("leaving a read early stops asking, and an abort ends it at once", options, async () => {
  await using it = await setting();
  const zero = await it.client.open("/dev/zero", { read: true });
  let bytes = 0;
  for await (const chunk of readChunks(it.client, zero, { start: 0, length: undefined })) {
    bytes += chunk.length;
    if (bytes > 5_000_000) break;
  }
  const abort = new AbortController();
  const reading = all(readChunks(it.client, zero, { start: 0, length: 2 ** 40 }, { signal: abort.signal }));
  setImmediate(() => abort.abort());
  await assert.rejects(reading, (error) => isBerthError(error, "operation.aborted"));
  await it.client.closeHandle(zero);
  assert.equal((await it.client.stat("/")).mode! & 0o170000, 0o040000, "the session goes on");
});

test("directories, links, names and attributes", options, async () => {
  await using it = await setting();
  const { client, directory } = it;
  const at = (name: string) => join(directory, name);
  const odd = `d-\udcff "q" \n ü`;
  await client.mkdir(at("d"), { mode: 0o750 });
  await client.mkdir(`${at("d")}/${odd}`);
  assert.equal((await client.lstat(at("d"))).mode! & 0o777, 0o750);
  assert.deepEqual(
    (await client.readdir(at("d"))).map(({ name }) => name),
    [odd],
    "a name that is not UTF-8 is the same again",
  );
  await client.rmdir(`${at("d")}/${odd}`);
  await client.symlink("d", at("link"));
  assert.equal(await client.readlink(at("link")), "d");
  assert.equal(await client.realpath(at("link")), at("d"));
  await writeFile(at("a"), "1");
  await writeFile(at("b"), "22");
  await client.hardlink(at("a"), at("c"));
  assert.equal((await stat(at("a"))).nlink, 2);
  await client.posixRename(at("a"), at("b"));
  assert.equal((await client.stat(at("b"))).size, 1);
  await client.rename(at("b"), at("e"));
  await client.setstat(at("e"), { mode: 0o604, atime: 5, mtime: 1_000_000_000 });
  const attributes = await client.stat(at("e"));
  assert.deepEqual([attributes.mode! & 0o7777, attributes.mtime], [0o604, 1_000_000_000]);
  await client.lsetstat(at("link"), { atime: 5, mtime: 7 });
  assert.equal((await client.lstat(at("link"))).mtime, 7);
  await client.remove(at("c"));
  const handle = await client.open(at("e"), { write: true });
  await client.fsetstat(handle, { size: 0, mode: 0o640 });
  assert.deepEqual(
    [(await client.fstat(handle)).size, (await client.fstat(handle)).mode! & 0o777],
    [0, 0o640],
  );
  await client.fsync(handle);
  await client.closeHandle(handle);
  assert.equal((await client.statvfs(directory)).readOnly, false);
  assert.equal(await client.expandPath("~/x"), join(process.cwd(), "x"));
});

test("a listing of thousands of names is whole", options, async () => {
  await using it = await setting();
  const names = Array.from({ length: 3000 }, (_, index) => `a-name-of-some-length-${index}`);
  await Promise.all(names.map((name) => writeFile(join(it.directory, name), "")));
  const found = (await it.client.readdir(it.directory)).map(({ name }) => name);
  assert.deepEqual(found.sort(), names.sort());
});

test("refusals are the errno that it was, with the path", options, async () => {
  await using it = await setting();
  const { client, directory } = it;
  const at = (name: string) => join(directory, name);
  await writeFile(at("file"), "");
  await mkdir(at("full"));
  await writeFile(at("full/file"), "");
  await mkdir(at("empty"));
  await symlink("loop", at("loop"));
  await symlink("nothing", at("dangling"));
  const create = { write: true, create: true, exclusive: true } as const;
  await refused(client.stat(at("nothing")), "ENOENT", at("nothing"));
  await refused(client.stat(at("dangling")), "ENOENT", at("dangling"));
  await refused(client.stat(at("nothing/below")), "ENOENT", at("nothing/below"));
  await refused(client.stat(at("file/below")), "ENOTDIR", at("file/below"));
  await refused(client.opendir(at("file")), "ENOTDIR", at("file"));
  await refused(client.stat(at("loop")), "ELOOP", at("loop"));
  await refused(client.stat(at("loop/below")), "ELOOP", at("loop/below"));
  await refused(client.mkdir(at("full")), "EEXIST", at("full"));
  await refused(client.mkdir(at("file/below")), "ENOTDIR", at("file/below"));
  await refused(client.symlink("x", at("file")), "EEXIST", at("file"));
  await refused(client.open(at("file"), create), "EEXIST", at("file"));
  await refused(client.open(at("full"), { write: true }), "EISDIR", at("full"));
  await refused(client.open(at("nothing/below"), create), "ENOENT", at("nothing/below"));
  await refused(client.rmdir(at("full")), "ENOTEMPTY", at("full"));
  await refused(client.rmdir(at("file")), "ENOTDIR", at("file"));
  await refused(client.remove(at("full")), "EISDIR", at("full"));
  await refused(client.readlink(at("file")), "EINVAL", at("file"));
  await refused(client.posixRename(at("empty"), at("full")), "ENOTEMPTY", at("empty"));
  await refused(client.posixRename(at("file"), at("full")), "EISDIR", at("file"));
  await refused(client.posixRename(at("empty"), at("file")), "ENOTDIR", at("empty"));
  await refused(client.posixRename(at("nothing"), at("x")), "ENOENT", at("nothing"));
  await refused(client.stat(at("n".repeat(256))), "ENAMETOOLONG", at("n".repeat(256)));
  const handle = await client.open(at("full"), { read: true });
  await refused(client.read(handle, 0, 10), "EISDIR", at("full"));
});

test("permissions are EACCES, what only the owner may do EPERM", options, async () => {
  // Root has every permission.
  await using it = await setting([], process.getuid?.() === 0 ? 65_534 : undefined);
  await refused(it.client.open("/etc/shadow", { read: true }), "EACCES", "/etc/shadow");
  await refused(it.client.setstat("/etc/passwd", { mode: 0o644 }), "EPERM", "/etc/passwd");
  await chmod(it.directory, 0o500);
  await refused(it.client.mkdir(join(it.directory, "d")), "EACCES", join(it.directory, "d"));
});

test("a read-only server refuses every change", options, async () => {
  await using it = await setting(["-R"]);
  const path = join(it.directory, "file");
  await refused(it.client.open(path, { write: true, create: true }), "EACCES", path);
});

test(
  "a session that is lost rejects everything that is under way and everything later",
  options,
  async () => {
    await using it = await setting();
    const zero = await it.client.open("/dev/zero", { read: true });
    const reads = Array.from({ length: 50 }, () => it.client.read(zero, 0, 100_000));
    const settled = Promise.allSettled(reads);
    process.kill(it.pid!, "SIGKILL");
    for (const one of await settled) {
      if (one.status === "rejected") assert.equal(one.reason.code, "transport.disconnected");
    }
    assert.equal((await it.client.session.ended).code, "transport.disconnected");
    await assert.rejects(it.client.stat("/"), (error) => isBerthError(error, "transport.disconnected"));
  },
);

test("a full disk is ENOSPC", options, async (t) => {
  const made = await requireOrSkip(t, () => smallDisk({ size: 512 * 1024 }));
  if (made === undefined) return;
  await using disk = made;
  await using it = await setting();
  const path = join(disk.path, "file");
  const handle = await it.client.open(path, { write: true, create: true });
  await refused(writeChunks(it.client, handle, one(randomBytes(2_000_000))), "ENOSPC", path);
});
