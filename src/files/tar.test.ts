import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { FileCalls } from "./calls.ts";
import { nameFromBytes, nameToBytes } from "./names.ts";
import { extractTree } from "./tar-extract.ts";
import { encodeHeader, padding, TAR_END, type TarEntry } from "./tar-format.ts";
import { packTree, type SkippedEntry } from "./tar-pack.ts";
import { TarReader } from "./tar-read.ts";
import { TemporaryNames } from "./temporary.ts";
import { FileThreads } from "./threads.ts";
import type { Spot } from "./walk.ts";

const threads = new FileThreads();
const temporaries = new TemporaryNames();

function scratch(): { path: string } & Disposable {
  const path = fs.mkdtempSync(join(tmpdir(), "berth-tar-"));
  return { path, [Symbol.dispose]: () => execFileSync("rm", ["-rf", path]) };
}

function spotOf(path: string): Spot {
  const slash = path.lastIndexOf("/");
  return {
    at: path,
    sibling: (name) => `${path.slice(0, slash)}/${name}`,
    name: path.slice(slash + 1),
    pinned: false,
    release: () => {},
  };
}

async function* pieces(archive: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < archive.length; start += size) yield archive.subarray(start, start + size);
}

async function pack(path: string, skipped: SkippedEntry[] = []): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const chunks = packTree(new FileCalls(threads, path), path, { onSkipped: (entry) => skipped.push(entry) });
  for await (const chunk of chunks) parts.push(...chunk);
  return Buffer.concat(parts);
}

async function extract(archive: Uint8Array, to: string, size = 10_000): Promise<SkippedEntry[]> {
  const skipped: SkippedEntry[] = [];
  await extractTree(new FileCalls(threads, to), spotOf(to), pieces(archive, size), {
    temporaries,
    onSkipped: (entry) => skipped.push(entry),
  });
  return skipped;
}

function archiveOf(...entries: (Partial<TarEntry> & { content?: string })[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { content = "", ...entry } of entries) {
    const full = { name: "x", type: "file" as const, mode: 0o644, mtimeMs: 1000, linkname: "", ...entry };
    const bytes = Buffer.from(content);
    parts.push(encodeHeader({ size: bytes.length, ...full }), bytes, padding(bytes.length));
  }
  return Buffer.concat([...parts, TAR_END]);
}

/** Everything about a tree that is to survive. */
function describe(path: string): string {
  const result = execFileSync(
    "sh",
    [
      "-c",
      `cd "$1" && find . -printf '%p|%y|%m|%n|%l|%T@|' \\( -type f -printf '%s' -exec sha256sum -b {} + \\) -o -printf '\\n' | cut -c1-2000`,
      "sh",
      path,
    ],
    { encoding: "latin1" },
  );
  return result
    .replace(/(\d\.\d{3})\d+/g, "$1")
    .split("\n")
    .sort()
    .join("\n");
}

function makeTree(path: string): void {
  execFileSync(
    "sh",
    [
      "-c",
      `mkdir -p "$1/dir/empty" "$1/sub" && cd "$1" && echo hello > dir/file && chmod 4750 dir/file
       ln dir/file sub/twin && ln -s ../dir/file sub/link && ln -s /nowhere dangling
       head -c 3000000 /dev/urandom > big && : > none && truncate -s 70000 hole
       printf x > "$(printf 'new\\nline')" && printf x > "$(printf 'bad\\377name')" && printf x > ./-rf && printf x > ünïcode
       long=$(printf 'l%.0s' $(seq 200)) && mkdir -p "$long/$long" && printf deep > "$long/$long/file" && ln -s "$long/$long" sub/longlink
       mkdir -p "$(printf 'p%.0s' $(seq 99))" && printf cut > "$(printf 'p%.0s' $(seq 99))/name"
       touch -d '2001-02-03 04:05:06.789' dir/file && touch -h -d '1999-01-01' sub/link
       chmod 555 dir/empty && touch -d '2010-01-01 00:00:00.5' dir/empty dir && chmod 1777 sub`,
      "sh",
      path,
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
}

test("a tree comes back as it was: modes, times, links, holes, every kind of name", async () => {
  using box = scratch();
  makeTree(`${box.path}/from`);
  const archive = await pack(`${box.path}/from`);
  await extract(archive, `${box.path}/to`);
  assert.equal(describe(`${box.path}/to`), describe(`${box.path}/from`));
  // Once more over what is there.
  await extract(archive, `${box.path}/to`, 333);
  assert.equal(describe(`${box.path}/to`), describe(`${box.path}/from`));
});

test("a single file and a single link are the entry .", async () => {
  using box = scratch();
  fs.writeFileSync(`${box.path}/a`, "content", { mode: 0o640 });
  await extract(await pack(`${box.path}/a`), `${box.path}/b`);
  assert.equal(fs.readFileSync(`${box.path}/b`, "utf8"), "content");
  assert.equal(fs.statSync(`${box.path}/b`).mode & 0o777, 0o640);
  fs.symlinkSync("a", `${box.path}/link`);
  await extract(await pack(`${box.path}/link`), `${box.path}/link2`);
  assert.equal(fs.readlinkSync(`${box.path}/link2`), "a");
});

test("GNU tar reads what is written, and what it writes is read", async () => {
  using box = scratch();
  makeTree(`${box.path}/from`);
  fs.mkdirSync(`${box.path}/gnu`);
  execFileSync("tar", ["-xpf", "-", "-C", `${box.path}/gnu`], { input: await pack(`${box.path}/from`) });
  // Its times are whole seconds.
  const whole = (text: string): string => text.replace(/(\|\d+)\.\d+\|/g, "$1|");
  assert.equal(whole(describe(`${box.path}/gnu`)), whole(describe(`${box.path}/from`)));
  for (const format of ["gnu", "pax", "ustar"]) {
    const tree = `${box.path}/from`;
    const made = spawnSync("tar", [`--format=${format}`, "-cf", "-", "-C", tree, "."], { maxBuffer: 1e8 });
    if (format === "ustar") continue;
    await extract(made.stdout, `${box.path}/${format}`);
    assert.equal(whole(describe(`${box.path}/${format}`)), whole(describe(tree)), format);
  }
});

test("sockets and FIFOs are left out, with a note", async () => {
  using box = scratch();
  fs.mkdirSync(`${box.path}/from`);
  execFileSync("mkfifo", [`${box.path}/from/fifo`]);
  fs.writeFileSync(`${box.path}/from/file`, "");
  const skipped: SkippedEntry[] = [];
  await extract(await pack(`${box.path}/from`, skipped), `${box.path}/to`);
  assert.deepEqual(skipped, [{ path: "fifo", reason: "fifo" }]);
  assert.deepEqual(fs.readdirSync(`${box.path}/to`), ["file"]);
});

test("a file that shrinks while it is read is filled with zeros, and noted", async () => {
  using box = scratch();
  fs.mkdirSync(`${box.path}/from`);
  fs.writeFileSync(`${box.path}/from/big`, Buffer.alloc(2_000_000, 1));
  const parts: Uint8Array[] = [];
  const skipped: SkippedEntry[] = [];
  const chunks = packTree(new FileCalls(threads, box.path), `${box.path}/from`, {
    onSkipped: (entry) => skipped.push(entry),
  });
  for await (const chunk of chunks) {
    parts.push(...chunk);
    if (parts.length === 3) fs.truncateSync(`${box.path}/from/big`, 300_000);
  }
  assert.equal(skipped.length, 1);
  await extract(Buffer.concat(parts), `${box.path}/to`);
  assert.equal(fs.statSync(`${box.path}/to/big`).size, 2_000_000);
});

test("nothing lands outside of the destination", async () => {
  using box = scratch();
  const secret = `${box.path}/outside`;
  fs.mkdirSync(secret);
  fs.writeFileSync(`${secret}/file`, "old");
  const to = `${box.path}/to`;
  const cases: Record<string, Buffer> = {
    absolute: archiveOf({ name: `${secret}/file`, content: "new" }),
    dots: archiveOf({ name: "../outside/file", content: "new" }),
    "dots inside": archiveOf({ name: "a/../../outside/file", content: "new" }),
    "through a link of the archive": archiveOf(
      { name: "link", type: "symlink", linkname: secret },
      { name: "link/file", content: "new" },
    ),
    "through a relative link of the archive": archiveOf(
      { name: "a/link", type: "symlink", linkname: "../../outside" },
      { name: "a/link/file", content: "new" },
    ),
    "a directory through a link": archiveOf(
      { name: "link", type: "symlink", linkname: secret },
      { name: "link", type: "directory", mode: 0o777 },
      { name: "link/new/deeper", type: "directory" },
    ),
    "a hard link to outside": archiveOf({ name: "stolen", type: "link", linkname: "../outside/file" }),
    "a hard link through a link": archiveOf(
      { name: "link", type: "symlink", linkname: secret },
      { name: "stolen", type: "link", linkname: "link/file" },
    ),
    "through a link that was there": archiveOf({ name: "present/file", content: "new" }),
  };
  for (const [name, archive] of Object.entries(cases)) {
    fs.mkdirSync(to);
    fs.symlinkSync(secret, `${to}/present`);
    await assert.rejects(extract(archive, to), { code: "fs.archive_entry_outside" }, name);
    assert.equal(fs.readFileSync(`${secret}/file`, "utf8"), "old", name);
    assert.equal(fs.statSync(`${secret}/file`).nlink, 1, name);
    assert.deepEqual(fs.readdirSync(secret), ["file"], name);
    fs.rmSync(to, { recursive: true });
  }
  // A link is content; a file in its place replaces it, and is not written through it.
  await extract(
    archiveOf({ name: "x", type: "symlink", linkname: `${secret}/file` }, { name: "x", content: "new" }),
    to,
  );
  assert.equal(fs.readFileSync(`${to}/x`, "utf8"), "new");
  assert.equal(fs.readFileSync(`${secret}/file`, "utf8"), "old");
});

test("a link that stays inside is followed", async () => {
  using box = scratch();
  const to = `${box.path}/to`;
  fs.mkdirSync(`${to}/releases/1`, { recursive: true });
  fs.symlinkSync("releases/1", `${to}/current`);
  await extract(archiveOf({ name: "current/file", content: "new" }), to);
  assert.equal(fs.readFileSync(`${to}/releases/1/file`, "utf8"), "new");
  assert.equal(fs.readlinkSync(`${to}/current`), "releases/1");
});

test("a directory that was there keeps its mode", async () => {
  using box = scratch();
  const to = `${box.path}/to`;
  fs.mkdirSync(`${to}/sub`, { recursive: true });
  fs.chmodSync(to, 0o1777);
  fs.chmodSync(`${to}/sub`, 0o750);
  await extract(
    archiveOf(
      { name: ".", type: "directory", mode: 0o755 },
      { name: "sub", type: "directory", mode: 0o700 },
      { name: "sub/new/file", content: "before its directory" },
      { name: "sub/new", type: "directory", mode: 0o711 },
    ),
    to,
  );
  const mode = (path: string): number => fs.statSync(path).mode & 0o7777;
  assert.deepEqual([to, `${to}/sub`, `${to}/sub/new`].map(mode), [0o1777, 0o750, 0o711]);
});

test("a cut leaves no half file under its name, and nothing of the temporaries", async () => {
  using box = scratch();
  const content = randomBytes(500_000);
  fs.mkdirSync(`${box.path}/from`);
  fs.writeFileSync(`${box.path}/from/a`, content);
  fs.writeFileSync(`${box.path}/from/b`, content);
  const archive = await pack(`${box.path}/from`);
  for (const end of [archive.length - 1025, 700_000, 512 * 3, 700, 100]) {
    const to = `${box.path}/to-${end}`;
    await assert.rejects(extract(archive.subarray(0, end), to), { code: "fs.archive_invalid" });
    const names = fs.existsSync(to) ? fs.readdirSync(to) : [];
    for (const name of names) assert.ok(fs.readFileSync(`${to}/${name}`).equals(content), `${end} ${name}`);
  }
});

test("sizes above 8 GiB and times with fractions are kept by the format", async () => {
  const entry: TarEntry = {
    name: "huge",
    type: "file",
    size: 20 * 1024 ** 3,
    mode: 0o600,
    mtimeMs: 1_700_000_000_123.456,
    linkname: "",
  };
  const parsed = await new TarReader(pieces(encodeHeader(entry), 100)).next();
  assert.equal(parsed?.size, entry.size);
  assert.ok(Math.abs((parsed?.mtimeMs ?? 0) - entry.mtimeMs) < 0.001);
  // GNU tar reads the size as well.
  const listed = spawnSync("tar", ["-tvf", "-"], { input: encodeHeader(entry), encoding: "utf8" });
  assert.match(listed.stdout, /21474836480/);
});

test("damaged archives are an error of the registry, whatever is in them", async () => {
  const good = archiveOf(
    { name: "a", content: "hello" },
    { name: "é".repeat(80), content: "x" },
    { name: "l", type: "symlink", linkname: "t".repeat(150) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (changes, repair) => {
        const archive = Buffer.from(good);
        for (const [index, value] of changes) archive[index] = value;
        if (repair)
          for (let at = 0; at + 512 <= archive.length; at += 512) fixChecksum(archive.subarray(at, at + 512));
        const reader = new TarReader(pieces(archive, 700));
        try {
          while ((await reader.next()) !== undefined);
        } catch (error) {
          assert.equal((error as { code?: string }).code, "fs.archive_invalid");
        }
      },
    ),
    { numRuns: 500 },
  );
});

function fixChecksum(block: Buffer): void {
  if (block.subarray(0, 512).every((byte) => byte === 0)) return;
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

test("every byte string is a name and comes back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const buffer = Buffer.from(bytes);
      const name = nameFromBytes(buffer);
      assert.ok(nameToBytes(name).equals(buffer));
      assert.ok(nameToBytes(JSON.parse(JSON.stringify(name)) as string).equals(buffer));
    }),
  );
});

test("a device, FIFO or socket at the destination is not lost, and as the source it is an error", async () => {
  using root = scratch();
  const file = join(root.path, "file");
  const fifo = join(root.path, "fifo");
  const tree = join(root.path, "tree");
  fs.writeFileSync(file, "content");
  execFileSync("mkfifo", [fifo]);
  await assert.rejects(extract(await pack(file), fifo), { code: "fs.not_a_regular_file" });
  fs.mkdirSync(join(root.path, "source"));
  fs.writeFileSync(join(root.path, "source/name"), "content");
  fs.mkdirSync(tree);
  execFileSync("mkfifo", [join(tree, "name")]);
  await assert.rejects(extract(await pack(join(root.path, "source")), tree), {
    code: "fs.not_a_regular_file",
  });
  assert.ok(fs.lstatSync(fifo).isFIFO() && fs.lstatSync(join(tree, "name")).isFIFO());
  assert.deepEqual(fs.readdirSync(tree), ["name"]);
  await assert.rejects(pack(fifo), { code: "fs.not_a_regular_file" });
});
