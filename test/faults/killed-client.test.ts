import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openRuntime } from "../../src/runtimes/open.ts";
import type { Place } from "../conformance/case.ts";
import { killedClient } from "../conformance/killed-client.ts";
import { numbered, printNumbered, readAll, sha256 } from "../conformance/kit.ts";
import { container } from "../fixtures/container.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { image } from "../fixtures/images.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { run } from "../fixtures/process.ts";
import { localBench } from "./bench.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** 100 MB. */
const COUNT = 6_250_000;

test("kill -9 of the client in the middle of 100 MB, then berth logs --from: the same bytes", async () => {
  await using bench = await localBench();
  const place = {
    config: { type: "local", workdir: bench.workdir },
    stateDirectory: bench.stateDirectory,
  } as Pick<Place, "config" | "stateDirectory">;
  const { id, cursor } = await killedClient(place as Place, {
    command: ["sh", "-c", printNumbered(COUNT)],
    detached: true,
  });
  const expected = numbered(COUNT);
  assert.ok(cursor > 0 && cursor < expected.length, `the client was at ${cursor}`);
  const runtime = await bench.open();
  const process_ = await runtime.process(id);
  const rest = await readAll(process_.output({ from: cursor }), cursor);
  assert.equal(sha256(rest.all), sha256(expected.subarray(cursor)));
  assert.equal(rest.exit?.exit.exitCode, 0);
  const logs = await run(
    [process.execPath, join(ROOT, "bin", "berth.js"), "logs", id, "--from", String(cursor)],
    { cwd: bench.workdir, env: { ...process.env, BERTH_HOME: bench.stateDirectory } },
  );
  assert.equal(logs.stderr.toString(), "");
  assert.equal(sha256(logs.stdout), sha256(expected.subarray(cursor)));
});

test("the same in a container", async (t) => {
  const reference = await requireOrSkip(t, () => image("debian"));
  if (reference === undefined) return;
  await using state = await scratchDirectory();
  await using place = await container({ image: reference, init: true });
  const config = { type: "docker", containerId: place.id, workdir: "/tmp" } as const;
  const { id, cursor } = await killedClient({ config, stateDirectory: state.path } as unknown as Place, {
    command: ["sh", "-c", printNumbered(COUNT)],
    detached: true,
  });
  await using runtime = await openRuntime(config, { stateDirectory: state.path });
  const rest = await readAll((await runtime.process(id)).output({ from: cursor }), cursor);
  assert.equal(sha256(rest.all), sha256(numbered(COUNT).subarray(cursor)));
});
