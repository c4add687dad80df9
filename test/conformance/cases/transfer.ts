import assert from "node:assert/strict";
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
import { join } from "node:path";
import { encodeHeader, padding, TAR_END } from "../../../src/files/tar-format.ts";
import { scratchDirectory } from "../../fixtures/disk.ts";
import type { Case, CaseContext } from "../case.ts";
import { noise, refused, sha256 } from "../kit.ts";

const MTIME = new Date("2001-02-03T04:05:06Z");

/** A tree here with everything that a copy may lose. */
async function makeTree(path: string): Promise<Buffer> {
  const bytes = noise(1_500_000);
  await mkdir(join(path, "empty"), { recursive: true });
  await mkdir(join(path, "sub dir/-deep\n"), { recursive: true });
  await writeFile(join(path, "sub dir/-deep\n/file"), bytes);
  await writeFile(join(path, "script"), "#!/bin/sh\n");
  await chmod(join(path, "script"), 0o750);
  await writeFile(join(path, "nothing"), "");
  await writeFile(join(path, "n".repeat(200)), "long name");
  await symlink("sub dir/-deep\n/file", join(path, "link"));
  await symlink("/no/where", join(path, "dangling"));
  await chmod(join(path, "empty"), 0o711);
  for (const name of ["script", "sub dir/-deep\n/file", "empty"])
    await utimes(join(path, name), MTIME, MTIME);
  return bytes;
}

async function local(context: CaseContext): Promise<string> {
  const scratch = await scratchDirectory();
  context.defer(() => scratch[Symbol.asyncDispose]());
  return scratch.path;
}

/** SEMANTICS, Files 5: trees as one stream. */
export const TRANSFER: readonly Case[] = [
  {
    id: "files.5.upload",
    title: "an upload keeps content, modes, symlinks, empty directories and mtimes",
    run: async (context) => {
      const { runtime, directory } = context;
      const [here, there] = [await local(context), `${await directory()}/tree`];
      const bytes = await makeTree(join(here, "tree"));
      const { files } = await runtime.fs.upload(join(here, "tree"), there);
      assert.ok(files >= 4, `${files} files`);
      assert.equal(sha256(await runtime.fs.readFile(`${there}/link`)), sha256(bytes));
      assert.equal((await runtime.fs.lstat(`${there}/dangling`)).symlinkTarget, "/no/where");
      const script = await runtime.fs.stat(`${there}/script`);
      assert.deepEqual([script.mode, script.mtimeMs], [0o750, MTIME.getTime()]);
      const empty = await runtime.fs.stat(`${there}/empty`);
      assert.deepEqual([empty.type, empty.mode, empty.mtimeMs], ["directory", 0o711, MTIME.getTime()]);
      assert.deepEqual(
        (await runtime.fs.readdir(there)).map(({ name }) => name).sort(),
        (await readdir(join(here, "tree"))).sort(),
      );
    },
  },
  {
    id: "files.5.download",
    title: "a download keeps the same",
    run: async (context) => {
      const { runtime, directory } = context;
      const [here, there] = [await local(context), `${await directory()}/tree`];
      const bytes = await makeTree(join(here, "tree"));
      await runtime.fs.upload(join(here, "tree"), there);
      await runtime.fs.download(there, join(here, "back"));
      assert.equal(sha256(await readFile(join(here, "back/link"))), sha256(bytes));
      assert.equal(await readlink(join(here, "back/dangling")), "/no/where");
      const script = await stat(join(here, "back/script"));
      assert.deepEqual([script.mode & 0o7777, script.mtimeMs], [0o750, MTIME.getTime()]);
      const empty = await stat(join(here, "back/empty"));
      assert.deepEqual([empty.isDirectory(), empty.mode & 0o7777], [true, 0o711]);
      assert.equal((await lstat(join(here, "back/link"))).isSymbolicLink(), true);
      assert.deepEqual(
        (await readdir(join(here, "back"))).sort(),
        (await readdir(join(here, "tree"))).sort(),
      );
    },
  },
  {
    id: "files.5.single-file",
    title: "a single file becomes the file of that name",
    run: async (context) => {
      const { runtime, directory } = context;
      const [here, there] = [await local(context), `${await directory()}/new/place`];
      await writeFile(join(here, "file"), "content", { mode: 0o640 });
      await runtime.fs.upload(join(here, "file"), there);
      assert.equal(await runtime.fs.readFile(there, "utf8"), "content");
      await runtime.fs.download(there, join(here, "copy"));
      assert.equal(await readFile(join(here, "copy"), "utf8"), "content");
    },
  },
  {
    id: "files.5.outside",
    title: "an entry that would land outside of the destination through a link does not",
    run: async (context) => {
      const { runtime, directory } = context;
      const [here, there] = [await local(context), await directory()];
      await mkdir(join(here, "tree/sub"), { recursive: true });
      await writeFile(join(here, "tree/sub/planted"), "x");
      await runtime.fs.mkdir(`${there}/outside`);
      await runtime.fs.mkdir(`${there}/destination`);
      await runtime.fs.symlink("../outside", `${there}/destination/sub`);
      // Refused, or the link is replaced by the directory: both keep what is outside as it was.
      await runtime.fs
        .upload(join(here, "tree"), `${there}/destination`)
        .catch((error: { code?: string }) => {
          assert.match(String(error.code), /^(fs\.archive_entry_outside|ENOTDIR|EEXIST|ELOOP)$/);
        });
      assert.deepEqual(await runtime.fs.readdir(`${there}/outside`), []);
    },
  },
  {
    id: "files.5.outside-here",
    title: "a download does not leave its destination through a link either",
    run: async (context) => {
      const { runtime, directory } = context;
      const [here, there] = [await local(context), `${await directory()}/tree`];
      await runtime.fs.writeFile(`${there}/sub/planted`, "x");
      await mkdir(join(here, "outside"));
      await mkdir(join(here, "destination"));
      await symlink("../outside", join(here, "destination/sub"));
      await runtime.fs.download(there, join(here, "destination")).catch((error: { code?: string }) => {
        assert.match(String(error.code), /^(fs\.archive_entry_outside|ENOTDIR|EEXIST|ELOOP)$/);
      });
      assert.deepEqual(await readdir(join(here, "outside")), []);
    },
  },
  {
    id: "files.5.missing",
    title: "what is not there is ENOENT in both directions",
    run: async (context) => {
      const { runtime, directory } = context;
      const [here, there] = [await local(context), await directory()];
      await refused(runtime.fs.upload(join(here, "nothing"), `${there}/x`), "ENOENT");
      await refused(runtime.fs.download(`${there}/nothing`, join(here, "x")), "ENOENT");
    },
  },
  {
    id: "files.5.progress",
    title: "progress grows to the whole",
    run: async (context) => {
      const { runtime, directory } = context;
      const [here, there] = [await local(context), `${await directory()}/tree`];
      await mkdir(join(here, "tree"));
      for (let index = 0; index < 4; index++) await writeFile(join(here, `tree/${index}`), noise(500_000));
      const seen: number[] = [];
      const total = await runtime.fs.upload(join(here, "tree"), there, {
        onProgress: ({ bytes }) => seen.push(bytes),
      });
      assert.ok(seen.length > 0);
      assert.deepEqual(
        seen,
        seen.toSorted((a, b) => a - b),
      );
      assert.ok(total.bytes >= 2_000_000, `${total.bytes} bytes`);
    },
  },
  {
    id: "files.5.archive",
    title: "what is read as an archive and written as one again is the same tree; a file is one, too",
    run: async (context) => {
      const { runtime, directory } = context;
      const [here, there] = [await local(context), await directory()];
      const bytes = await makeTree(join(here, "tree"));
      await runtime.fs.upload(join(here, "tree"), `${there}/tree`);
      const { files } = await runtime.fs.writeArchive(
        `${there}/new/copy`,
        runtime.fs.readArchive(`${there}/tree`),
      );
      assert.ok(files >= 4, `${files} files`);
      assert.equal(sha256(await runtime.fs.readFile(`${there}/new/copy/link`)), sha256(bytes));
      assert.equal((await runtime.fs.lstat(`${there}/new/copy/dangling`)).symlinkTarget, "/no/where");
      const { mode, mtimeMs } = await runtime.fs.stat(`${there}/new/copy/script`);
      assert.deepEqual([mode, mtimeMs], [0o750, MTIME.getTime()]);
      assert.deepEqual(
        (await runtime.fs.readdir(`${there}/new/copy`)).map(({ name }) => name).sort(),
        (await runtime.fs.readdir(`${there}/tree`)).map(({ name }) => name).sort(),
      );
      await runtime.fs.writeArchive(`${there}/file`, runtime.fs.readArchive(`${there}/tree/script`));
      assert.equal(await runtime.fs.readFile(`${there}/file`, "utf8"), "#!/bin/sh\n");
      const missing = runtime.fs.readArchive(`${there}/nothing`)[Symbol.asyncIterator]();
      await refused(missing.next(), "ENOENT");
    },
  },
  {
    id: "files.5.archive-refused",
    title: "an archive's entries stay inside of it, whatever they are called and whatever links came before",
    run: async (context) => {
      const { runtime, directory } = context;
      const there = await directory();
      await runtime.fs.mkdir(`${there}/outside`);
      const file = { type: "file", size: 1, mode: 0o644, mtimeMs: 0, linkname: "" } as const;
      const link = { type: "symlink", size: 0, mode: 0o777, mtimeMs: 0, linkname: "../outside" } as const;
      const archives = [
        [encodeHeader({ ...file, name: "../outside/planted" })],
        [encodeHeader({ ...file, name: `${there}/outside/planted` })],
        [encodeHeader({ ...link, name: "way" }), encodeHeader({ ...file, name: "way/planted" })],
      ];
      for (const headers of archives) {
        const archive = stream(Buffer.concat([...headers, Buffer.from("x"), padding(1), TAR_END]));
        await refused(runtime.fs.writeArchive(`${there}/destination`, archive), "fs.archive_entry_outside");
      }
      assert.deepEqual(await runtime.fs.readdir(`${there}/outside`), []);
      const cut = encodeHeader({ ...file, name: "cut" });
      await refused(runtime.fs.writeArchive(`${there}/destination`, stream(cut)), "fs.archive_invalid");
      if (!runtime.capabilities.daemon) return;
      assert.equal(await runtime.fs.exists(`${there}/destination/cut`), false);
    },
  },
];

async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
