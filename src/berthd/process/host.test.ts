import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isAlive, waitFor } from "../../../test/fixtures/process.ts";
import type { Params } from "../../wire/messages.ts";
import { HelperSpawner } from "./helper-spawner.ts";
import { ProcessHost, type ProcessHostOptions } from "./host.ts";

const HELPER = new URL("../../../native/build/linux-x64/berth-helper", import.meta.url).pathname;

interface Place extends AsyncDisposable {
  readonly directory: string;
  open(options?: Partial<ProcessHostOptions>): ProcessHost;
}

async function place(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), "berth-host-"));
  const hosts: ProcessHost[] = [];
  return {
    directory,
    open(options = {}) {
      const host = new ProcessHost({
        directory,
        bootId: randomUUID(),
        spawner: new HelperSpawner({ helperPath: HELPER, softFileLimit: 0 }),
        baseEnvironment: Promise.resolve({ PATH: process.env.PATH ?? "", HOME: "/root" }),
        daemonUser: { name: "root", uid: 0, gid: 0, groups: [0], home: "/root", shell: "/bin/sh" },
        log: () => {},
        ...options,
      });
      hosts.push(host);
      return host;
    },
    async [Symbol.asyncDispose]() {
      for (const host of hosts) await host.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function request(command: string[], extra: Partial<Params<"process.start">> = {}): Params<"process.start"> {
  return {
    requestId: randomUUID(),
    command,
    cwd: "/",
    env: [],
    stdin: "ignore",
    stderr: "separate",
    shellLookup: false,
    killGraceMs: 2000,
    drainMs: 0,
    overflow: "drop",
    detached: false,
    kind: "spawn",
    ...extra,
  };
}

test("a process whose owner stays away past its lease is being ended, and says so to others", async () => {
  await using at = await place();
  const host = at.open();
  host.clientConnected("me");
  const { process } = await host.start(request(["sh", "-c", "trap '' HUP; sleep 60"], { leaseMs: 20 }), "me");
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

test("a detached process has no lease", async () => {
  await using at = await place();
  const host = at.open();
  const { process } = await host.start(request(["sleep", "60"], { leaseMs: 1, detached: true }), "nobody");
  await new Promise((resolve) => setTimeout(resolve, 100));
  await host.findLive(process.id);
});

test("finished ones make room, running ones do not", async () => {
  await using at = await place();
  const host = at.open({ maxProcesses: 3 });
  const first = await host.start(request(["true"]), "me");
  await waitFor("its end", () => first.process.finished);
  await host.start(request(["sleep", "60"]), "me");
  await host.start(request(["sleep", "60"]), "me");
  await host.start(request(["sleep", "60"]), "me");
  await assert.rejects(host.find(first.process.id), { code: "process.reaped" });
  await assert.rejects(host.start(request(["true"]), "me"), { code: "process.limit" });
});

test("a daemon that is not root starts nothing as another user", async () => {
  await using at = await place();
  const host = at.open({
    daemonUser: { name: "me", uid: 1234, gid: 1234, groups: [1234], home: "/", shell: "/bin/sh" },
  });
  await assert.rejects(host.start(request(["true"], { user: "root" }), "me"), {
    code: "process.user_not_permitted",
  });
  await assert.rejects(host.start(request(["true"], { user: "no-such-user" }), "me"), {
    code: "process.user_not_found",
  });
});

test("finished processes are removed after their time", async () => {
  await using at = await place();
  const host = at.open({ retentionMs: 50 });
  const { process } = await host.start(request(["sh", "-c", "echo output; sleep 0.3"]), "me");
  await waitFor("its removal", () =>
    host.find(process.id).then(
      () => false,
      (error) => error.code === "process.reaped",
    ),
  );
  await waitFor("its files' removal", async () => (await readdir(at.directory)).length === 0);
});

test("the next daemon tells of what the last one ran: finished with its exit, lost with its log", async () => {
  await using at = await place();
  const spawner = new HelperSpawner({ helperPath: HELPER, softFileLimit: 0 });
  const first = at.open({ spawner });
  const done = await first.start(
    request(["sh", "-c", "echo done; sleep 0.3; exit 4"], { name: "done" }),
    "me",
  );
  const live = await first.start(request(["sh", "-c", "echo here; exec sleep 60"], { name: "live" }), "me");
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
  await assert.rejects(second.findLive("live"), { code: "process.lost" });
  await assert.rejects(second.findLive("done"), { code: "process.finished" });
  const recovered = await second.find("live");
  assert.ok("record" in recovered);
  assert.equal(recovered.log.end, 5);
  await second.remove("live");
  await assert.rejects(second.find("live"), { code: "process.unknown" });
});
