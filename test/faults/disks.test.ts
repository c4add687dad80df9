import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openRuntime } from "../../src/runtimes/open.ts";
import { numbered, printNumbered, readAll, refused, sha256 } from "../conformance/kit.ts";
import { container } from "../fixtures/container.ts";
import { scratchDirectory, smallDisk } from "../fixtures/disk.ts";
import { image } from "../fixtures/images.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { localBench } from "./bench.ts";

test("a full disk under the logs: processes go on, output is read from memory, what is gone is a gap", async (t) => {
  const disk = await requireOrSkip(t, () => smallDisk({ size: 2 * 1024 * 1024, mode: 0o700 }));
  if (disk === undefined) return;
  await using _disk = disk;
  await using bench = await localBench(join(disk.path, "state"));
  const runtime = await bench.open();
  await runtime.exec(["true"]);
  const filled = join(disk.path, "fill");
  await refused(runtime.fs.writeFile(filled, Buffer.alloc(4 * 1024 * 1024)), "ENOSPC");
  await runtime.exec(["dd", "if=/dev/zero", `of=${filled}`, "bs=4096"]);
  const count = 800_000;
  const expected = numbered(count);
  const seen = await readAll(runtime.exec(printNumbered(count)));
  assert.equal(sha256(seen.all), sha256(expected), "a reader that keeps up misses nothing");
  const started = await runtime.spawn(printNumbered(count));
  assert.equal((await started.exit).exitCode, 0, "a full disk stops no process");
  const late = await readAll(started.output());
  assert.equal(late.order[0], "gap");
  assert.equal(sha256(late.all), sha256(expected.subarray(expected.length - late.all.length)));
  assert.ok(late.all.length > 0);
  // Files and commands work as before.
  assert.equal((await runtime.exec(["echo", "on"])).stdout, "on\n");
});

test("a state directory whose name has blanks, quotes and newlines", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, 'it\'s a "state"\n$HOME');
  await mkdir(path);
  await using bench = await localBench(path);
  const runtime = await bench.open();
  assert.equal((await runtime.exec(["echo", "works"])).stdout, "works\n");
});

test("a state directory that can't be had is a typed error", async () => {
  await using scratch = await scratchDirectory();
  const file = join(scratch.path, "file");
  await writeFile(file, "");
  for (const daemon of ["auto", "never"] as const) {
    const error = await refused(
      openRuntime({ type: "local", daemon }, { stateDirectory: join(file, "state") }),
      "provision.no_directory",
    );
    assert.equal(error.context.path, join(file, "state"));
  }
});

test("a state directory that everybody may enter is closed", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "state");
  await mkdir(path);
  await chmod(path, 0o777);
  await using bench = await localBench(path);
  const runtime = await bench.open();
  assert.equal((await runtime.fs.stat(path)).mode, 0o700);
});

test("a container without room for the daemon, or where nothing may be executed, has a runtime without it", async (t) => {
  const reference = await requireOrSkip(t, () => image("busybox"));
  if (reference === undefined) return;
  await using state = await scratchDirectory();
  const places: readonly Readonly<Record<string, string>>[] = [
    { "/tmp": "size=1m,exec" },
    { "/tmp": "size=300m,noexec", "/var": "size=300m,noexec" },
  ];
  for (const tmpfs of places) {
    await using place = await container({ image: reference, readOnly: true, tmpfs });
    const events: string[] = [];
    await using runtime = await openRuntime(
      { type: "docker", containerId: place.id, workdir: "/tmp" },
      { stateDirectory: state.path, onEvent: ({ type }) => events.push(type) },
    );
    assert.ok(events.includes("provision.fallback"));
    assert.equal(runtime.capabilities.daemon, false);
    assert.ok((runtime.capabilities.reasons.daemon ?? "").length > 10);
    assert.equal((await runtime.exec(["echo", "works"])).stdout, "works\n");
    await runtime.fs.writeFile("/tmp/new\nline", "content");
    assert.equal(await runtime.fs.readFile("/tmp/new\nline", "utf8"), "content");
    await refused(runtime.spawn(["true"]), "runtime.capability_unsupported");
  }
});
