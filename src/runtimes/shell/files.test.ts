import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmod,
  lstat,
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
const NAMES = [
  "new\nline\n",
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
  "*",
  "$HOME",
  "`id`",
  "back\\slash",
  "tab\t",
  ".hidden",
  "..two",
  "...",
];

/** Code of what is thrown, with the last part of its path. */
async function failure(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => new Error("it worked"),
    (thrown: unknown) => thrown,
  );
  return isBerthError(error) ? `${error.code} ${error.path?.split("/").at(-1)}` : String(error);
}

for (const name of PLACES) {
  const skip = placeMissing(name);
  const hasReadlink = name !== "bare";
  const it = (what: string, run: (t: TestContext) => Promise<void>) =>
    test(`${name}: ${what}`, { skip }, run);

  it("stat, lstat and statMany tell what node:fs tells", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    await writeFile(place.path("a"), "12345");
    await chmod(place.path("a"), 0o4641);
    await utimes(place.path("a"), 1.6e9, 1_600_000_000.5);
    await symlink("a", place.path("link"));
    await symlink("a -> b\n", place.path("odd\n -> "));
    await symlink("loop", place.path("loop"));
    await writeFile(place.path("file"), "");
    const a = await fs.stat("link");
    const real = await stat(place.path("a"));
    const mtimeMs = name === "bare" ? 1_600_000_000_000 : 1_600_000_000_500;
    assert.deepEqual(a, {
      type: "file",
      size: 5,
      mode: 0o4641,
      mtimeMs,
      uid: real.uid,
      gid: real.gid,
      inode: real.ino,
      links: 1,
    });
    const linked = await fs.lstat(place.path("link"));
    assert.deepEqual([linked.type, linked.symlinkTarget], ["symlink", "a"]);
    if (hasReadlink) assert.equal((await fs.lstat("odd\n -> ")).symlinkTarget, "a -> b\n");
    else assert.match(await failure(fs.lstat("odd\n -> ")), /^ENOTSUP/);
    assert.equal((await fs.stat(".")).type, "directory");
    assert.equal((await fs.stat("/dev/null")).type, "character");
    const many = await fs.statMany(["a", "none", "file/below", "link", ".", "loop/x"].slice(0, 5));
    assert.deepEqual(
      many.map((one) => one?.type),
      ["file", undefined, undefined, "file", "directory"],
    );
    assert.equal(await failure(fs.statMany(["a", "loop"])), "ELOOP loop");
    assert.equal(await failure(fs.stat("none")), "ENOENT none");
    assert.equal(await failure(fs.stat("a/b")), "ENOTDIR b");
    assert.equal(await failure(fs.stat("loop")), "ELOOP loop");
    assert.match(await failure(fs.stat("x".repeat(300))), /^ENAMETOOLONG/);
    assert.equal(await failure(fs.stat("")), "EINVAL ");
    assert.deepEqual(await Promise.all(["a", "none", "a/b", "link"].map((path) => fs.exists(path))), [
      true,
      false,
      false,
      true,
    ]);
  });

  it("1,201 paths are looked at in a few runs", async () => {
    await using place = await testPlace(name);
    await writeFile(place.path("a"), "1");
    await place.runtime.fs.exists("a");
    const before = place.runs.length;
    const paths = Array.from({ length: 1201 }, (_, index) => (index % 3 === 0 ? "none" : "a"));
    const stats = await place.runtime.fs.statMany(paths);
    assert.equal(stats.filter((one) => one === null).length, 401);
    // Spares are started behind what is run.
    assert.ok(place.runs.length - before <= (name === "sftp" ? 8 : 5));
  });

  it("every name that the file system takes works", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    for (const odd of NAMES) {
      assert.deepEqual(await fs.writeFile(`n/${odd}`, odd.slice(0, 3)), {
        atomic: true,
        bytes: Buffer.byteLength(odd.slice(0, 3).replaceAll(/[\udc80-\udcff]/g, "\ufffd")),
      });
      await fs.writeFile(`n/${odd}`, "again");
      assert.equal(await fs.readFile(`n/${odd}`, "utf8"), "again");
      assert.equal((await fs.stat(`n/${odd}`)).size, 5);
      assert.equal(await fs.realpath(`n/${odd}`), place.path(`n/${odd}`));
    }
    const listed = await fs.readdir("n");
    assert.deepEqual(listed.map((entry) => entry.name).sort(), [...NAMES].sort());
    const bytes = (await readdir(place.path("n"), { encoding: "buffer" })).map((entry) =>
      entry.toString("latin1"),
    );
    assert.ok(bytes.includes("bad\xff\x80name"));
    for (const odd of NAMES) await fs.rm(`n/${odd}`);
    assert.deepEqual(await readdir(place.path("n")), []);
  });

  it("readdir tells types; what is no directory is an error", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    await mkdir(place.path("sub"));
    await symlink("nowhere", place.path("dangling"));
    await symlink("sub", place.path("link"));
    await writeFile(place.path("file"), "");
    execFileSync("mkfifo", [place.path("fifo")]);
    const entries = await fs.readdir(".");
    assert.deepEqual(Object.fromEntries(entries.map((entry) => [entry.name, entry.type])), {
      sub: "directory",
      dangling: "symlink",
      link: "symlink",
      file: "file",
      fifo: "fifo",
    });
    assert.deepEqual(await fs.readdir("link"), []);
    assert.equal(await failure(fs.readdir("file")), "ENOTDIR file");
    assert.equal(await failure(fs.readdir("none")), "ENOENT none");
  });

  it("reads whole files and ranges, and not what is no file", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    const content = randomBytes(300_000);
    await writeFile(place.path("a"), content);
    assert.ok(content.equals(await fs.readFile("a")));
    for (const [start, end] of [
      [0, 0],
      [5, 9],
      [0, 299_999],
      [299_999, 400_000],
      [1, 299_998],
      [300_000, 300_001],
      [400_000, 500_000],
      [7, 3],
    ] as const) {
      const range = await fs.readFile("a", { start, end });
      assert.ok(content.subarray(start, end + 1).equals(range), `${start}-${end}`);
    }
    assert.ok(content.subarray(299_000).equals(await fs.readFile("a", { start: 299_000 })));
    assert.match(await fs.readFile("/proc/self/status", "utf8"), /^Name:/);
    assert.equal(await failure(fs.readFile(".")), `EISDIR ${place.directory.split("/").at(-1)}`);
    assert.equal(await failure(fs.readFile("none")), "ENOENT none");
    assert.equal(await failure(fs.readFile("/dev/null")), "fs.not_a_regular_file null");
    assert.equal((await fs.readFile("/dev/null", { special: true })).length, 0);
    assert.equal(await failure(fs.readFile("a", "utf8")), "fs.encoding_invalid a");
    assert.equal(await failure(fs.readFile("a", { start: -1 })), "EINVAL a");
  });

  it("streams have backpressure, and leaving one ends its run", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    const content = randomBytes(3_000_001);
    await writeFile(place.path("a"), content);
    const chunks: Uint8Array[] = [];
    for await (const chunk of fs.createReadStream("a")) chunks.push(chunk);
    assert.ok(content.equals(Buffer.concat(chunks)));
    let bytes = 0;
    for await (const chunk of fs.createReadStream("/dev/zero", { special: true })) {
      bytes += chunk.length;
      if (bytes > 1_000_000) break;
    }
    const readers = () =>
      execFileSync("ps", ["-eo", "args="], { encoding: "utf8" })
        .split("\n")
        .filter((line) => line === "cat /dev/zero");
    await until("nobody reads", () => readers().length === 0);
    await assert.rejects(fs.createReadStream("none")[Symbol.asyncIterator]().next(), { code: "ENOENT" });
  });

  it("mkdir makes one directory, or with recursive all that are missing", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    await fs.mkdir("a", { mode: 0o700 });
    assert.equal((await stat(place.path("a"))).mode & 0o777, 0o700);
    assert.equal(await failure(fs.mkdir("a")), "EEXIST a");
    assert.equal(await failure(fs.mkdir("b/c")), "ENOENT c");
    await fs.mkdir("b/c/d", { recursive: true });
    await fs.mkdir("b/c/d", { recursive: true });
    await writeFile(place.path("file"), "");
    assert.equal(await failure(fs.mkdir("file", { recursive: true })), "EEXIST file");
    assert.equal(await failure(fs.mkdir("file/x", { recursive: true })), "ENOTDIR x");
  });

  it("rename replaces as rename(2) does, and copies across file systems", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    for (const directory of ["d", "empty", "full"]) await mkdir(place.path(directory));
    await writeFile(place.path("full/x"), "");
    await writeFile(place.path("a"), "a");
    await writeFile(place.path("b"), "b");
    await symlink("full", place.path("link"));
    assert.equal(await failure(fs.rename("none", "c")), "ENOENT none");
    assert.equal(await failure(fs.rename("a", "none/c")), "ENOENT c");
    assert.equal(await failure(fs.rename("a", "d")), "EISDIR d");
    assert.equal(await failure(fs.rename("d", "a")), "ENOTDIR a");
    assert.equal(await failure(fs.rename("d", "full")), "ENOTEMPTY full");
    assert.equal(await failure(fs.rename("d", "d/sub")), "EINVAL sub");
    await fs.rename("a", "b");
    assert.equal(await readFile(place.path("b"), "utf8"), "a");
    await fs.rename("d", "empty");
    await fs.rename("empty", "empty");
    await fs.rename("b", "link");
    assert.equal((await lstat(place.path("link"))).isFile(), true);
    assert.deepEqual((await readdir(place.directory)).sort(), ["empty", "full", "link"]);
    if (!isRoot) return;
    if (spawnSync("mount", ["-t", "tmpfs", "none", place.path("empty")]).status !== 0) return;
    try {
      await fs.rename("full", "empty/moved");
      assert.deepEqual(await readdir(place.path("empty/moved")), ["x"]);
    } finally {
      execFileSync("umount", [place.path("empty")]);
    }
  });

  it("rm removes what node:fs would remove, and nothing behind links", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    await mkdir(place.path("tree/a/b"), { recursive: true });
    await mkdir(place.path("kept"));
    await writeFile(place.path("kept/file"), "");
    await symlink("../../kept", place.path("tree/a/link"));
    await symlink("kept", place.path("link"));
    assert.equal(await failure(fs.rm("missing")), "ENOENT missing");
    await fs.rm("missing", { force: true });
    await fs.rm("missing/below", { force: true });
    assert.equal(await failure(fs.rm("tree")), "EISDIR tree");
    await fs.rm("tree", { recursive: true });
    await fs.rm("link", { recursive: true });
    assert.deepEqual(await readdir(place.directory), ["kept"]);
    assert.deepEqual(await readdir(place.path("kept")), ["file"]);
  });

  it("symlink, chmod and realpath do what they say", async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    await writeFile(place.path("a"), "");
    await fs.symlink("-a\n", "odd");
    assert.equal(await readlink(place.path("odd")), "-a\n");
    await fs.symlink("a", "link");
    assert.equal(await failure(fs.symlink("a", "link")), "EEXIST link");
    assert.equal(await failure(fs.symlink("a", ".")), `EEXIST ${place.directory.split("/").at(-1)}`);
    await fs.chmod("link", 0o4711);
    assert.equal((await stat(place.path("a"))).mode & 0o7777, 0o4711);
    assert.equal(await failure(fs.chmod("none", 0o600)), "ENOENT none");
    assert.equal(await fs.realpath("link"), place.path("a"));
    assert.equal(await fs.realpath("/"), "/");
    assert.equal(await failure(fs.realpath("none")), "ENOENT none");
  });
}

test("what hangs is fs.timeout, and what it hung in is ended", async () => {
  await using place = await testPlace("dash");
  execFileSync("mkfifo", [place.path("fifo")]);
  const { fs } = place.runtime;
  const reading = fs.readFile("fifo", { special: true, timeoutMs: 200 });
  assert.equal(await failure(reading), "fs.timeout fifo");
  const readers = () =>
    execFileSync("ps", ["-eo", "args="], { encoding: "utf8" }).includes(place.path("fifo"));
  await until("nobody waits for it", () => !readers());
});

test("what needs the daemon says so", async () => {
  await using place = await testPlace("dash");
  const { fs } = place.runtime;
  const code = async (promise: Promise<unknown>) => (await failure(promise)).split(" ")[0];
  assert.equal(await code(fs.stat("/", { user: "nobody" })), "runtime.capability_unsupported");
  assert.equal((await fs.stat("/", { contained: { root: "/" } })).type, "directory");
  assert.equal(await code(fs.writeFile("a", "", { durable: true })), "runtime.capability_unsupported");
});

test("paths are mapped as the runtime says, and errors name the path of the place", async () => {
  await using place = await testPlace("dash", { mapPath: (path) => path.replace(/^\/host\//, "/") });
  assert.equal(await place.runtime.fs.realpath("/host/etc/.."), "/");
  const error = await place.runtime.fs.stat("/host/none").catch((thrown: unknown) => thrown);
  assert.equal(isBerthError(error, "ENOENT") && error.path, "/none");
  const { stdout } = await place.runtime.exec(["pwd"], { cwd: "/host/etc" });
  assert.equal(stdout, "/etc\n");
});
