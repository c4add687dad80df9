import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { test } from "node:test";
import { berthError } from "../../contract/errors.ts";
import { TemporaryNames } from "../../files/temporary.ts";
import { fileBench, until } from "./testing.ts";

test("a new file has the mode that umask leaves, or the given one; parents are made", async () => {
  await using bench = await fileBench();
  const umask = process.umask(0o027);
  try {
    assert.deepEqual(await bench.write(bench.path("a/b/c"), "new"), { atomic: true, bytes: 3 });
    assert.equal((await stat(bench.path("a/b/c"))).mode & 0o7777, 0o640);
    await bench.write(bench.path("tool"), "#!/bin/sh\n", { mode: 0o755 });
    assert.equal((await stat(bench.path("tool"))).mode & 0o7777, 0o755);
  } finally {
    process.umask(umask);
  }
  assert.equal(await readFile(bench.path("a/b/c"), "utf8"), "new");
  assert.deepEqual(await readdir(bench.path("a/b")), ["c"]);
});

test("an existing file keeps mode and owner, and is another file afterwards", async () => {
  await using bench = await fileBench();
  const path = bench.path("a");
  await writeFile(path, "old content that is longer");
  await chmod(path, 0o4751);
  if (process.getuid?.() === 0) await chown(path, 1234, 4321);
  await chmod(path, 0o4751);
  const before = await stat(path);
  assert.deepEqual(await bench.write(path, "new", { mode: 0o600, durable: true }), {
    atomic: true,
    bytes: 3,
  });
  const after = await stat(path);
  assert.equal(await readFile(path, "utf8"), "new");
  assert.equal(after.mode, before.mode);
  assert.equal(after.uid, before.uid);
  assert.equal(after.gid, before.gid);
  assert.notEqual(after.ino, before.ino);
});

test("extended attributes are kept", async (t) => {
  await using bench = await fileBench();
  const path = bench.path("a");
  await writeFile(path, "old");
  const python = (code: string): string =>
    spawnSync("python3", ["-c", code, path], { encoding: "utf8" }).stdout.trim();
  python("import os,sys; os.setxattr(sys.argv[1], 'user.berth', b'kept')");
  if (python("import os,sys; print(os.getxattr(sys.argv[1], 'user.berth').decode())") !== "kept") {
    t.skip("no extended attributes on this file system");
    return;
  }
  assert.equal((await bench.write(path, "new")).atomic, true);
  assert.equal(await readFile(path, "utf8"), "new");
  assert.equal(python("import os,sys; print(os.getxattr(sys.argv[1], 'user.berth').decode())"), "kept");
});

test("through a link the target is replaced and the link kept, dangling ones included", async () => {
  await using bench = await fileBench();
  await mkdir(bench.path("sub"));
  await writeFile(bench.path("sub/target"), "old");
  await symlink("sub/target", bench.path("link"));
  await symlink("link", bench.path("link2"));
  await symlink(bench.path("sub/later"), bench.path("dangling"));
  assert.equal((await bench.write(bench.path("link2"), "new")).atomic, true);
  await bench.write(bench.path("dangling"), "made");
  assert.equal(await readlink(bench.path("link")), "sub/target");
  assert.equal(await readlink(bench.path("link2")), "link");
  assert.equal(await readFile(bench.path("sub/target"), "utf8"), "new");
  assert.equal(await readFile(bench.path("sub/later"), "utf8"), "made");
  await symlink("circle", bench.path("circle"));
  await assert.rejects(bench.write(bench.path("circle"), ""), { code: "ELOOP" });
});

test("a file with several links is written in place", async () => {
  await using bench = await fileBench();
  await writeFile(bench.path("a"), "old and longer");
  await link(bench.path("a"), bench.path("b"));
  assert.deepEqual(await bench.write(bench.path("a"), "new"), { atomic: false, bytes: 3 });
  assert.equal(await readFile(bench.path("b"), "utf8"), "new");
  assert.deepEqual((await readdir(bench.directory)).sort(), ["a", "b"]);
});

test("a mount point is written in place", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  await using bench = await fileBench();
  await writeFile(bench.path("source"), "old");
  await writeFile(bench.path("mounted"), "");
  const mounted = spawnSync("mount", ["--bind", bench.path("source"), bench.path("mounted")]);
  if (mounted.status !== 0) return t.skip("mount is not permitted here");
  try {
    const content = randomBytes(600_000);
    assert.deepEqual(await bench.write(bench.path("mounted"), content), { atomic: false, bytes: 600_000 });
    assert.ok((await readFile(bench.path("source"))).equals(content));
    assert.deepEqual((await readdir(bench.directory)).sort(), ["mounted", "source"]);
  } finally {
    execFileSync("umount", [bench.path("mounted")]);
  }
});

test("devices and FIFOs are written to, directories are not", async () => {
  await using bench = await fileBench();
  assert.deepEqual(await bench.write("/dev/null", "gone"), { atomic: false, bytes: 4 });
  await assert.rejects(bench.write(bench.directory, "x"), { code: "EISDIR" });
  execFileSync("mkfifo", [bench.path("fifo")]);
  await assert.rejects(bench.write(bench.path("fifo"), "x"), { code: "ENXIO" });
  const reader = await open(bench.path("fifo"), 0o4002);
  assert.deepEqual(await bench.write(bench.path("fifo"), "hello"), { atomic: false, bytes: 5 });
  assert.equal((await reader.read(Buffer.alloc(10))).bytesRead, 5);
  await reader.close();
});

test("an aborted stream leaves the old content and no temporary", async () => {
  await using bench = await fileBench();
  await writeFile(bench.path("a"), "old");
  const stream = bench.client.request("fs.write", { path: bench.path("a") }, {});
  stream.data(Buffer.alloc(100_000));
  await until(async () => (await readdir(bench.directory)).length === 2, "the temporary is there");
  const [temporary] = (await readdir(bench.directory)).filter((name) => name !== "a");
  assert.equal((await stat(bench.path(temporary!))).mode & 0o7777, 0o600);
  stream.reset(berthError("operation.aborted"));
  await until(() => !bench.service.busy(), "the write has ended");
  assert.deepEqual(await readdir(bench.directory), ["a"]);
  assert.equal(await readFile(bench.path("a"), "utf8"), "old");
});

test("a full disk leaves the old content and no temporary", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  await using bench = await fileBench();
  await mkdir(bench.path("disk"));
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "none", bench.path("disk")]).status !== 0) {
    return t.skip("mount is not permitted here");
  }
  try {
    await bench.write(bench.path("disk/a"), "old");
    await assert.rejects(bench.write(bench.path("disk/a"), randomBytes(1_000_000)), {
      code: "ENOSPC",
    });
    assert.equal(await readFile(bench.path("disk/a"), "utf8"), "old");
    assert.deepEqual(await readdir(bench.path("disk")), ["a"]);
  } finally {
    execFileSync("umount", [bench.path("disk")]);
  }
});

test("every name that the file system takes works", async () => {
  await using bench = await fileBench();
  const names = [
    "new\nline",
    "-rf",
    "sp ace",
    "quo'te\"",
    "ünïcode→",
    "x".repeat(255),
    "é".repeat(127),
    "bad\udcff\udc80name",
    "\ufffd",
    "~",
    "emoji😀",
  ];
  for (const name of names) {
    await bench.write(`${bench.directory}/${name}`, name.slice(0, 3));
    await bench.write(`${bench.directory}/${name}`, "again");
    assert.equal((await bench.read(`${bench.directory}/${name}`)).toString(), "again");
    assert.equal((await bench.stat(`${bench.directory}/${name}`)).size, 5);
  }
  const listed = (await bench.readdir(bench.directory)).map(([name]) => name);
  assert.deepEqual(listed.sort(), [...names].sort());
  const bytes = (await readdir(bench.directory, { encoding: "buffer" })).map((name) =>
    name.toString("latin1"),
  );
  assert.ok(bytes.includes("bad\xff\x80name"));
  for (const name of names) await bench.client.call("fs.rm", { path: `${bench.directory}/${name}` });
  assert.deepEqual(await readdir(bench.directory), []);
});

test("stale temporaries of a killed daemon are swept, others are not", async () => {
  await using bench = await fileBench();
  // Above the largest pid that Linux gives, so that nobody has it.
  const dead = 4_194_305;
  const own = new TemporaryNames().take();
  const stale = own.replace(/-[0-9a-z]+-([0-9a-z]+)$/, `-${dead.toString(36)}-$1`);
  const foreignOld = ".berth-zzzzzz-1-aaaaaaaaaa";
  const foreignNew = ".berth-zzzzzz-1-bbbbbbbbbb";
  const alive = own.replace(/-[0-9a-z]+-([0-9a-z]+)$/, `-${process.ppid.toString(36)}-$1`);
  const unrelated = ".berth-notes";
  for (const name of [stale, foreignOld, foreignNew, alive, unrelated]) await writeFile(bench.path(name), "");
  await utimes(bench.path(foreignOld), 1000, 1000);
  await bench.write(bench.path("a"), "x");
  await until(async () => (await readdir(bench.directory)).length === 4, "two are swept");
  assert.deepEqual((await readdir(bench.directory)).sort(), [alive, foreignNew, unrelated, "a"].sort());
});

test("large content goes through in chunks, and is fsynced when asked for", async () => {
  await using bench = await fileBench();
  const content = randomBytes(5_000_000);
  const { result } = await bench.client.call(
    "fs.write",
    { path: bench.path("big"), durable: true },
    (function* () {
      for (let start = 0; start < content.length; start += 65_536)
        yield content.subarray(start, start + 65_536);
    })(),
  );
  assert.deepEqual(result, { atomic: true, bytes: content.length });
  assert.ok((await readFile(bench.path("big"))).equals(content));
  assert.equal((await lstat(bench.path("big"))).nlink, 1);
});

test("a default ACL of the directory gives new files what it gives to others'", async (t) => {
  await using bench = await fileBench();
  // Version 2, then tag, permissions and id: owner rwx, user 1234 rw-, group r-x, mask rwx, others ---.
  const entries = [
    [1, 7, 0xffffffff],
    [2, 6, 1234],
    [4, 5, 0xffffffff],
    [16, 7, 0xffffffff],
    [32, 0, 0xffffffff],
  ];
  const set = `import os,struct,sys; os.setxattr(sys.argv[1], 'system.posix_acl_default', struct.pack('<I',2) + b''.join(struct.pack('<HHI',*e) for e in ${JSON.stringify(entries)}))`;
  if (spawnSync("python3", ["-c", set, bench.directory]).status !== 0) return t.skip("no ACLs here");
  const acl = (path: string): string =>
    spawnSync(
      "python3",
      ["-c", "import os,sys; print(os.getxattr(sys.argv[1], 'system.posix_acl_access').hex())", path],
      {
        encoding: "utf8",
      },
    ).stdout;
  await writeFile(bench.path("plain"), "");
  await bench.write(bench.path("ours"), "");
  assert.equal((await stat(bench.path("ours"))).mode, (await stat(bench.path("plain"))).mode);
  assert.notEqual(acl(bench.path("plain")), "");
  assert.equal(acl(bench.path("ours")), acl(bench.path("plain")));
  // Replacing keeps an ACL that was changed since.
  await chmod(bench.path("ours"), 0o604);
  const before = acl(bench.path("ours"));
  assert.equal((await bench.write(bench.path("ours"), "again")).atomic, true);
  assert.equal(acl(bench.path("ours")), before);
});
