import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { daemonMemory } from "./known-daemon.ts";

const DAEMON = {
  bootId: "b1",
  socketPath: "/home/dev/.local/state/berth/run/x/sock",
  token: "secret",
  bridge: ["/bin/sh", "-c", 'exec helper dial "$0"'],
  namespaces: ["mnt mnt:[1]"],
};

test("what one process remembers of a place the next one knows, and no other user", async (t) => {
  const state = await mkdtemp(join(tmpdir(), "berth-memory-"));
  t.after(() => rm(state, { recursive: true, force: true }));
  assert.equal(await daemonMemory(state, ["ssh", "k", ""]).recall(), undefined);
  await daemonMemory(state, ["ssh", "k", ""]).remember(DAEMON);
  assert.deepEqual(await daemonMemory(state, ["ssh", "k", ""]).recall(), DAEMON);
  assert.equal(await daemonMemory(state, ["ssh", "k", "/srv/state"]).recall(), undefined);
  const [name = "", ...others] = await readdir(join(state, "daemons"));
  assert.deepEqual(others, []);
  assert.equal((await stat(join(state, "daemons"))).mode & 0o777, 0o700);
  assert.equal((await stat(join(state, "daemons", name))).mode & 0o777, 0o600);
  const text = await readFile(join(state, "daemons", name), "utf8");
  for (const broken of [text.slice(0, 20), "", text.replace("bootId", "start")]) {
    await writeFile(join(state, "daemons", name), broken);
    assert.equal(await daemonMemory(state, ["ssh", "k", ""]).recall(), undefined);
  }
});

test("a state directory that cannot be written is no reason to fail", async () => {
  const memory = daemonMemory("/proc/nowhere", ["ssh", "k", ""]);
  await memory.remember(DAEMON);
  assert.equal(await memory.recall(), undefined);
});
