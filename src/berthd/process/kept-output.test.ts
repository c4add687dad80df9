import assert from "node:assert/strict";
import { promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { until } from "../../runtimes/daemon/testing.ts";
import type { ProcessHost } from "./host.ts";
import { hostPlace, startRequest } from "./testing.ts";

const DAY_MS = 24 * 3_600_000;
const LONG = ["sh", "-c", "seq 20000"];
const KEPT = { keepOutput: { aboveBytes: 1000 } };

/** Runs a command to its end; the file that was kept of it. */
async function kept(host: ProcessHost, extra = {}): Promise<string> {
  const { process } = await host.start(startRequest(LONG, { ...KEPT, ...extra }), "client");
  await until(() => process.finished);
  return process.outputFile?.outputFile ?? assert.fail("no file was kept");
}

const exists = (path: string): Promise<boolean> =>
  fs.access(path).then(
    () => true,
    () => false,
  );

test("a file outlives its daemon and is counted by the next one; a day after its last use it goes", async () => {
  await using place = await hostPlace();
  const keptDirectory = join(place.directory, "../", `kept-${process.pid}-${Date.now()}`);
  try {
    const first = place.open({ keptDirectory });
    const [used, old] = [await kept(first), await kept(first)];
    const elsewhere = await kept(first, { logDirectory: join(keptDirectory, "../", `logs-${process.pid}`) });
    const bytes = (await fs.stat(used)).size;
    await first.close();
    assert.deepEqual(await Promise.all([used, old, elsewhere].map(exists)), [true, true, true]);
    const past = new Date(Date.now() - DAY_MS - 60_000);
    await fs.utimes(old, past, past);
    await fs.utimes(elsewhere, past, past);
    // Read lately, written long ago.
    await fs.utimes(used, new Date(), past);
    const second = place.open({ keptDirectory });
    await until(async () => !(await exists(old)) && !(await exists(elsewhere)));
    assert.equal(await exists(used), true);
    assert.deepEqual(await fs.readdir(keptDirectory), [dirname(used).split("/").at(-1)]);
    await until(() => second.storage.diskBytes >= bytes);
  } finally {
    await fs.rm(keptDirectory, { recursive: true, force: true });
    await fs.rm(join(keptDirectory, "../", `logs-${process.pid}`), { recursive: true, force: true });
  }
});

test("the record tells the next daemon of the file", async () => {
  await using place = await hostPlace();
  const keptDirectory = `${place.directory}-kept`;
  try {
    const first = place.open({ keptDirectory });
    const { process } = await first.start(startRequest(LONG, { ...KEPT, detached: true }), "client");
    await until(() => process.finished);
    await first.close();
    const found = await place.open({ keptDirectory }).list();
    assert.equal(found[0]?.outputFile, process.outputFile?.outputFile);
  } finally {
    await fs.rm(keptDirectory, { recursive: true, force: true });
  }
});

test("logs that need the disk take it from the oldest file whose process has ended", async () => {
  await using place = await hostPlace();
  const keptDirectory = `${place.directory}-kept`;
  try {
    const host = place.open({ keptDirectory });
    const [older, newer] = [await kept(host), await kept(host)];
    const disk = await host.storage.disks.of(keptDirectory);
    const before = disk.usedBytes;
    const freed = host.storage.evictKept(disk);
    assert.equal(freed, (await fs.stat(newer)).size);
    assert.equal(disk.usedBytes, before - freed);
    await until(async () => !(await exists(older)));
    assert.equal(await exists(newer), true);
  } finally {
    await fs.rm(keptDirectory, { recursive: true, force: true });
  }
});

test("a file that is taken away ends, and the process goes on", async () => {
  await using place = await hostPlace();
  const keptDirectory = `${place.directory}-kept`;
  try {
    const host = place.open({ keptDirectory });
    const command = [
      "sh",
      "-c",
      `seq 1000; until [ -e ${place.directory}/go ]; do sleep 0.02; done; seq 1000`,
    ];
    const { process } = await host.start(startRequest(command, KEPT), "client");
    await until(() => process.outputFile !== undefined && process.log.end > 3000);
    await until(async () => (await fs.stat(process.outputFile?.outputFile ?? "")).size === process.log.end);
    const at = process.log.end;
    await fs.rm(process.outputFile?.outputFile ?? "");
    await fs.writeFile(join(place.directory, "go"), "");
    await until(() => process.finished);
    assert.equal(process.exit?.exitCode, 0);
    assert.deepEqual(process.outputFile?.outputFileCut, { at, reason: "disk" });
  } finally {
    await fs.rm(keptDirectory, { recursive: true, force: true });
  }
});
