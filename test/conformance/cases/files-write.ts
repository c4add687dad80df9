import assert from "node:assert/strict";
import type { Runtime } from "../../../src/contract/runtime.ts";
import type { Case } from "../case.ts";
import { noise, refused, sha256, waitFor } from "../kit.ts";

const names = async (runtime: Runtime, path: string) =>
  (await runtime.fs.readdir(path)).map(({ name }) => name).sort();

/** SEMANTICS, Files 1: writing. */
export const FILES_WRITE: readonly Case[] = [
  {
    id: "files.1.content",
    title: "what is written is what is read: bytes, text, pieces, nothing",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      const bytes = noise(300_001);
      assert.deepEqual(await runtime.fs.writeFile(path, bytes), { atomic: true, bytes: bytes.length });
      assert.equal(sha256(await runtime.fs.readFile(path)), sha256(bytes));
      await runtime.fs.writeFile(path, "grüße\n");
      assert.equal(await runtime.fs.readFile(path, "utf8"), "grüße\n");
      const pieces = async function* () {
        for (let start = 0; start < bytes.length; start += 70_000)
          yield bytes.subarray(start, start + 70_000);
      };
      await runtime.fs.writeFile(path, pieces());
      assert.equal(sha256(await runtime.fs.readFile(path)), sha256(bytes));
      await runtime.fs.writeFile(path, "");
      assert.equal((await runtime.fs.readFile(path)).length, 0);
    },
  },
  {
    id: "files.1.parents",
    title: "parents are created",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/a/b/c/file`;
      await runtime.fs.writeFile(path, "deep");
      assert.equal(await runtime.fs.readFile(path, "utf8"), "deep");
    },
  },
  {
    id: "files.1.new-mode",
    title: "a new file has 0666 less the umask, or the mode that was asked for",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const umask = Number.parseInt((await runtime.exec("umask")).stdout, 8);
      await runtime.fs.writeFile(`${path}/plain`, "");
      assert.equal((await runtime.fs.stat(`${path}/plain`)).mode, 0o666 & ~umask);
      for (const mode of [0o600, 0o755, 0o666, 0o4711]) {
        await runtime.fs.writeFile(`${path}/mode-${mode}`, "", { mode });
        assert.equal((await runtime.fs.stat(`${path}/mode-${mode}`)).mode, mode);
      }
    },
  },
  {
    id: "files.1.keeps-mode",
    title: "an existing file keeps its mode and its owner",
    run: async ({ runtime, directory, place }) => {
      const path = `${await directory()}/file`;
      await runtime.fs.writeFile(path, "old", { mode: 0o640 });
      if (place.facts.root) await runtime.exec(["chown", "5432:6543", path]);
      await runtime.fs.chmod(path, 0o751);
      const before = await runtime.fs.stat(path);
      const result = await runtime.fs.writeFile(path, "new", { mode: 0o600 });
      const after = await runtime.fs.stat(path);
      assert.deepEqual([after.mode, after.uid, after.gid], [0o751, before.uid, before.gid]);
      assert.equal(result.atomic, true);
      assert.notEqual(after.inode, before.inode, "it was replaced, not overwritten");
    },
  },
  {
    id: "files.1.atomic",
    title: "readers see the old content or the new one, never a part",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      const content = (letter: string) => letter.repeat(400_000);
      await runtime.fs.writeFile(path, content("a"));
      let writing = true;
      const writer = (async () => {
        for (const letter of "bcdefg") await runtime.fs.writeFile(path, content(letter));
        writing = false;
      })();
      while (writing) {
        const text = Buffer.from(await runtime.fs.readFile(path)).toString();
        assert.equal(text.length, 400_000);
        assert.equal(text, content(text[0]!));
      }
      await writer;
      assert.equal(await runtime.fs.readFile(path, "utf8"), content("g"));
    },
  },
  {
    id: "files.1.stream",
    title: "a stream shows nothing before close(), and leaves the old content without it",
    run: async ({ runtime, directory }) => {
      const parent = await directory();
      const path = `${parent}/file`;
      await runtime.fs.writeFile(path, "old");
      const half = noise(200_000);
      {
        await using writer = runtime.fs.createWriteStream(path);
        await writer.write(half);
        assert.equal(await runtime.fs.readFile(path, "utf8"), "old");
      }
      await waitFor("the temporary is gone", async () => (await names(runtime, parent)).join() === "file");
      assert.equal(await runtime.fs.readFile(path, "utf8"), "old");
      const writer = runtime.fs.createWriteStream(path);
      await writer.write("new ");
      await writer.write(Buffer.from("content"));
      assert.deepEqual(await writer.close(), { atomic: true, bytes: 11 });
      assert.equal(await runtime.fs.readFile(path, "utf8"), "new content");
    },
  },
  {
    id: "files.1.abort",
    title: "an abort leaves the old content whole and no temporary behind",
    run: async ({ runtime, directory }) => {
      const parent = await directory();
      const path = `${parent}/file`;
      await runtime.fs.writeFile(path, "old");
      const abort = new AbortController();
      const endless = async function* () {
        for (let index = 0; ; index++) {
          if (index === 3) abort.abort();
          yield noise(100_000);
        }
      };
      await refused(runtime.fs.writeFile(path, endless(), { signal: abort.signal }), "operation.aborted");
      assert.equal(await runtime.fs.readFile(path, "utf8"), "old");
      await waitFor("the temporary is gone", async () => (await names(runtime, parent)).join() === "file");
    },
  },
  {
    id: "files.1.failing-source",
    title: "a source that fails leaves the old content whole",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      await runtime.fs.writeFile(path, "old");
      const failure = new Error("the source failed");
      const failing = async function* () {
        yield noise(100_000);
        throw failure;
      };
      await assert.rejects(
        runtime.fs.writeFile(path, failing()),
        (error: Error) => error === failure || error.cause === failure,
      );
      assert.equal(await runtime.fs.readFile(path, "utf8"), "old");
    },
  },
  {
    id: "files.1.full-disk",
    only: ["smallDisk"],
    title: "a full disk is ENOSPC, leaves the old content whole and no temporary behind",
    run: async ({ runtime, place }) => {
      const parent = `${place.smallDisk}/files`;
      await runtime.fs.mkdir(parent);
      const path = `${parent}/file`;
      await runtime.fs.writeFile(path, "old");
      const error = await refused(runtime.fs.writeFile(path, noise(2 * 1024 * 1024)), "ENOSPC");
      assert.equal(error.path, path);
      assert.equal(await runtime.fs.readFile(path, "utf8"), "old");
      await waitFor("the temporary is gone", async () => (await names(runtime, parent)).join() === "file");
    },
    alone: true,
  },
  {
    id: "files.1.symlink",
    title: "through a symlink the target is replaced and the link kept",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.mkdir(`${path}/there`);
      await runtime.fs.writeFile(`${path}/there/target`, "old");
      await runtime.fs.symlink("there/target", `${path}/link`);
      assert.equal((await runtime.fs.writeFile(`${path}/link`, "new")).atomic, true);
      assert.equal((await runtime.fs.lstat(`${path}/link`)).symlinkTarget, "there/target");
      assert.equal(await runtime.fs.readFile(`${path}/there/target`, "utf8"), "new");
      await runtime.fs.symlink("there/not-yet", `${path}/dangling`);
      await runtime.fs.writeFile(`${path}/dangling`, "made");
      assert.equal(await runtime.fs.readFile(`${path}/there/not-yet`, "utf8"), "made");
      assert.equal((await runtime.fs.lstat(`${path}/dangling`)).type, "symlink");
    },
  },
  {
    id: "files.1.links",
    title: "a file of several names is written in place, and the result says so",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.writeFile(`${path}/one`, "a longer old content");
      await runtime.exec(["ln", `${path}/one`, `${path}/two`]);
      assert.deepEqual(await runtime.fs.writeFile(`${path}/two`, "new"), { atomic: false, bytes: 3 });
      assert.equal(await runtime.fs.readFile(`${path}/one`, "utf8"), "new");
      assert.equal((await runtime.fs.stat(`${path}/one`)).links, 2);
    },
  },
  {
    id: "files.1.device",
    title: "a device is written in place",
    run: async ({ runtime }) => {
      assert.deepEqual(await runtime.fs.writeFile("/dev/null", "nothing"), { atomic: false, bytes: 7 });
      assert.equal((await runtime.fs.stat("/dev/null")).type, "character");
    },
  },
  {
    id: "files.1.mount",
    title: "a target that is itself a mount is written in place: /etc/hosts of a container",
    only: ["mountedHosts"],
    run: async ({ runtime }) => {
      const before = await runtime.fs.readFile("/etc/hosts", "utf8");
      const result = await runtime.fs.writeFile("/etc/hosts", `${before}# written\n`);
      assert.equal(result.atomic, false);
      assert.equal(await runtime.fs.readFile("/etc/hosts", "utf8"), `${before}# written\n`);
      await runtime.fs.writeFile("/etc/hosts", before);
    },
  },
  {
    id: "files.1.unwritable-directory",
    // Root may write everywhere.
    only: ["ordinary"],
    title: "where the directory is not writable, a writable file in it is written in place",
    run: async ({ runtime, directory, defer }) => {
      const path = `${await directory()}/closed`;
      await runtime.fs.writeFile(`${path}/file`, "the old content");
      await runtime.fs.chmod(path, 0o555);
      defer(() => runtime.fs.chmod(path, 0o755));
      assert.equal((await runtime.fs.writeFile(`${path}/file`, "new")).atomic, false);
      assert.equal(await runtime.fs.readFile(`${path}/file`, "utf8"), "new");
      await refused(runtime.fs.writeFile(`${path}/other`, ""), "EACCES");
    },
  },
  {
    id: "files.1.durable",
    title: "durable writes work, for new and existing files",
    needs: ["durableWrite"],
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/new/file`;
      await runtime.fs.writeFile(path, "one", { durable: true });
      assert.equal((await runtime.fs.writeFile(path, "two", { durable: true })).atomic, true);
      assert.equal(await runtime.fs.readFile(path, "utf8"), "two");
    },
  },
  {
    id: "files.1.same-time",
    title: "many writes of one file at once leave one of them whole",
    run: async ({ runtime, directory }) => {
      const parent = await directory();
      const path = `${parent}/file`;
      const contents = Array.from({ length: 8 }, (_, index) => String(index).repeat(50_000));
      await Promise.all(contents.map((content) => runtime.fs.writeFile(path, content)));
      assert.ok(contents.includes(await runtime.fs.readFile(path, "utf8")));
      assert.deepEqual(await names(runtime, parent), ["file"]);
    },
  },
];
