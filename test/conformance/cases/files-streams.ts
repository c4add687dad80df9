import assert from "node:assert/strict";
import { heldBufferBytes } from "../../fixtures/memory.ts";
import type { Case } from "../case.ts";
import { bytesOf, noise, refused, sha256 } from "../kit.ts";

const LONG = process.env.BERTH_LONG === "1";
/** A third of the file, and more than all the windows between here and there have room for. */
const MAX_HELD_BYTES = 16 * 2 ** 20;

/** SEMANTICS, Files 4: streams, ranges, and files that are none. */
export const FILES_STREAMS: readonly Case[] = [
  {
    id: "files.4.ranges",
    title: "ranges are inclusive and end where the file ends",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      const bytes = noise(200_000);
      await runtime.fs.writeFile(path, bytes);
      const ranges: [number | undefined, number | undefined][] = [
        [0, 0],
        [1, 5],
        [65_530, 131_080],
        [199_999, undefined],
        [200_000, undefined],
        [undefined, 99],
        [199_000, 300_000],
      ];
      for (const [start, end] of ranges) {
        const expected = bytes.subarray(start ?? 0, end === undefined ? undefined : end + 1);
        const streamed = await bytesOf(runtime.fs.createReadStream(path, { start, end }));
        assert.equal(sha256(streamed), sha256(expected), `${start} to ${end}`);
        assert.equal(sha256(await runtime.fs.readFile(path, { start, end })), sha256(expected));
      }
    },
  },
  {
    id: "files.4.volume",
    title: "a large file goes through in both directions with flat memory",
    alone: true,
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      const piece = noise(1024 * 1024);
      const pieces = LONG ? 1024 : 48;
      const lookEvery = pieces / 6;
      const before = heldBufferBytes();
      const held: number[] = [];
      const source = async function* () {
        for (let index = 0; index < pieces; index++) {
          if (index % lookEvery === lookEvery - 1) held.push(heldBufferBytes() - before);
          yield Buffer.from(piece);
        }
      };
      const { bytes } = await runtime.fs.writeFile(path, source());
      assert.equal(bytes, pieces * piece.length);
      let seen = 0;
      let nextLook = piece.length * lookEvery;
      for await (const chunk of runtime.fs.createReadStream(path)) {
        const at = seen % piece.length;
        // Every chunk is where it belongs; most lie within one piece.
        if (at + chunk.length <= piece.length) assert.ok(piece.subarray(at, at + chunk.length).equals(chunk));
        seen += chunk.length;
        if (seen < nextLook) continue;
        held.push(heldBufferBytes() - before);
        nextLook += piece.length * lookEvery;
      }
      assert.equal(seen, bytes);
      assert.equal(held.length, 12);
      assert.ok(Math.max(...held) < MAX_HELD_BYTES, `${held.join(", ")} bytes were held`);
      await runtime.fs.rm(path);
    },
  },
  {
    id: "files.4.left-stream",
    title: "leaving a stream early ends it, and disturbs nothing",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      await runtime.fs.writeFile(path, noise(2 * 1024 * 1024));
      for (let turn = 0; turn < 5; turn++) {
        for await (const chunk of runtime.fs.createReadStream(path)) {
          assert.ok(chunk.length > 0);
          break;
        }
      }
      assert.equal((await runtime.fs.stat(path)).size, 2 * 1024 * 1024);
    },
  },
  {
    id: "files.4.special-files",
    title: "a FIFO or a device is not read unless asked for",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/fifo`;
      await runtime.exec(["mkfifo", path]);
      await refused(runtime.fs.readFile(path), "fs.not_a_regular_file");
      await refused(runtime.fs.readFile("/dev/zero"), "fs.not_a_regular_file");
      assert.equal(
        (await runtime.fs.readFile("/dev/zero", { special: true, start: 0, end: 99 })).length,
        100,
      );
    },
  },
  {
    id: "files.4.fifo",
    title: "a FIFO without a writer stops nobody; with one it is read to its end",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.exec("for i in 0 1 2 3 4 5 6 7 8 9; do mkfifo $i; done", { cwd: path });
      const abort = new AbortController();
      const waiting = Array.from({ length: 10 }, async (_, index) =>
        runtime.fs.readFile(`${path}/${index}`, { special: true, signal: abort.signal }),
      );
      const settled = Promise.allSettled(waiting);
      assert.equal((await runtime.fs.stat(path)).type, "directory");
      assert.equal((await runtime.exec(["echo", "beside"])).stdout, "beside\n");
      await runtime.exec("echo through the fifo > 3", { cwd: path, timeoutMs: 20_000 });
      assert.equal(Buffer.from(await waiting[3]!).toString(), "through the fifo\n");
      abort.abort();
      const others = (await settled).filter((_, index) => index !== 3);
      assert.ok(others.every(({ status }) => status === "rejected"));
    },
  },
  {
    id: "files.4.rename-across-devices",
    title: "rename across devices copies",
    run: async ({ runtime, directory, defer }) => {
      const path = await directory();
      const elsewhere = `/dev/shm/conformance-${process.pid}-${Date.now()}`;
      defer(() => runtime.fs.rm(elsewhere, { recursive: true, force: true }));
      await runtime.fs.writeFile(`${path}/tree/deep/file`, "content", { mode: 0o751 });
      await runtime.fs.symlink("deep/file", `${path}/tree/link`);
      await runtime.exec(["touch", "-d", "2001-02-03 04:05:06", `${path}/tree/deep/file`], {
        env: { TZ: "UTC" },
      });
      await runtime.fs.rename(`${path}/tree`, elsewhere);
      assert.equal(await runtime.fs.exists(`${path}/tree`), false);
      const { mode, mtimeMs } = await runtime.fs.stat(`${elsewhere}/deep/file`);
      assert.deepEqual([mode, mtimeMs], [0o751, Date.UTC(2001, 1, 3, 4, 5, 6)]);
      assert.equal((await runtime.fs.lstat(`${elsewhere}/link`)).symlinkTarget, "deep/file");
      await runtime.fs.rename(`${elsewhere}/deep/file`, `${path}/file`);
      assert.equal(await runtime.fs.readFile(`${path}/file`, "utf8"), "content");
    },
  },
  {
    id: "files.4.aborted",
    title: "every operation takes a signal",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const signal = AbortSignal.abort();
      const { fs } = runtime;
      for (const operation of [
        () => fs.readFile(`${path}/file`, { signal }),
        () => fs.writeFile(`${path}/file`, "", { signal }),
        () => fs.stat(path, { signal }),
        () => fs.readdir(path, { signal }),
        () => fs.mkdir(`${path}/made`, { signal }),
        () => fs.rename(path, `${path}2`, { signal }),
        () => fs.rm(path, { recursive: true, signal }),
        () => fs.exists(path, { signal }),
        () => fs.realpath(path, { signal }),
        () => fs.symlink("a", `${path}/link`, { signal }),
        () => fs.chmod(path, 0o777, { signal }),
        () => bytesOf(fs.createReadStream(path, { signal })),
      ]) {
        await refused(operation(), "operation.aborted");
      }
      assert.deepEqual(await fs.readdir(path), []);
    },
  },
];
