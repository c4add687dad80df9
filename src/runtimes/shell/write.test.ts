import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  link,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { after, type TestContext, test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { PLACES, placeMissing, removeApplets, testPlace, until } from "./testing.ts";

after(removeApplets);

const isRoot = process.getuid?.() === 0;

/** Code of what is thrown, with the last part of its path. */
async function failure(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => new Error("it worked"),
    (thrown: unknown) => thrown,
  );
  return isBerthError(error) ? `${error.code} ${error.path?.split("/").at(-1)}` : String(error);
}

async function* pieces(content: Buffer, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.length; start += size) yield content.subarray(start, start + size);
}

for (const name of PLACES) {
  const skip = placeMissing(name);
  const hasReadlink = name !== "bare";
  const it = (what: string, run: (t: TestContext) => Promise<void>) =>
    test(`${name}: ${what}`, { skip }, run);

  it("a new file has the mode that umask leaves, or the given one; an existing one keeps mode and owner", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    const umask = process.umask(0o027);
    try {
      assert.deepEqual(await fs.writeFile("a/b/c", "new"), { atomic: true, bytes: 3 });
      await fs.writeFile("tool", "#!/bin/sh\n", { mode: 0o755 });
    } finally {
      process.umask(umask);
    }
    assert.equal((await stat(place.path("a/b/c"))).mode & 0o7777, 0o640);
    assert.equal((await stat(place.path("tool"))).mode & 0o7777, 0o755);
    if (isRoot) await chown(place.path("tool"), 1234, 4321);
    await chmod(place.path("tool"), 0o6751);
    const before = await stat(place.path("tool"));
    assert.equal((await fs.writeFile("tool", "changed", { mode: 0o600 })).atomic, true);
    const after = await stat(place.path("tool"));
    assert.deepEqual([after.mode, after.uid, after.gid], [before.mode, before.uid, before.gid]);
    assert.notEqual(after.ino, before.ino);
    assert.equal(await readFile(place.path("tool"), "utf8"), "changed");
  });

  it("through a link the target is replaced and the link kept", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    const target = hasReadlink ? "sub/target\n" : "sub/target";
    await mkdir(place.path("sub"));
    await writeFile(place.path(target), "old");
    await symlink(target, place.path("link"));
    await symlink("link", place.path("link2"));
    await symlink(place.path("sub/later"), place.path("dangling"));
    await symlink("circle", place.path("circle"));
    assert.equal((await fs.writeFile("link2", "new")).atomic, true);
    await fs.writeFile("dangling", "made");
    assert.equal(await readlink(place.path("link")), target);
    assert.equal(await readFile(place.path(target), "utf8"), "new");
    assert.equal(await readFile(place.path("sub/later"), "utf8"), "made");
    assert.equal(await fs.realpath("link2"), place.path(target));
    assert.equal(await failure(fs.writeFile("circle", "")), "ELOOP circle");
  });

  it("what can't be replaced is written in place and says so", async (t) => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    await writeFile(place.path("a"), "old and longer");
    await link(place.path("a"), place.path("b"));
    assert.deepEqual(await fs.writeFile("a", "new"), { atomic: false, bytes: 3 });
    assert.equal(await readFile(place.path("b"), "utf8"), "new");
    assert.deepEqual(await fs.writeFile("/dev/null", "gone"), { atomic: false, bytes: 4 });
    assert.match(await failure(fs.writeFile(".", "x")), /^EISDIR/);
    assert.equal(await failure(fs.writeFile("a/x", "x")), "ENOTDIR x");
    assert.deepEqual((await readdir(place.directory)).sort(), ["a", "b"]);
    if (!isRoot) return t.diagnostic("a mount point needs root");
    await writeFile(place.path("mounted"), "");
    execFileSync("mount", ["--bind", place.path("a"), place.path("mounted")]);
    try {
      const content = randomBytes(600_000);
      assert.deepEqual(await fs.writeFile("mounted", content), { atomic: false, bytes: 600_000 });
      assert.deepEqual(await fs.writeFile("mounted", pieces(content)), { atomic: false, bytes: 600_000 });
      assert.ok((await readFile(place.path("a"))).equals(content));
    } finally {
      execFileSync("umount", [place.path("mounted")]);
    }
    assert.deepEqual((await readdir(place.directory)).sort(), ["a", "b", "mounted"]);
  });

  it("long content comes in pieces; one that fails or is aborted leaves the old content and no temporary", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    const content = randomBytes(3_000_000);
    assert.deepEqual(await fs.writeFile("a", pieces(content)), { atomic: true, bytes: content.length });
    assert.ok((await readFile(place.path("a"))).equals(content));
    assert.deepEqual(await fs.writeFile("small", pieces(Buffer.from("abc"), 1)), { atomic: true, bytes: 3 });
    await writeFile(place.path("a"), "old");
    async function* failing() {
      yield content;
      throw new Error("of the caller");
    }
    await assert.rejects(fs.writeFile("a", failing()), /of the caller/);
    assert.deepEqual((await readdir(place.directory)).sort(), ["a", "small"]);
    const abort = new AbortController();
    async function* waiting() {
      yield content;
      await until("the temporary is there", async () => (await readdir(place.directory)).length === 3);
      const [temporary = ""] = (await readdir(place.directory)).filter((entry) =>
        entry.startsWith(".berth-"),
      );
      assert.equal((await stat(place.path(temporary))).mode & 0o7777, 0o600);
      abort.abort();
      await new Promise(() => {});
    }
    assert.equal(
      await failure(fs.writeFile("a", waiting(), { signal: abort.signal })),
      "operation.aborted undefined",
    );
    await until("the temporary is gone", async () => (await readdir(place.directory)).length === 2);
    assert.equal(await readFile(place.path("a"), "utf8"), "old");
  });

  it("a writer's content is there from close() on, and not when it is only disposed", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    {
      await using writer = fs.createWriteStream("a");
      await writer.write("abc");
      await writer.write(Buffer.from("def"));
      assert.deepEqual(await writer.close(), { atomic: true, bytes: 6 });
      await assert.rejects(writer.write("x"), { code: "EBADF" });
    }
    {
      await using writer = fs.createWriteStream("a");
      await writer.write("never");
    }
    assert.equal(await readFile(place.path("a"), "utf8"), "abcdef");
    assert.deepEqual(await readdir(place.directory), ["a"]);
  });

  it("a full disk and a read-only one leave what was there", async (t) => {
    if (!isRoot) return t.skip("needs root");
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    const disk = place.path("disk");
    await mkdir(disk);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "none", disk]).status !== 0) {
      return t.skip("mount is not permitted here");
    }
    try {
      await fs.writeFile("disk/a", "old");
      assert.equal(await failure(fs.writeFile("disk/a", randomBytes(1_000_000))), "ENOSPC a");
      assert.equal(await failure(fs.writeFile("disk/new", pieces(randomBytes(3_000_000)))), "ENOSPC new");
      await until("no temporary", async () => (await readdir(disk)).length === 1);
      assert.equal(await readFile(`${disk}/a`, "utf8"), "old");
      execFileSync("mount", ["-o", "remount,ro", disk]);
      assert.equal(await failure(fs.writeFile("disk/a", "x")), "EROFS a");
      assert.equal(await failure(fs.writeFile("disk/new", "x")), "EROFS new");
      assert.equal(await failure(fs.writeFile("disk/sub/new", "x")), "EROFS new");
      assert.equal(await failure(fs.mkdir("disk/d")), "EROFS d");
      assert.equal(await failure(fs.rm("disk/a")), "EROFS a");
      assert.equal(await failure(fs.chmod("disk/a", 0o600)), "EROFS a");
      assert.equal(await failure(fs.rename("disk/a", "disk/b")), "EROFS b");
      assert.equal(await failure(fs.symlink("x", "disk/s")), "EROFS s");
    } finally {
      execFileSync("umount", [disk]);
    }
  });
}

test("stale temporaries are swept by a later write, fresh ones and others are not", async () => {
  await using place = await testPlace("dash");
  const stale = ".berth-zzzzzz-1-aaaaaaaaaa";
  const fresh = ".berth-zzzzzz-1-bbbbbbbbbb";
  for (const file of [stale, fresh, ".berth-notes"]) await writeFile(place.path(file), "");
  await utimes(place.path(stale), 1000, 1000);
  await utimes(place.path(".berth-notes"), 1000, 1000);
  await place.runtime.fs.writeFile("a", "x");
  assert.deepEqual((await readdir(place.directory)).sort(), [fresh, ".berth-notes", "a"].sort());
});
