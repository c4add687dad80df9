import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { BerthError } from "../../contract/errors.ts";
import { until } from "../../runtimes/daemon/testing.ts";
import { PLACE_DOWN, TestGateway, WORKSPACE_ID } from "./testing.ts";

/** Lines of a counting loop; the byte offsets of a lost or repeated line would not fit. */
const COUNT =
  'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); [ $((i % 100)) = 0 ] && sleep 0.01; done';
const COUNTED = Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join("");

test("commands, files and processes of a workspace, as in the place itself; what changes is on record, its content is not", async () => {
  await using gateway = await TestGateway.open({ env: { FROM_WORKSPACE: "yes" } });
  await using remote = await gateway.remote();
  assert.equal(remote.kind, "remote");
  assert.equal(remote.workdir, gateway.runtime.workdir);
  assert.deepEqual(remote.isolation, gateway.runtime.isolation);
  const { stdout } = await remote.exec('echo "$FROM_WORKSPACE $OWN"', { env: { OWN: "1" } });
  assert.equal(stdout, "yes 1\n");
  assert.equal((await remote.exec("echo $FROM_WORKSPACE", { env: { FROM_WORKSPACE: "no" } })).stdout, "no\n");
  await remote.fs.writeFile("secret.txt", "do-not-tell");
  assert.equal(await remote.fs.readFile("secret.txt", "utf8"), "do-not-tell");
  await assert.rejects(remote.fs.readFile("missing"), { code: "ENOENT" });
  await remote.fs.rename("secret.txt", "moved.txt");
  const process = await remote.spawn("cat", { stdin: "pipe", name: "cat" });
  await process.stdin.write("through\n");
  await process.stdin.end();
  assert.equal((await process.exit).exitCode, 0);
  assert.equal((await gateway.runtime.process(process.id)).id, process.id);
  assert.equal((await remote.processes()).find(({ id }) => id === process.id)?.workspace, WORKSPACE_ID);
  const types = gateway.events.map(({ type }) => type);
  for (const type of ["process.requested", "file.written", "file.renamed"])
    assert.ok(types.includes(type), type);
  const requested = gateway.events.filter(({ type }) => type === "process.requested");
  assert.ok(requested.some(({ processId }) => processId === process.id));
  assert.ok(gateway.events.every(({ workspace }) => workspace === WORKSPACE_ID));
  assert.ok(!JSON.stringify(gateway.events).includes("do-not-tell"));
  assert.ok((gateway.counts.get("berth_bytes_total wire out") ?? 0) > 0);
});

test("a lost connection and a runner that is away for a while: output, input and files go on, byte for byte", async () => {
  await using gateway = await TestGateway.open();
  await using remote = await gateway.remote();
  const counting = remote.exec(COUNT);
  const echo = await remote.spawn("cat", { stdin: "pipe" });
  let got = 0;
  for (let round = 0; round < 3; round++) {
    await echo.stdin.write(`round ${round}\n`);
    await delay(30);
    if (round === 1) {
      await gateway.down();
      await delay(100);
      await gateway.up();
    } else gateway.cut();
    got++;
  }
  await echo.stdin.end();
  let text = "";
  for await (const chunk of echo.output())
    if (chunk.type === "data") text += Buffer.from(chunk.data).toString();
  assert.equal(text, "round 0\nround 1\nround 2\n");
  assert.equal((await counting).stdout, COUNTED);
  assert.equal(got, 3);
  await until(() => gateway.clients === gateway.leases);
});

test("the lease of a client's processes is the client's own, also through the gateway", async () => {
  await using gateway = await TestGateway.open();
  const remote = await gateway.remote();
  const process = await remote.spawn("sleep 60");
  await remote.close();
  await until(() => gateway.leases === 0 && gateway.clients === 0);
  const after = await gateway.runtime.process(process.id).catch((error: BerthError) => error.code);
  assert.ok(
    typeof after === "string" || (await after.info()).state !== "running",
    "close() ends what it started",
  );
});

test("a token that may look looks at the workspace alone, and changes nothing", async () => {
  await using gateway = await TestGateway.open();
  const { runtime } = gateway;
  await runtime.fs.writeFile("seen.txt", "look");
  await runtime.fs.symlink("/etc/hostname", "link");
  const running = await runtime.spawn("echo output; sleep 60");
  gateway.caller = { scope: "read" };
  await using remote = await gateway.remote();
  assert.equal(remote.capabilities.spawn, false);
  assert.match(remote.capabilities.reasons.spawn ?? "", /only look/);
  assert.equal(await remote.fs.readFile("seen.txt", "utf8"), "look");
  assert.deepEqual((await remote.fs.readdir(".")).map(({ name }) => name).includes("seen.txt"), true);
  const found = await remote.process(running.id);
  for await (const chunk of found.output()) {
    if (chunk.type === "data") assert.equal(Buffer.from(chunk.data).toString(), "output\n");
    break;
  }
  const forbidden = { code: "auth.forbidden" };
  await assert.rejects(async () => await remote.exec("true"), forbidden);
  await assert.rejects(remote.fs.writeFile("x", "y"), forbidden);
  await assert.rejects(remote.fs.rm("seen.txt"), forbidden);
  await assert.rejects(found.kill(), forbidden);
  await assert.rejects(found.signal("TERM"), forbidden);
  // Outside of the workspace, by whatever way.
  for (const path of ["/etc/hostname", "link", "../../etc/hostname", "~/.profile"]) {
    await assert.rejects(remote.fs.readFile(path), { code: "fs.outside_workspace" }, path);
  }
  await assert.rejects(remote.fs.readFile("/etc/hostname", { contained: { root: "/etc" } }), forbidden);
  await assert.rejects(remote.fs.readFile("seen.txt", { user: "root" }), (error: BerthError) =>
    ["auth.forbidden", "runtime.capability_unsupported"].includes(error.code),
  );
  assert.equal((await (await runtime.process(running.id)).info()).state, "running");
  const refused = gateway.events.filter(({ type }) => type === "access.refused");
  assert.ok(refused.some(({ data }) => data?.method === "fs.write"));
  assert.ok(
    !gateway.events.some(({ type }) => type.startsWith("file.")),
    "refused calls leave no other trace",
  );
  await running.kill();
});

test("processes of other workspaces, and of none, do not exist", async () => {
  await using gateway = await TestGateway.open();
  await using other = await gateway.place.runtime({ workspace: "w9999999999" });
  await using none = await gateway.place.runtime();
  await using remote = await gateway.remote();
  for (const [owner, name] of [
    [other, "theirs"],
    [none, "nobodys"],
  ] as const) {
    const process = await owner.spawn("cat", { stdin: "pipe", name });
    await assert.rejects(remote.process(process.id), { code: "process.unknown" });
    await assert.rejects(remote.process(name), { code: "process.unknown" });
    assert.ok(!(await remote.processes()).some(({ id }) => id === process.id));
    await process.kill();
  }
});

test("a client that reads nothing holds back its own process output in the place, and fills no memory here", async () => {
  await using gateway = await TestGateway.open();
  await using remote = await gateway.remote();
  const flood = await remote.spawn("head -c 60000000 /dev/zero", { overflow: "pause" });
  const reader = flood.output()[Symbol.asyncIterator]();
  await reader.next();
  await delay(300);
  const out = gateway.counts.get("berth_bytes_total wire out") ?? 0;
  assert.ok(out < 12_000_000, `${out} bytes went out to a reader that reads nothing`);
  let bytes = 0;
  for (;;) {
    const { value, done } = await reader.next();
    if (done || value.type === "exit") break;
    if (value.type === "data") bytes = value.cursor;
  }
  assert.equal(bytes, 60_000_000);
});

test("why the place can't be had is the remote's error, with its hint; without a daemon it has no such clients", async () => {
  await using gateway = await TestGateway.open();
  gateway.refusal = PLACE_DOWN;
  await assert.rejects(gateway.remote(), (error: BerthError) => {
    assert.equal(error.code, "transport.unavailable");
    assert.equal(error.hint, "Start the host.");
    assert.equal(error.hop, "runner");
    return true;
  });
  assert.equal(gateway.leases, 0);
});

test("a daemon that was restarted is told as such: its processes are lost, new ones start", async () => {
  await using gateway = await TestGateway.open();
  const events: string[] = [];
  await using remote = await gateway.remote({ onEvent: ({ type }) => events.push(type) });
  const process = await remote.spawn("sleep 60");
  await gateway.place.restart();
  await assert.rejects(process.exit, { code: "process.lost" });
  assert.equal((await remote.exec("echo again")).stdout, "again\n");
  assert.ok(events.includes("connection.restarted"), events.join(" "));
});

test("many clients at once, each with its own", async () => {
  await using gateway = await TestGateway.open();
  const remotes = await Promise.all(Array.from({ length: 20 }, () => gateway.remote()));
  const texts = await Promise.all(remotes.map((remote, i) => remote.exec(`echo client ${i}`)));
  assert.deepEqual(
    texts.map(({ stdout }) => stdout),
    remotes.map((_, i) => `client ${i}\n`),
  );
  await Promise.all(remotes.map((remote) => remote.close()));
  await until(() => gateway.clients === 0 && gateway.leases === 0 && gateway.sockets === 0);
});
