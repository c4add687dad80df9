import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { refused } from "../kit.ts";

/** SEMANTICS, Files 3: what is there, and errors. */
export const FILES_STAT: readonly Case[] = [
  {
    id: "files.3.stat",
    title: "stat gives type, size, mode and mtime in milliseconds; lstat the symlink and its target",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.writeFile(`${path}/file`, "12345", { mode: 0o640 });
      await runtime.exec(["touch", "-d", "2001-02-03 04:05:06", `${path}/file`], { env: { TZ: "UTC" } });
      await runtime.fs.mkdir(`${path}/directory`, { mode: 0o750 });
      await runtime.fs.symlink("file", `${path}/link`);
      await runtime.exec(["mkfifo", `${path}/fifo`]);
      const file = await runtime.fs.stat(`${path}/file`);
      assert.deepEqual([file.type, file.size, file.mode], ["file", 5, 0o640]);
      assert.equal(file.mtimeMs, Date.UTC(2001, 1, 3, 4, 5, 6));
      assert.equal(file.links, 1);
      assert.equal(String(file.uid), (await runtime.exec(["id", "-u"])).stdout.trim());
      const folder = await runtime.fs.stat(`${path}/directory`);
      assert.deepEqual([folder.type, folder.mode], ["directory", 0o750]);
      const followed = await runtime.fs.stat(`${path}/link`);
      assert.deepEqual([followed.type, followed.inode], ["file", file.inode]);
      const link = await runtime.fs.lstat(`${path}/link`);
      assert.deepEqual([link.type, link.symlinkTarget], ["symlink", "file"]);
      assert.equal((await runtime.fs.lstat(`${path}/fifo`)).type, "fifo");
      assert.equal((await runtime.fs.stat("/dev/null")).type, "character");
    },
  },
  {
    id: "files.3.special-modes",
    title: "set-uid, set-gid and sticky bits are in the mode, and chmod sets them",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      await runtime.fs.writeFile(path, "");
      for (const mode of [0o4755, 0o2750, 0o1777, 0o000, 0o644]) {
        await runtime.fs.chmod(path, mode);
        assert.equal((await runtime.fs.stat(path)).mode, mode);
      }
    },
  },
  {
    id: "files.3.many",
    title: "many paths are looked at in one call, null where there is nothing",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.exec("i=0; while [ $i -lt 300 ]; do : > $i; i=$((i+2)); done", { cwd: path });
      const stats = await runtime.fs.statMany(Array.from({ length: 300 }, (_, index) => `${path}/${index}`));
      stats.forEach((stat, index) => {
        assert.equal(stat === null, index % 2 === 1, `path ${index}`);
      });
      assert.deepEqual(await runtime.fs.statMany([]), []);
    },
  },
  {
    id: "files.3.list",
    title: "a listing has every name once, with its type",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.exec("mkdir d .hidden; : > f; ln -s nowhere l; mkfifo p", { cwd: path });
      const entries = await runtime.fs.readdir(path);
      const types = Object.fromEntries(entries.map(({ name, type }) => [name, type]));
      assert.deepEqual(types, { d: "directory", ".hidden": "directory", f: "file", l: "symlink", p: "fifo" });
      await runtime.fs.mkdir(`${path}/d/many`);
      await runtime.exec("i=0; while [ $i -lt 3000 ]; do : > file-with-a-longer-name-$i; i=$((i+1)); done", {
        cwd: `${path}/d/many`,
      });
      const many = new Set((await runtime.fs.readdir(`${path}/d/many`)).map(({ name }) => name));
      assert.equal(many.size, 3_000);
    },
  },
  {
    id: "files.3.tree",
    title: "mkdir, rename, rm, exists, realpath and symlink mean what node:fs means",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const { fs } = runtime;
      await fs.mkdir(`${path}/a/b`, { recursive: true });
      await fs.mkdir(`${path}/a/b`, { recursive: true });
      await refused(fs.mkdir(`${path}/a/b`), "EEXIST");
      await refused(fs.mkdir(`${path}/x/y`), "ENOENT");
      await fs.writeFile(`${path}/a/b/file`, "1");
      await fs.writeFile(`${path}/other`, "2");
      await fs.rename(`${path}/a/b/file`, `${path}/other`);
      assert.equal(await fs.readFile(`${path}/other`, "utf8"), "1");
      await fs.symlink("../other", `${path}/a/link`);
      assert.equal(await fs.realpath(`${path}/a/link`), `${await fs.realpath(path)}/other`);
      await refused(fs.symlink("x", `${path}/a/link`), "EEXIST");
      await fs.symlink("nowhere", `${path}/dangling`);
      assert.deepEqual(
        [
          await fs.exists(`${path}/a/link`),
          await fs.exists(`${path}/dangling`),
          await fs.exists(`${path}/b`),
        ],
        [true, false, false],
      );
      await fs.rm(`${path}/a/link`);
      assert.equal(await fs.exists(`${path}/other`), true, "the link went, not its target");
      await fs.writeFile(`${path}/a/b/file`, "");
      await refused(fs.rm(`${path}/nothing`), "ENOENT");
      await fs.rm(`${path}/nothing`, { force: true });
      await fs.rm(`${path}/a`, { recursive: true });
      assert.deepEqual((await fs.readdir(path)).map(({ name }) => name).sort(), ["dangling", "other"]);
    },
  },
  {
    id: "files.3.rm-does-not-follow",
    title: "removing a tree follows no link in it",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.writeFile(`${path}/kept/file`, "kept");
      await runtime.fs.mkdir(`${path}/tree`);
      await runtime.fs.symlink("../kept", `${path}/tree/link`);
      await runtime.fs.rm(`${path}/tree`, { recursive: true });
      assert.equal(await runtime.fs.readFile(`${path}/kept/file`, "utf8"), "kept");
    },
  },
  {
    id: "files.3.enoent",
    title: "what is not there is ENOENT with the path, for every operation",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/nothing`;
      const { fs } = runtime;
      const reading = async () => {
        for await (const _ of fs.createReadStream(path)) assert.fail("bytes of nothing");
      };
      for (const operation of [
        () => fs.readFile(path),
        () => fs.stat(path),
        () => fs.lstat(path),
        () => fs.readdir(path),
        () => fs.realpath(path),
        () => fs.rename(path, `${path}2`),
        () => fs.chmod(path, 0o644),
        reading,
      ]) {
        const error = await refused(operation(), "ENOENT");
        assert.equal(error.path, path);
        assert.equal(error.runtime, runtime.description);
        assert.equal(error.retryable, false);
      }
    },
  },
  {
    id: "files.3.eisdir",
    title: "a directory where a file is meant is EISDIR, a file where a directory is meant ENOTDIR",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.writeFile(`${path}/file`, "");
      await refused(runtime.fs.readFile(path), "EISDIR");
      await refused(runtime.fs.writeFile(path, ""), "EISDIR");
      for (const operation of [
        () => runtime.fs.readFile(`${path}/file/below`),
        () => runtime.fs.writeFile(`${path}/file/below`, ""),
        () => runtime.fs.stat(`${path}/file/below`),
        () => runtime.fs.readdir(`${path}/file`),
        () => runtime.fs.mkdir(`${path}/file/below`),
      ]) {
        await refused(operation(), "ENOTDIR");
      }
    },
  },
  {
    id: "files.3.loop",
    title: "links that point at each other are ELOOP",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.symlink("b", `${path}/a`);
      await runtime.fs.symlink("a", `${path}/b`);
      await refused(runtime.fs.readFile(`${path}/a`), "ELOOP");
      await refused(runtime.fs.stat(`${path}/a`), "ELOOP");
    },
  },
  {
    id: "files.3.not-empty",
    title: "a directory that is not empty is not removed unless recursively, and not replaced",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.writeFile(`${path}/full/file`, "");
      await runtime.fs.mkdir(`${path}/empty`);
      await assert.rejects(runtime.fs.rm(`${path}/full`));
      await refused(runtime.fs.rename(`${path}/empty`, `${path}/full`), "ENOTEMPTY");
      assert.equal(await runtime.fs.exists(`${path}/full/file`), true);
    },
  },
  {
    id: "files.3.eacces",
    title: "no permission is EACCES",
    // Root has every permission.
    only: ["ordinary"],
    run: async ({ runtime }) => {
      await refused(runtime.fs.readFile("/etc/shadow"), "EACCES");
      await refused(runtime.fs.writeFile("/etc/made-by-berth", ""), "EACCES");
      await refused(runtime.fs.readdir("/root"), "EACCES");
      await refused(runtime.fs.mkdir("/usr/made-by-berth"), "EACCES");
    },
  },
  {
    id: "files.3.erofs",
    title: "a read-only file system is EROFS",
    only: ["readOnlyRoot"],
    run: async ({ runtime }) => {
      await refused(runtime.fs.writeFile("/etc/made-by-berth", ""), "EROFS");
      await refused(runtime.fs.mkdir("/made-by-berth"), "EROFS");
      await refused(runtime.fs.rm("/etc/passwd"), "EROFS");
    },
  },
  {
    id: "files.3.encoding",
    title: "text that is no UTF-8 is refused instead of changed",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      await runtime.fs.writeFile(path, Buffer.from([0x61, 0xff, 0x62]));
      await refused(runtime.fs.readFile(path, "utf8"), "fs.encoding_invalid");
    },
  },
];
