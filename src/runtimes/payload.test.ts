import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFile, chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { isBerthError } from "../contract/errors.ts";
import { scratchDirectory, smallPayload } from "./payload.testing.ts";
import { findPayload } from "./payload.ts";
import { describeParts, type PayloadFile, SUMS_FILE } from "./payload-manifest.ts";

test("an archive is the same bytes every time, has the announced size, and reports its progress", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(scratch.path);
  for (const part of ["bundle", "node"] as const) {
    const progress: [number, number][] = [];
    const first = await buffer(payload.tar(part, { onProgress: (...at) => progress.push(at) }));
    const second = await buffer(payload.tar(part));
    assert.ok(first.equals(second));
    assert.equal(first.length, payload.tarSize(part));
    assert.deepEqual(progress.at(-1), [first.length, first.length]);
    assert.ok(gunzipSync(await buffer(payload.tar(part, { compress: "gzip" }))).equals(first));
  }
});

test("the system's tar unpacks an archive with modes and directories, SHA256SUMS last", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(join(scratch.path, "built"));
  const target = join(scratch.path, "unpacked");
  await mkdir(target);
  const archive = await buffer(
    payload.tar("node", { prefix: "opt/berth/node-1", owner: { uid: 12, gid: 34 } }),
  );
  assert.equal(archive.length, payload.tarSize("node", { prefix: "opt/berth/node-1" }));
  execFileSync("tar", ["-x", "-C", target], { input: archive });
  const root = join(target, "opt/berth/node-1");
  assert.equal((await stat(join(root, "node"))).mode & 0o777, 0o755);
  assert.equal((await stat(join(root, "lib/libc.so.6"))).mode & 0o777, 0o644);
  assert.equal((await stat(join(root, "node"))).size, 300_001);
  execFileSync("sha256sum", ["-c", "--quiet", SUMS_FILE], { cwd: root });
  const names = execFileSync("tar", ["-t"], { input: archive }).toString().trim().split("\n");
  assert.equal(names.at(-1), `opt/berth/node-1/${SUMS_FILE}`);
  const verbose = execFileSync("tar", ["-tv", "--numeric-owner"], { input: archive }).toString();
  assert.ok(
    verbose
      .split("\n")
      .filter(Boolean)
      .every((line) => line.includes(" 12/34 ")),
    verbose,
  );
});

test("an archive that nobody reads to its end is let go", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(scratch.path);
  const archive = payload.tar("node");
  for await (const _chunk of archive) break;
  assert.ok(archive.destroyed);
});

test("a file that is not as long as the manifest says fails the archive", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(scratch.path);
  await writeFile(join(payload.partDirectory("node"), "node"), "short");
  await assert.rejects(buffer(payload.tar("node")));
  await assert.rejects(buffer(payload.tar("node", { compress: "gzip" })));
});

test("a part's id follows path, mode and content, and not the other part", () => {
  const file = (change: Partial<PayloadFile>): PayloadFile => ({
    part: "bundle",
    path: "berthd.mjs",
    mode: 0o644,
    size: 1,
    sha256: "0".repeat(64),
    ...change,
  });
  const node = file({ part: "node", path: "node", mode: 0o755 });
  const first = describeParts([file({}), node]);
  for (const change of [{ path: "other.mjs" }, { mode: 0o755 as const }, { sha256: "1".repeat(64) }]) {
    const second = describeParts([node, file(change)]);
    assert.notEqual(second.parts.bundle.id, first.parts.bundle.id);
    assert.notEqual(second.id, first.id);
    assert.equal(second.parts.node.id, first.parts.node.id);
  }
  assert.deepEqual(describeParts([node, file({})]), first);
});

test("payload.not_built: nothing there, and a manifest of another version", async () => {
  await using scratch = await scratchDirectory();
  const find = () => findPayload("linux-arm64", { directory: scratch.path });
  await assert.rejects(
    find,
    (error) => isBerthError(error, "payload.not_built") && error.hint.includes("npm run"),
  );
  await mkdir(join(scratch.path, "linux-arm64"));
  await writeFile(join(scratch.path, "linux-arm64", "manifest.json"), '{"schema":0}');
  await assert.rejects(find, (error) => isBerthError(error, "payload.not_built"));
});

test("BERTH_PAYLOAD_DIR names the directory of the payloads", async (t) => {
  await using scratch = await scratchDirectory();
  await smallPayload(scratch.path);
  const before = process.env.BERTH_PAYLOAD_DIR;
  t.after(() => {
    if (before === undefined) delete process.env.BERTH_PAYLOAD_DIR;
    else process.env.BERTH_PAYLOAD_DIR = before;
  });
  process.env.BERTH_PAYLOAD_DIR = scratch.path;
  assert.equal((await findPayload("linux-x64")).directory, join(scratch.path, "linux-x64"));
});

test("shared parts are made once by many at a time, and stay when the payload is built anew", async () => {
  await using scratch = await scratchDirectory();
  const base = join(scratch.path, "shared");
  const payload = await smallPayload(join(scratch.path, "built"));
  const all = await Promise.all(Array.from({ length: 6 }, () => payload.share(base)));
  const [first] = all;
  assert.ok(first !== undefined);
  for (const other of all) assert.deepEqual(other, first);
  assert.deepEqual((await readdir(base)).sort(), [
    payload.directoryName("bundle"),
    payload.directoryName("node"),
  ]);
  execFileSync("sha256sum", ["-c", "--quiet", SUMS_FILE], { cwd: first.node });
  assert.equal((await stat(join(first.node, "lib"))).mode & 0o777, 0o755);

  const next = await smallPayload(join(scratch.path, "built-2"), "// changed\n");
  const second = await next.share(base);
  assert.notEqual(second.bundle, first.bundle);
  assert.equal(second.node, first.node);
  assert.equal(await readFile(join(first.bundle, "berthd.mjs"), "utf8"), "console.log('daemon');\n");
});

test("a damaged payload is not shared", async () => {
  await using scratch = await scratchDirectory();
  const base = join(scratch.path, "shared");
  const payload = await smallPayload(join(scratch.path, "built"));
  await chmod(join(payload.partDirectory("bundle"), "berthd.mjs"), 0o644);
  await appendFile(join(payload.partDirectory("bundle"), "berthd.mjs"), "!");
  await assert.rejects(payload.share(base), (error) => isBerthError(error, "provision.checksum_mismatch"));
  assert.deepEqual(await readdir(base), []);
});

test("an archive for a path has no entry above that path: it would change the mode of the place's own directories", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(join(scratch.path, "built"));
  const archive = await buffer(payload.tar("node", { prefix: "tmp/berth-0/node-1" }));
  const names = execFileSync("tar", ["-t"], { input: archive, encoding: "utf8" }).trim().split("\n");
  assert.ok(names.length > 2);
  assert.deepEqual(
    names.filter((name) => !name.startsWith("tmp/berth-0/node-1")),
    [],
  );
  const place = join(scratch.path, "place");
  await mkdir(join(place, "tmp"), { recursive: true });
  await chmod(join(place, "tmp"), 0o1777);
  execFileSync("tar", ["-x", "-C", place], { input: archive });
  assert.equal((await stat(join(place, "tmp"))).mode & 0o7777, 0o1777);
});
