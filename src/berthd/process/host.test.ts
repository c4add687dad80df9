import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isAlive, waitFor } from "../../../test/fixtures/process.ts";
import { HelperSpawner } from "./helper-spawner.ts";
import type { ProcessHostOptions } from "./host.ts";
import { HELPER_PATH, hostPlace, startRequest } from "./testing.ts";

test("a process whose owner stays away past its lease is being ended, and says so to others", async () => {
  await using at = await hostPlace();
  const host = at.open();
  host.clientConnected("me");
  const { process } = await host.start(
    startRequest(["sh", "-c", "trap '' HUP; sleep 60"], { leaseMs: 20 }),
    "me",
  );
  await host.findLive(process.id);
  host.clientGone("me");
  await waitFor("the first signal", async () => {
    const refused = await host.findLive(process.id).then(
      () => undefined,
      (error) => error.code,
    );
    return refused === "process.reaping";
  });
  host.clientConnected("me");
  await host.findLive(process.id);
});

test("a process that readers keep is being ended while its owner is connected, and a reader stops that", async () => {
  await using at = await hostPlace();
  const host = at.open();
  host.clientConnected("me");
  const hosted = await host.start(
    startRequest(["sh", "-c", "trap '' HUP; sleep 60"], { leaseMs: 20, keptBy: "readers" }),
    "me",
  );
  const code = (): Promise<string | undefined> =>
    host.findLive(hosted.process.id).then(
      () => undefined,
      (error) => error.code,
    );
  await waitFor("the first signal", async () => (await code()) === "process.reaping");
  host.clientConnected("me");
  assert.equal(await code(), "process.reaping");
  host.readerOpened(hosted);
  assert.equal(await code(), undefined);
  host.clientGone("me");
  host.readerClosed(hosted);
  await waitFor("the signals begin anew", async () => (await code()) === "process.reaping");
});

test("a detached process has no lease", async () => {
  await using at = await hostPlace();
  const host = at.open();
  const { process } = await host.start(
    startRequest(["sleep", "60"], { leaseMs: 1, detached: true }),
    "nobody",
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  await host.findLive(process.id);
});

test("finished ones make room, running ones do not", async () => {
  await using at = await hostPlace();
  const host = at.open({ maxProcesses: 3 });
  const first = await host.start(startRequest(["true"]), "me");
  await waitFor("its end", () => first.process.finished);
  await host.start(startRequest(["sleep", "60"]), "me");
  await host.start(startRequest(["sleep", "60"]), "me");
  await host.start(startRequest(["sleep", "60"]), "me");
  await assert.rejects(host.find(first.process.id), { code: "process.reaped" });
  await assert.rejects(host.start(startRequest(["true"]), "me"), { code: "process.limit" });
});

test("a daemon that is not root starts nothing as another user", async () => {
  await using at = await hostPlace();
  const host = at.open({
    daemonUser: { name: "me", uid: 1234, gid: 1234, groups: [1234], home: "/", shell: "/bin/sh" },
  });
  await assert.rejects(host.start(startRequest(["true"], { user: "root" }), "me"), {
    code: "process.user_not_permitted",
  });
  await assert.rejects(host.start(startRequest(["true"], { user: "no-such-user" }), "me"), {
    code: "process.user_not_found",
  });
});

test("finished processes are removed after their time", async () => {
  await using at = await hostPlace();
  const host = at.open({ retentionMs: 50 });
  const { process } = await host.start(startRequest(["sh", "-c", "echo output; sleep 0.3"]), "me");
  await waitFor("its removal", () =>
    host.find(process.id).then(
      () => false,
      (error) => error.code === "process.reaped",
    ),
  );
  await waitFor("its files' removal", async () => (await readdir(at.directory)).length === 0);
});

test("the next daemon tells of what the last one ran: finished with its exit, lost with its log", async () => {
  await using at = await hostPlace();
  const spawner = new HelperSpawner({ helperPath: HELPER_PATH, softFileLimit: 0 });
  const first = at.open({ spawner });
  const done = await first.start(
    startRequest(["sh", "-c", "echo done; sleep 0.3; exit 4"], { name: "done" }),
    "me",
  );
  const live = await first.start(
    startRequest(["sh", "-c", "echo here; exec sleep 60"], { name: "live" }),
    "me",
  );
  await waitFor(
    "the records",
    async () => done.process.finished && (await readdir(at.directory)).length === 2,
  );
  await done.recording;
  await live.process.log.flushed();
  await waitFor("the record of the live one", async () => {
    return (await readdir(join(at.directory, live.process.id))).includes("process.json");
  });
  const pid = live.process.pid ?? 0;
  // As when the daemon is killed: nobody writes an end.
  const second = at.open();
  const listed = await second.list();
  assert.deepEqual(listed.map((info) => [info.name, info.state, info.exit?.exitCode]).sort(), [
    ["done", "exited", 4],
    ["live", "lost", undefined],
  ]);
  await waitFor("the end of what still ran", () => !isAlive(pid) || live.process.finished);
  assert.deepEqual(
    [0, 1].map((number) => [second.events.at(number)?.type, second.events.at(number)?.processId]),
    [
      ["process.lost", live.process.id],
      [undefined, undefined],
    ],
  );
  await assert.rejects(second.findLive("live"), { code: "process.lost" });
  await assert.rejects(second.findLive("done"), { code: "process.finished" });
  const recovered = await second.find("live");
  assert.ok("record" in recovered);
  assert.equal(recovered.log.end, 5);
  await second.remove("live");
  await assert.rejects(second.find("live"), { code: "process.unknown" });
});

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "none",
    (error) => error.code,
  );

test("a start that is repeated after its process was removed does not run it again", async () => {
  await using at = await hostPlace();
  const host = at.open();
  const params = startRequest(["true"]);
  const { process } = await host.start(params, "me");
  await waitFor("its end", () => process.finished);
  await host.remove(process.id);
  await assert.rejects(host.start(params, "me"), { code: "process.reaped" });
});

test("each request that found a process by its name stays its request, also behind its removal", async () => {
  await using at = await hostPlace();
  const host = at.open();
  const first = await host.start(startRequest(["sleep", "60"], { name: "dev" }), "me");
  const again = startRequest(["sleep", "60"], { name: "dev" });
  assert.equal(await host.start(again, "me"), first);
  await first.process.end({ signal: "SIGKILL" });
  await waitFor("its end", () => first.process.finished);
  assert.equal(await host.start(again, "me"), first);
  await host.remove(first.process.id);
  await assert.rejects(host.start(again, "me"), { code: "process.reaped" });
});

test("a uid that no kernel knows is no user, and leaves nothing behind", async () => {
  await using at = await hostPlace();
  const host = at.open();
  const codes = await Promise.all(
    ["99999999999", "0:99999999999"].map((user) => code(host.start(startRequest(["true"], { user }), "me"))),
  );
  assert.deepEqual(codes, ["process.user_not_found", "process.user_not_found"]);
});

test("a spawner that fails at once is a failed start, also of those that wait for their turn", async () => {
  await using at = await hostPlace();
  const spawner: ProcessHostOptions["spawner"] = {
    processTree: "exact",
    tty: true,
    spawn() {
      throw new Error("no descriptors");
    },
    close: async () => {},
  };
  const host = at.open({ spawner });
  const starts = [1, 2, 3].map(() => code(host.start(startRequest(["true"], {}), "me")));
  assert.deepEqual(await Promise.all(starts), Array(3).fill("process.spawn_failed"));
  assert.deepEqual([host.running, host.size], [0, 0]);
});

test("a command ends although its child never stops writing", async () => {
  await using at = await hostPlace();
  const host = at.open();
  const { process } = await host.start(
    startRequest(["sh", "-c", "yes & yes >&2 & sleep 0.3; echo hi"]),
    "me",
  );
  await waitFor("its end", () => process.finished);
  assert.equal(process.exit?.exitCode, 0);
  await host.remove(process.id);
});

test("children of a process that is forgotten go on writing, and keep the daemon", async () => {
  await using at = await hostPlace();
  const work = await mkdtemp(join(tmpdir(), "berth-orphan-"));
  const host = at.open({ retentionMs: 1 });
  const script =
    "(until [ -e go ]; do sleep 0.05; done; head -c 20000000 /dev/zero; touch done; until [ -e end ]; do sleep 0.05; done) & exit 0";
  const { process } = await host.start(startRequest(["sh", "-c", script], { cwd: work }), "me");
  await waitFor("its removal", async () => (await code(host.find(process.id))) === "process.reaped");
  assert.equal(host.busy, true);
  await writeFile(join(work, "go"), "");
  await waitFor("20 MB of its child", async () => (await readdir(work)).includes("done"));
  assert.equal(process.log.residentBytes, 0);
  await writeFile(join(work, "end"), "");
  await waitFor("the end of the tree", () => !host.busy);
  await rm(work, { recursive: true });
});

test("times longer than a timer of Node are not over at once", async () => {
  await using at = await hostPlace();
  const host = at.open();
  const long = 40 * 24 * 3_600_000;
  const { process } = await host.start(
    startRequest(["sh", "-c", "sleep 0.3; exit 7"], { timeoutMs: long, leaseMs: long, killGraceMs: long }),
    "nobody",
  );
  await waitFor("its end", () => process.finished);
  assert.deepEqual([process.exit?.exitCode, process.exit?.timedOut], [7, false]);
});

test("a lost process keeps its log although its record can't be written, and goes when room is needed", async () => {
  await using at = await hostPlace();
  const first = at.open();
  const { process } = await first.start(startRequest(["sh", "-c", "echo here; exec sleep 60"]), "me");
  const directory = join(at.directory, process.id);
  await waitFor("its record", async () =>
    (await readdir(directory).catch(() => [] as string[])).includes("process.json"),
  );
  await waitFor("its output", () => process.log.end === 5);
  await process.log.flushed();
  // As good as a full disk: the new record has nowhere to go.
  await mkdir(join(directory, "process.json.new"));
  const second = at.open();
  assert.deepEqual(
    (await second.list()).map(({ state, outputEnd }) => [state, outputEnd]),
    [["lost", 5]],
  );
  assert.equal(second.storage.evictFinished(await second.storage.disks.of(at.directory)), 5);
  await assert.rejects(second.find(process.id), { code: "process.reaped" });
});
