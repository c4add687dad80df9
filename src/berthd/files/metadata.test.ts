import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { chmod, link, mkdir, readFile, readlink, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { test } from "node:test";
import { fileBench } from "./testing.ts";

test("stat follows links, lstat tells their target, and each of many paths has its own result", async () => {
  await using bench = await fileBench();
  await writeFile(bench.path("a"), "12345");
  await utimes(bench.path("a"), 1_600_000_000, 1_600_000_000.5);
  await chmod(bench.path("a"), 0o640);
  await symlink("a", bench.path("link"));
  const a = await bench.stat(bench.path("link"));
  assert.equal(a.type, "file");
  assert.equal(a.size, 5);
  assert.equal(a.mode, 0o640);
  assert.equal(a.mtimeMs, 1_600_000_000_500);
  const link = await bench.stat(bench.path("link"), { follow: false });
  assert.equal(link.type, "symlink");
  assert.equal(link.symlinkTarget, "a");
  const paths = Array.from({ length: 2500 }, (_, index) => bench.path(index % 2 === 0 ? "a" : "none"));
  const { result, events } = await bench.client.call("fs.stat", { paths });
  const stats = [...events, result].flatMap((part) => (part as { stats: object[] }).stats);
  assert.equal(stats.length, 2500);
  assert.ok("ok" in stats[0]! && "error" in stats[1]!);
  assert.equal((stats[2499] as { error: { code: string } }).error.code, "ENOENT");
});

test("~ is the home of the daemon's user", async () => {
  await using bench = await fileBench();
  assert.equal((await bench.stat("~")).inode, (await stat(homedir())).ino);
  await using other = await fileBench({ home: bench.directory });
  await other.write("~/new/file", "x");
  assert.equal(await readFile(bench.path("new/file"), "utf8"), "x");
});

test("readdir tells names and types", async () => {
  await using bench = await fileBench();
  await mkdir(bench.path("sub"));
  await symlink("sub", bench.path("link"));
  await writeFile(bench.path("file"), "");
  assert.deepEqual((await bench.readdir(bench.directory)).sort(), [
    ["file", "file"],
    ["link", "symlink"],
    ["sub", "directory"],
  ]);
  assert.deepEqual(await bench.readdir(bench.path("link")), []);
  await assert.rejects(bench.readdir(bench.path("file")), { code: "ENOTDIR" });
});

test("a directory of 100,000 entries is listed and removed", async () => {
  // In memory, where making them is quick.
  await using bench = await fileBench({}, existsSync("/dev/shm") ? "/dev/shm" : undefined);
  const many = bench.path("many");
  await mkdir(many);
  for (let index = 0; index < 100_000; index++) closeSync(openSync(`${many}/entry-${index}`, "w"));
  const names = await bench.readdir(many);
  assert.equal(names.length, 100_000);
  assert.equal(new Set(names.map(([name]) => name)).size, 100_000);
  await bench.client.call("fs.rm", { path: many, recursive: true });
  await assert.rejects(bench.stat(many), { code: "ENOENT" });
});

test("mkdir makes one directory, or with recursive all that are missing", async () => {
  await using bench = await fileBench();
  await bench.client.call("fs.mkdir", { path: bench.path("a"), mode: 0o700 });
  assert.equal((await stat(bench.path("a"))).mode & 0o777, 0o700);
  await assert.rejects(bench.client.call("fs.mkdir", { path: bench.path("a") }), { code: "EEXIST" });
  await assert.rejects(bench.client.call("fs.mkdir", { path: bench.path("b/c") }), { code: "ENOENT" });
  await bench.client.call("fs.mkdir", { path: bench.path("b/c/d"), recursive: true });
  await bench.client.call("fs.mkdir", { path: bench.path("b/c/d"), recursive: true });
  await writeFile(bench.path("file"), "");
  await assert.rejects(bench.client.call("fs.mkdir", { path: bench.path("file"), recursive: true }), {
    code: "EEXIST",
  });
  await assert.rejects(bench.client.call("fs.mkdir", { path: bench.path("file/x"), recursive: true }), {
    code: "ENOTDIR",
  });
});

test("rm removes what node:fs would remove, and nothing behind links", async () => {
  await using bench = await fileBench();
  const rm = (name: string, options: { recursive?: boolean; force?: boolean } = {}): Promise<unknown> =>
    bench.client.call("fs.rm", { path: bench.path(name), ...options });
  await mkdir(bench.path("tree/a/b"), { recursive: true });
  await mkdir(bench.path("kept"));
  await writeFile(bench.path("kept/file"), "");
  await writeFile(bench.path("tree/a/file"), "");
  await symlink("../../kept", bench.path("tree/a/link"));
  await symlink("kept", bench.path("link"));
  await assert.rejects(rm("missing"), { code: "ENOENT" });
  await rm("missing", { force: true });
  await rm("missing/below", { force: true });
  await assert.rejects(rm("tree"), { code: "EISDIR" });
  await rm("tree", { recursive: true });
  await rm("link", { recursive: true });
  assert.deepEqual(await bench.readdir(bench.directory), [["kept", "directory"]]);
  assert.deepEqual(await bench.readdir(bench.path("kept")), [["file", "file"]]);
});

test("symlink, chmod and realpath do what they say", async () => {
  await using bench = await fileBench();
  await writeFile(bench.path("a"), "");
  await bench.client.call("fs.symlink", { target: "a", path: bench.path("link") });
  assert.equal(await readlink(bench.path("link")), "a");
  await bench.client.call("fs.chmod", { path: bench.path("link"), mode: 0o4711 });
  assert.equal((await stat(bench.path("a"))).mode & 0o7777, 0o4711);
  const { result } = await bench.client.call("fs.realpath", { path: bench.path("link") });
  assert.equal((result as { path: string }).path, bench.path("a"));
});

test("rename replaces files, and moves trees", async () => {
  await using bench = await fileBench();
  const rename = (from: string, to: string): Promise<unknown> =>
    bench.client.call("fs.rename", { from: bench.path(from), to: bench.path(to) });
  await writeFile(bench.path("a"), "a");
  await writeFile(bench.path("b"), "b");
  await rename("a", "b");
  assert.equal(await readFile(bench.path("b"), "utf8"), "a");
  await assert.rejects(rename("a", "c"), (error: { code: string; context: { path: string } }) => {
    assert.equal(error.code, "ENOENT");
    assert.equal(error.context.path, bench.path("a"));
    return true;
  });
});

test("rename across file systems copies modes, times and links, and removes the source", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  await using bench = await fileBench();
  const disk = bench.path("disk");
  await mkdir(disk);
  if (spawnSync("mount", ["-t", "tmpfs", "none", disk]).status !== 0) return t.skip("mount is not permitted");
  try {
    await mkdir(bench.path("tree/sub"), { recursive: true });
    await writeFile(bench.path("tree/sub/file"), "content");
    await link(bench.path("tree/sub/file"), bench.path("tree/twin"));
    await chmod(bench.path("tree/sub/file"), 0o751);
    await utimes(bench.path("tree/sub/file"), 1000, 1000);
    await symlink("/nowhere", bench.path("tree/link"));
    await utimes(bench.path("tree/sub"), 2000, 2000);
    await chmod(bench.path("tree/sub"), 0o500);
    await bench.client.call("fs.rename", { from: bench.path("tree"), to: `${disk}/moved` });
    const file = await stat(`${disk}/moved/sub/file`);
    assert.equal(file.mode & 0o7777, 0o751);
    assert.equal(file.mtimeMs, 1_000_000);
    assert.equal(file.ino, (await stat(`${disk}/moved/twin`)).ino);
    assert.equal(await readlink(`${disk}/moved/link`), "/nowhere");
    const sub = await stat(`${disk}/moved/sub`);
    assert.equal(sub.mtimeMs, 2_000_000);
    assert.equal(sub.mode & 0o7777, 0o500);
    assert.deepEqual(await bench.readdir(bench.directory), [["disk", "directory"]]);
    await writeFile(bench.path("file"), "x");
    await assert.rejects(bench.client.call("fs.rename", { from: bench.path("file"), to: `${disk}/moved` }), {
      code: "EISDIR",
    });
    await bench.client.call("fs.rename", { from: bench.path("file"), to: `${disk}/file` });
    assert.equal(await readFile(`${disk}/file`, "utf8"), "x");
  } finally {
    spawnSync("umount", [disk]);
  }
});
