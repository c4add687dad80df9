import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmod,
  link,
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
import { join } from "node:path";
import { after, test } from "node:test";
import { nameToBytes } from "../../files/names.ts";
import { PLACES, placeMissing, removeApplets, testPlace } from "./testing.ts";

after(removeApplets);

const LONG = `${"d".repeat(90)}/${"é".repeat(60)}/${"f".repeat(120)}`;

/** Everything that a transfer keeps, by path. Times to the second, as not every tar has more. */
async function describe(top: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const walk = async (directory: Buffer, prefix: string): Promise<void> => {
    for (const name of await readdir(directory, { encoding: "buffer" })) {
      const path = Buffer.concat([directory, Buffer.from("/"), name]);
      const stats = await lstat(path);
      const key = prefix + name.toString("latin1");
      const time = stats.isSymbolicLink() ? "" : Math.floor(stats.mtimeMs / 1000);
      const content = stats.isSymbolicLink()
        ? `-> ${await readlink(path)}`
        : stats.isFile()
          ? (await readFile(path)).toString("base64")
          : "";
      found[key] = `${(stats.mode & 0o170777).toString(8)} ${time} ${content}`;
      if (stats.isDirectory()) await walk(path, `${key}/`);
    }
  };
  await walk(Buffer.from(top), "");
  return found;
}

async function makeTree(top: string): Promise<void> {
  await mkdir(join(top, "empty"), { recursive: true });
  await mkdir(join(top, "sub/deeper"), { recursive: true });
  await mkdir(join(top, LONG, ".."), { recursive: true });
  await writeFile(join(top, "sub/file"), "content\n");
  await writeFile(join(top, "sub/deeper/big"), randomBytes(1_300_001));
  await writeFile(join(top, LONG), "far down");
  await writeFile(join(top, "new\nline -rf 'x'"), "");
  await writeFile(nameToBytes(join(top, "bad\udcffname")), "bytes");
  await link(join(top, "sub/file"), join(top, "twin"));
  await symlink("sub/file", join(top, "link"));
  await symlink(`/nowhere/${"x".repeat(130)}`, join(top, "dangling"));
  await chmod(join(top, "sub/file"), 0o751);
  await chmod(join(top, "empty"), 0o700);
  await chmod(join(top, "sub/deeper"), 0o555);
  for (const [path, time] of [
    ["sub/file", 1e9],
    ["empty", 1.1e9],
    ["sub/deeper", 1.2e9],
    ["sub", 1.3e9],
  ] as const) {
    await utimes(join(top, path), time, time + 0.25);
  }
}

for (const name of PLACES) {
  const skip = placeMissing(name);

  test(`${name}: a tree comes back from the place as it went`, { skip }, async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    const [local, back] = [place.path("local"), place.path("back")];
    await makeTree(local);
    const expected = await describe(local);
    const seen: number[] = [];
    const up = await fs.upload(local, "parents/remote", { onProgress: ({ bytes }) => seen.push(bytes) });
    assert.deepEqual(await describe(place.path("parents/remote")), expected);
    assert.ok(up.bytes >= 1_300_001 && up.files >= 8, JSON.stringify(up));
    assert.ok(seen.length > 0);
    const down = await fs.download("parents/remote", back);
    assert.deepEqual(await describe(back), expected);
    assert.ok(down.bytes >= 1_300_001);
    if (name === "dash") assert.equal((await stat(join(back, "sub/file"))).mtimeMs, 1e12 + 250);
  });

  test(`${name}: a file goes under the name that is given, with its mode and time`, { skip }, async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    await writeFile(place.path("local"), "one\0two");
    await chmod(place.path("local"), 0o640);
    await utimes(place.path("local"), 1e9, 1e9);
    const up = await fs.upload(place.path("local"), "new/remote");
    assert.deepEqual([up.bytes, up.files], [7, 1]);
    const down = await fs.download("new/remote", place.path("other/back"));
    assert.deepEqual([down.bytes, down.files], [7, 1]);
    for (const path of ["new/remote", "other/back"]) {
      const stats = await stat(place.path(path));
      assert.deepEqual([stats.mode & 0o7777, stats.mtimeMs], [0o640, 1e12]);
      assert.equal(await readFile(place.path(path), "utf8"), "one\0two");
    }
  });

  test(`${name}: what can't be is an error with its code`, { skip }, async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    await writeFile(place.path("file"), "");
    await mkdir(place.path("directory"));
    execFileSync("mkfifo", [place.path("fifo")]);
    await assert.rejects(fs.upload(place.path("none"), "x"), { code: "ENOENT" });
    await assert.rejects(fs.upload(place.path("file"), "directory"), { code: "EISDIR" });
    await assert.rejects(fs.upload(place.path("directory"), "file"), (error: { code: string }) =>
      ["ENOTDIR", "EEXIST"].includes(error.code),
    );
    await assert.rejects(fs.download("none", place.path("y")), { code: "ENOENT" });
    await assert.rejects(fs.download("fifo", place.path("y")), { code: "fs.not_a_regular_file" });
    const signal = AbortSignal.abort();
    await assert.rejects(fs.upload(place.path("directory"), "z", { signal }), { code: "operation.aborted" });
    await assert.rejects(fs.download("directory", place.path("y"), { signal }), {
      code: "operation.aborted",
    });
  });
}

for (const name of PLACES) {
  test(`${name}: nothing lands outside through a link that is there already`, {
    skip: placeMissing(name),
  }, async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    await mkdir(place.path("tree/sub/deeper"), { recursive: true });
    await writeFile(place.path("tree/sub/deeper/planted"), "x");
    await writeFile(place.path("tree/file"), "new");
    await mkdir(place.path("outside/deeper"), { recursive: true });
    await writeFile(place.path("secret"), "old");
    for (const destination of ["one", "two", "three"])
      await mkdir(place.path(`${destination}/inside`), { recursive: true });
    await symlink("../outside", place.path("one/sub"));
    await fs.upload(place.path("tree"), "one").catch((error: { code: string }) => {
      assert.match(error.code, /^(fs\.archive_entry_outside|ENOTDIR|EEXIST)$/);
    });
    assert.deepEqual(await readdir(place.path("outside/deeper")), []);
    await symlink("../secret", place.path("two/file"));
    await fs.upload(place.path("tree"), "two");
    assert.equal(await readFile(place.path("secret"), "utf8"), "old");
    assert.equal(await readFile(place.path("two/file"), "utf8"), "new");
    await symlink("three", place.path("top"));
    await fs.upload(place.path("tree"), "top");
    assert.equal(await readFile(place.path("three/sub/deeper/planted"), "utf8"), "x");
    assert.equal(await readlink(place.path("top")), "three");
  });
}
