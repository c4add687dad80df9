import assert from "node:assert/strict";
import { test } from "node:test";
import { waitFor } from "../../../test/fixtures/process.ts";
import { hostPlace, startRequest } from "./testing.ts";

const SLEEP = ["sleep", "60"];
const unknown = { code: "process.unknown" };

test("a name is one live process of each workspace, and another one outside of all", async () => {
  await using at = await hostPlace();
  const host = at.open();
  const start = (workspace?: string) => host.start(startRequest(SLEEP, { name: "dev", workspace }), "me");
  const [a, b, none] = await Promise.all([start("a"), start("b"), start()]);
  assert.equal(new Set([a, b, none]).size, 3);
  assert.equal(await start("a"), a);
  await assert.rejects(host.start(startRequest(["sleep", "61"], { name: "dev", workspace: "a" }), "me"), {
    code: "process.name_conflict",
  });
  assert.deepEqual(
    [await host.find("dev", "a"), await host.find("dev", "b"), await host.find("dev")],
    [a, b, none],
  );
});

test("an id of another workspace is unknown in one, and known outside of all", async () => {
  await using at = await hostPlace();
  const host = at.open();
  const { process } = await host.start(startRequest(SLEEP, { workspace: "a" }), "me");
  assert.equal(process.info().workspace, "a");
  await assert.rejects(host.find(process.id, "b"), unknown);
  assert.ok(await host.find(process.id, "a"));
  assert.ok(await host.find(process.id));
  await process.end({ signal: "SIGKILL" });
  await host.remove(process.id);
  await assert.rejects(host.find(process.id, "b"), unknown);
  await assert.rejects(host.find(process.id, "a"), { code: "process.reaped" });
  await assert.rejects(host.find(process.id), { code: "process.reaped" });
});

test("a list is of one workspace, or of all", async () => {
  await using at = await hostPlace();
  const host = at.open();
  for (const workspace of ["a", "b", undefined]) await host.start(startRequest(SLEEP, { workspace }), "me");
  const workspaces = async (asked?: string) => (await host.list(asked)).map(({ workspace }) => workspace);
  assert.deepEqual(await workspaces("a"), ["a"]);
  assert.deepEqual(await workspaces("c"), []);
  assert.deepEqual(await workspaces(), ["a", "b", undefined]);
});

test("the next daemon finds the name of a workspace in it only, and a reused name is the new process", async () => {
  await using at = await hostPlace();
  const first = at.open();
  const named = startRequest(["sh", "-c", "echo old; sleep 0.2; exit 5"], { name: "dev", workspace: "a" });
  const { process } = await first.start(named, "me");
  await waitFor("its end", () => process.finished);
  await first.close();
  const second = at.open();
  const found = await second.find("dev", "a");
  assert.ok("record" in found);
  assert.equal(found.record.exit?.exitCode, 5);
  await assert.rejects(second.find("dev"), unknown);
  await assert.rejects(second.find("dev", "b"), unknown);
  const again = await second.start({ ...named, requestId: "another" }, "me");
  assert.notEqual(again.process.id, process.id);
  assert.equal(await second.find("dev", "a"), again);
});

test("a shell is compared as the one that it stands for: the second start of a name finds the first", async () => {
  await using at = await hostPlace();
  const host = at.open();
  const shell = () =>
    host.start(
      startRequest(["$SHELL", "-l"], { name: "shell", shellLookup: true, tty: { columns: 80, rows: 24 } }),
      "me",
    );
  const [first, second] = await Promise.all([shell(), shell()]);
  assert.equal(first, second);
});

test("the sizes of a terminal are told with the cursors that they began at", async () => {
  await using at = await hostPlace();
  const host = at.open();
  const { process } = await host.start(
    startRequest(["sh", "-c", "echo one; read x; echo two"], {
      tty: { columns: 80, rows: 24 },
      stdin: "pipe",
    }),
    "me",
  );
  await waitFor("its output", () => process.log.end === 5);
  process.resize({ columns: 90, rows: 30 });
  process.resize({ columns: 100, rows: 40 });
  process.resize({ columns: 100, rows: 40 });
  assert.deepEqual(process.describe().ttySizes, [
    { cursor: 0, columns: 80, rows: 24 },
    { cursor: 5, columns: 100, rows: 40 },
  ]);
  assert.equal(process.info().ttySizes, undefined);
});
