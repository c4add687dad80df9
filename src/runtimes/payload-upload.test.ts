import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Writable } from "node:stream";
import { test } from "node:test";
import { isBerthError } from "../contract/errors.ts";
import { createLocalTransport } from "../transports/local.ts";
import type { Transport } from "../transports/transport.ts";
import { scratchDirectory, smallPayload } from "./payload.testing.ts";
import type { Payload } from "./payload.ts";
import { archivePart } from "./payload-archive.ts";
import { SUMS_FILE } from "./payload-manifest.ts";
import { type UploadOptions, uploadPart } from "./payload-upload.ts";

/** Content that does not shrink: the compressed archive is at least as long. */
const incompressible = () => randomBytes(120_000).toString("base64");

async function setUp(path: string): Promise<{ payload: Payload; options: UploadOptions }> {
  const payload = await smallPayload(join(path, "built"), incompressible());
  return {
    payload,
    options: { base: join(path, "it's a state", "payload"), archives: join(path, "archives") },
  };
}

/** This machine, whose commands get no more than so many bytes before the way to them is cut. */
function cutAfter(bytes: number): Transport {
  const transport = createLocalTransport();
  return {
    ...transport,
    async run(argv, runOptions) {
      const process = await transport.run(argv, runOptions);
      let left = bytes;
      const stdin = new Writable({
        write(chunk: Buffer, _encoding, done) {
          const passed = chunk.subarray(0, left);
          left -= passed.length;
          process.stdin.write(passed, () => {
            if (left > 0) return done();
            process.stdin.end();
            done(new Error("cut"));
          });
        },
      });
      return { ...process, stdin };
    },
  };
}

async function assertInstalled(options: UploadOptions, payload: Payload): Promise<void> {
  const directory = join(options.base, payload.directoryName("bundle"));
  assert.equal(await readFile(join(directory, SUMS_FILE), "utf8"), payload.sums("bundle"));
  assert.equal((await stat(join(directory, "berth-helper"))).mode & 0o777, 0o755);
  assert.deepEqual(await readdir(options.base), [payload.directoryName("bundle")]);
}

test("one channel, checked, and nothing the second time; progress counts what goes over the network", async () => {
  await using scratch = await scratchDirectory();
  const { payload, options } = await setUp(scratch.path);
  const { size } = await archivePart(payload, "bundle", options.archives);
  let runs = 0;
  const local = createLocalTransport();
  const transport: Transport = {
    ...local,
    run: (argv, runOptions) => {
      runs++;
      return local.run(argv, runOptions);
    },
  };
  const progress: [number, number][] = [];
  const first = await uploadPart(payload, "bundle", transport, {
    ...options,
    onProgress: (done, total) => progress.push([done, total]),
  });
  assert.deepEqual([first?.outcome, first?.verified], ["installed", "sha256"]);
  assert.deepEqual(progress.at(-1), [size, size]);
  await assertInstalled(options, payload);
  progress.length = 0;
  const second = await uploadPart(payload, "bundle", transport, {
    ...options,
    onProgress: (done, total) => progress.push([done, total]),
  });
  assert.equal(second?.outcome, "present");
  assert.deepEqual(progress, []);
  assert.equal(runs, 2);
});

test("cut in the middle, the next attempt goes on where it was", async () => {
  await using scratch = await scratchDirectory();
  const { payload, options } = await setUp(scratch.path);
  const { size } = await archivePart(payload, "bundle", options.archives);
  const begun: [number, number][] = [];
  const watched = { ...options, onBegin: (have: number, total: number) => begun.push([have, total]) };
  for (const bytes of [40_000, 30_000]) {
    await assert.rejects(uploadPart(payload, "bundle", cutAfter(bytes), watched), (error) =>
      isBerthError(error, "transport.disconnected"),
    );
  }
  const done = await uploadPart(payload, "bundle", createLocalTransport(), watched);
  assert.equal(done?.outcome, "installed");
  assert.deepEqual(begun, [
    [0, size],
    [40_000, size],
    [70_000, size],
  ]);
  await assertInstalled(options, payload);
});

test("what has come and is damaged is sent again; an archive here that is damaged is made again", async (t) => {
  await t.test("there", async () => {
    await using scratch = await scratchDirectory();
    const { payload, options } = await setUp(scratch.path);
    await assert.rejects(uploadPart(payload, "bundle", cutAfter(40_000), options));
    const [partial = ""] = (await readdir(options.base)).filter((name) => name.startsWith(".partial-"));
    await writeFile(join(options.base, partial), Buffer.alloc(40_000, 1));
    assert.equal(
      (await uploadPart(payload, "bundle", createLocalTransport(), options))?.outcome,
      "installed",
    );
    await assertInstalled(options, payload);
  });
  await t.test("here", async () => {
    await using scratch = await scratchDirectory();
    const { payload, options } = await setUp(scratch.path);
    const archive = await archivePart(payload, "bundle", options.archives);
    await truncate(archive.path, 1000);
    assert.equal(
      (await uploadPart(payload, "bundle", createLocalTransport(), options))?.outcome,
      "installed",
    );
    await assertInstalled(options, payload);
  });
});

test("an upload of other content is not gone on with, and goes", async () => {
  await using scratch = await scratchDirectory();
  const { payload, options } = await setUp(scratch.path);
  const other = await smallPayload(join(scratch.path, "other"), incompressible());
  await assert.rejects(uploadPart(other, "bundle", cutAfter(40_000), options));
  let had: number | undefined;
  await uploadPart(payload, "bundle", createLocalTransport(), {
    ...options,
    onBegin: (have) => {
      had = have;
    },
  });
  assert.equal(had, 0);
  await assertInstalled(options, payload);
});

test("the lock of one that shows no progress is taken, and its upload gone on with", async () => {
  await using scratch = await scratchDirectory();
  const { payload, options } = await setUp(scratch.path);
  const stuck = new AbortController();
  const holding = Promise.withResolvers<void>();
  const transport = createLocalTransport();
  // It begins, sends a piece, and then nothing: a laptop that was closed.
  const first = uploadPart(
    payload,
    "bundle",
    {
      ...transport,
      async run(argv, runOptions) {
        const process = await transport.run(argv, runOptions);
        const stdin = new Writable({
          write: (chunk: Buffer) =>
            void process.stdin.write(chunk.subarray(0, 50_000), () => holding.resolve()),
        });
        return { ...process, stdin };
      },
    },
    { ...options, signal: stuck.signal },
  ).catch((error: unknown) => error);
  await holding.promise;
  let had: number | undefined;
  const done = await uploadPart(payload, "bundle", createLocalTransport(), {
    ...options,
    staleLockMs: 400,
    onBegin: (have) => {
      had = have;
    },
  });
  assert.equal(done?.outcome, "installed");
  assert.equal(had, 50_000);
  stuck.abort();
  assert.ok(isBerthError(await first, "operation.aborted"));
  await assertInstalled(options, payload);
});

test("a place without the tools is left to the plain way", async () => {
  await using scratch = await scratchDirectory();
  const { payload, options } = await setUp(scratch.path);
  const tools = join(scratch.path, "tools");
  await mkdir(tools);
  for (const name of ["mkdir", "mv", "rm", "cat", "wc", "tar"])
    await symlink(`/bin/${name}`, join(tools, name));
  const local = createLocalTransport();
  const transport: Transport = {
    ...local,
    run: (argv) => local.run(argv, { env: { PATH: tools }, cleanEnvironment: true }),
  };
  assert.equal(await uploadPart(payload, "bundle", transport, options), undefined);
});

test("old payloads are swept when no daemon uses them; the newest two stay", async () => {
  await using scratch = await scratchDirectory();
  const { payload, options } = await setUp(scratch.path);
  const old = ["bundle-a", "bundle-b", "bundle-c", "bundle-d", "node-a"];
  for (const [index, name] of old.entries()) {
    await mkdir(join(options.base, name), { recursive: true });
    await writeFile(join(options.base, name, SUMS_FILE), "");
    await utimes(join(options.base, name), 1_000_000 + index, 1_000_000 + index);
  }
  const run = join(options.base, "..", "run", "box-12345678", "p1");
  await mkdir(run, { recursive: true });
  await writeFile(join(run, "payload"), `${join(options.base, "bundle-b")}\n`);
  const server = createServer();
  // Its path may be long: bound from inside.
  const socket = join(run, "sock");
  await symlink(run, join(scratch.path, "r"));
  await new Promise<void>((resolve) => server.listen(join(scratch.path, "r", "sock"), resolve));
  assert.ok((await stat(socket)).isSocket());
  await uploadPart(payload, "bundle", createLocalTransport(), options);
  assert.deepEqual(
    (await readdir(options.base)).sort(),
    [payload.directoryName("bundle"), "bundle-b", "bundle-d", "node-a"].sort(),
  );
  await new Promise((resolve) => server.close(resolve));
});
