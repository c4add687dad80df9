import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { berthError } from "../../contract/errors.ts";
import { fileBench, until } from "./testing.ts";

test("a tree goes down and up again", async () => {
  await using bench = await fileBench();
  await mkdir(bench.path("from/sub/empty"), { recursive: true });
  await writeFile(bench.path("from/sub/file"), "content");
  await symlink("sub/file", bench.path("from/link"));
  execFileSync("mkfifo", [bench.path("from/fifo")]);
  await symlink("from", bench.path("alias"));
  const down = await bench.client.call("fs.download", { path: bench.path("alias") });
  assert.deepEqual(down.result, { type: "directory" });
  assert.deepEqual(down.events, [{ skipped: [{ path: "fifo", reason: "fifo" }] }]);
  const up = await bench.client.call("fs.upload", { path: bench.path("new/parents/to") }, [down.data]);
  assert.deepEqual(up.result, { files: 2, bytes: 7, skipped: [] });
  assert.equal(await readFile(bench.path("new/parents/to/sub/file"), "utf8"), "content");
  assert.equal(await readlink(bench.path("new/parents/to/link")), "sub/file");
  assert.deepEqual(await readdir(bench.path("new/parents/to/sub/empty")), []);
});

test("a file replaces the target of a link, and refuses to become a directory", async () => {
  await using bench = await fileBench();
  await writeFile(bench.path("a"), "new");
  await writeFile(bench.path("target"), "old");
  await symlink("target", bench.path("link"));
  await mkdir(bench.path("directory"));
  const down = await bench.client.call("fs.download", { path: bench.path("a") });
  assert.deepEqual(down.result, { type: "file", totalBytes: 3 });
  await bench.client.call("fs.upload", { path: bench.path("link") }, [down.data]);
  assert.equal(await readFile(bench.path("target"), "utf8"), "new");
  assert.equal(await readlink(bench.path("link")), "target");
  await assert.rejects(bench.client.call("fs.upload", { path: bench.path("directory") }, [down.data]), {
    code: "EISDIR",
  });
  await assert.rejects(bench.client.call("fs.download", { path: bench.path("missing") }), { code: "ENOENT" });
});

test("an upload that is cut, reset or damaged leaves no half file", async () => {
  await using bench = await fileBench();
  await mkdir(bench.path("from"));
  await writeFile(bench.path("from/big"), Buffer.alloc(3_000_000, 1));
  const { data } = await bench.client.call("fs.download", { path: bench.path("from") });
  await assert.rejects(
    bench.client.call("fs.upload", { path: bench.path("cut") }, [data.subarray(0, 2_000_000)]),
    {
      code: "fs.archive_invalid",
    },
  );
  assert.deepEqual(await readdir(bench.path("cut")), []);
  const stream = bench.client.request("fs.upload", { path: bench.path("reset") }, {});
  stream.data(data.subarray(0, 200_000));
  await until(
    async () => (await readdir(bench.path("reset")).catch(() => [])).length === 1,
    "it is under way",
  );
  stream.reset(berthError("operation.aborted"));
  await until(() => !bench.service.busy(), "the upload has ended");
  assert.deepEqual(await readdir(bench.path("reset")), []);
  await assert.rejects(bench.client.call("fs.upload", { path: bench.path("no") }, [Buffer.alloc(2000, 65)]), {
    code: "fs.archive_invalid",
  });
});

test("a download that nobody reads any more ends", async () => {
  await using bench = await fileBench();
  await writeFile(bench.path("big"), Buffer.alloc(5_000_000));
  const stream = bench.client.request("fs.download", { path: bench.path("big") }, {});
  await until(() => bench.service.busy(), "it is under way");
  stream.reset(berthError("operation.aborted"));
  await until(() => !bench.service.busy(), "it has ended");
});
