import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { releaseMemory } from "../../src/berthd/release-memory.ts";
import { attach } from "../../src/client/attach.ts";
import { connectionOf } from "../../src/client/connection.ts";
import { createRunnerClient, isBerthError, type RunnerClient } from "../../src/client/index.ts";
import { openPageSocket } from "../../src/client/page-socket.ts";
import type { BerthEvent } from "../../src/contract/events.ts";
import { certificate } from "../fixtures/certificate.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { waitFor } from "../fixtures/process.ts";
import { type TestRunner, testRunner } from "../fixtures/runner.ts";

let shared: TestRunner;
before(async () => {
  shared = await testRunner({ inProcess: true });
});
after(() => shared[Symbol.asyncDispose]());

const LINES = 400;
const COUNT = `i=0; while [ $i -lt ${LINES} ]; do echo "line $i"; i=$((i+1)); sleep 0.005; done`;
const COUNTED = Array.from({ length: LINES }, (_, i) => `line ${i}\n`).join("");

/** Events from the first one on, until it is disposed. `end`: what it was ended by. */
function follow(client: RunnerClient, into: BerthEvent[]) {
  const stop = new AbortController();
  const end = (async () => {
    for await (const event of client.events({ after: 0, signal: stop.signal })) into.push(event);
  })().catch((error: unknown) => error);
  return { end, [Symbol.dispose]: () => stop.abort() };
}

test("typed calls give the answer's body, and throw the runner's errors with code, hint and request id", async () => {
  const runner = shared;
  const workspace = await runner.workspace();
  const client = runner.client();
  assert.equal((await client.get("/v1/health")).status, "ok");
  const path = { workspace: workspace.id };
  assert.equal((await client.get("/v1/workspaces/{workspace}", { params: { path } })).name, workspace.name);
  const result = await client.post("/v1/workspaces/{workspace}/exec", {
    params: { path },
    body: { command: ["sh", "-c", "echo hello; exit 3"] },
  });
  assert.equal(result.stdout, "hello\n");
  assert.equal(result.exit_code, 3);
  await assert.rejects(
    client.get("/v1/workspaces/{workspace}", { params: { path: { workspace: "none" } } }),
    (error) => {
      assert.ok(isBerthError(error, "workspace.unknown"));
      assert.match(String(error.context.requestId), /^req_/);
      return error.hint !== "";
    },
  );
  await assert.rejects(createRunnerClient({ url: runner.url }).get("/v1/workspaces"), {
    code: "auth.missing",
  });
  await assert.rejects(runner.client({ token: "no" }).get("/v1/workspaces"), { code: "auth.invalid" });
  const away = createRunnerClient({ url: "http://127.0.0.1:1", token: "x" });
  await assert.rejects(away.get("/v1/health"), { code: "runner.unreachable", retryable: true });
  const signal = AbortSignal.abort();
  await assert.rejects(client.get("/v1/health", { signal }), { code: "operation.aborted" });
});

test("the signal of a stream ends it, whatever was collected while it was read", async () => {
  await using scratch = await scratchDirectory();
  const { certPath, keyPath } = certificate(scratch.path);
  await using runner = await testRunner({ inProcess: true, tls: { certPath, keyPath } });
  const { token, url, publicUrl = "" } = runner;
  for (const client of [
    createRunnerClient({ url, token }),
    createRunnerClient({ url: publicUrl, token, ca: readFileSync(certPath, "utf8") }),
  ]) {
    const events: BerthEvent[] = [];
    using following = follow(client, events);
    await waitFor("an event", () => events.length > 0);
    for (let time = 0; time < 3; time++) {
      await new Promise((resolve) => setImmediate(resolve));
      releaseMemory();
    }
    following[Symbol.dispose]();
    const ended = new Set<unknown>();
    void following.end.then((error) => ended.add(error));
    await waitFor("the end of the stream", () => ended.size > 0);
    const [error] = ended;
    assert.ok(isBerthError(error, "operation.aborted"));
  }
});

test("certificates of the caller's own, also for calls and attached processes", async () => {
  await using scratch = await scratchDirectory();
  const { certPath, keyPath } = certificate(scratch.path);
  await using runner = await testRunner({ inProcess: true, tls: { certPath, keyPath } });
  const url = runner.publicUrl ?? "";
  const { token } = runner;
  await assert.rejects(createRunnerClient({ url, token }).get("/v1/health"), { code: "runner.untrusted" });
  const client = createRunnerClient({ url, token, ca: readFileSync(certPath, "utf8") });
  assert.equal((await client.get("/v1/health")).status, "ok");
  const workspace = await runner.workspace();
  const { id } = await client.post("/v1/workspaces/{workspace}/processes", {
    params: { path: { workspace: workspace.id } },
    body: { command: "echo over TLS" },
  });
  using attached = await client.attach(id);
  let text = "";
  for await (const chunk of attached) if (chunk.type === "data") text += Buffer.from(chunk.data).toString();
  assert.equal(text, "over TLS\n");
});

test("attached: output from a cursor, input, size and signals; viewers only look; the exit is last", async () => {
  const runner = shared;
  const workspace = await runner.workspace();
  const client = runner.client();
  const start = (body: { command: string; stdin?: "pipe"; tty?: boolean }) =>
    client.post("/v1/workspaces/{workspace}/processes", {
      params: { path: { workspace: workspace.id } },
      body,
    });
  const cat = await start({ command: "cat", stdin: "pipe" });
  using writer = await client.attach(cat.id, { role: "writer" });
  await assert.rejects(client.attach(cat.id, { role: "writer" }), { code: "attach.writer_taken" });
  using viewer = await client.attach(cat.id);
  await assert.rejects(viewer.write("x"), { code: "attach.viewer" });
  const input = "x".repeat(3_000_000);
  await writer.write(input);
  writer.end();
  const all = async (attached: typeof viewer) => {
    let bytes = 0;
    let last = "";
    for await (const chunk of attached) {
      last = chunk.type;
      if (chunk.type !== "data") continue;
      bytes += chunk.data.length;
      assert.equal(chunk.cursor, bytes);
    }
    return { bytes, last };
  };
  assert.deepEqual(await Promise.all([all(writer), all(viewer)]), [
    { bytes: input.length, last: "exit" },
    { bytes: input.length, last: "exit" },
  ]);
  const shell = await start({
    command: "read line; until stty size | grep '30 100'; do sleep 0.02; done; echo got $line",
    tty: true,
  });
  using terminal = await client.attach(shell.id, { role: "writer" });
  assert.deepEqual(terminal.tty, { columns: 80, rows: 24 });
  terminal.resize({ columns: 100, rows: 30 });
  await terminal.write("go\n");
  let text = "";
  for await (const chunk of terminal) if (chunk.type === "data") text += Buffer.from(chunk.data).toString();
  assert.match(text, /30 100\r\ngot go/);
  const sleep = await start({ command: "trap 'echo caught' TERM; while :; do sleep 0.05; done" });
  using signalled = await client.attach(sleep.id, { role: "writer" });
  signalled.signal("TERM");
  for await (const chunk of signalled) {
    if (chunk.type !== "data") continue;
    // The shell tells of its child, which is of the group as well.
    if (Buffer.from(chunk.data).toString().includes("caught")) break;
  }
  await client.post("/v1/processes/{id}/kill", { params: { path: { id: sleep.id } }, body: {} });
  await assert.rejects(client.attach("0000000000zz"), { code: "process.unknown" });
});

test("a runner that is killed: attached output and events go on, each byte and each event once", async () => {
  await using runner = await testRunner();
  const workspace = await runner.workspace();
  const client = runner.client();
  const events: BerthEvent[] = [];
  using following = follow(client, events);
  const start = () =>
    client.post("/v1/workspaces/{workspace}/processes", {
      params: { path: { workspace: workspace.id } },
      body: { command: COUNT },
    });
  const process = await start();
  const states: string[] = [];
  using attached = await client.attach(process.id, { onConnection: (state) => states.push(state) });
  const reading = (async () => {
    let text = "";
    for await (const chunk of attached) {
      assert.ok(chunk.type === "data" || chunk.type === "exit", chunk.type);
      if (chunk.type === "data") text += Buffer.from(chunk.data).toString();
    }
    return text;
  })();
  await waitFor("some output", () => attached.cursor > 100);
  await runner.kill();
  await runner.restart();
  assert.equal(await reading, COUNTED);
  assert.deepEqual(states, ["lost", "restored"]);
  const head = await client.get("/v1/events/head");
  await waitFor("all events", () => (events.at(-1)?.sequence ?? 0) >= head.sequence);
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  );
  assert.equal(events.filter(({ type }) => type === "runner.started").length, 2);
  following[Symbol.dispose]();
  assert.ok(isBerthError(await following.end, "operation.aborted"));
});

test("an operation is followed to its end; one that failed throws its error", async () => {
  const runner = shared;
  const client = runner.client();
  const create = (name: string, project: string) =>
    client.post("/v1/workspaces", { params: { query: {} }, body: { name, project, skip_init: true } });
  const operation = await create("followed", runner.project());
  let last = "";
  for await (const event of client.operation(operation.id)) last = event.type;
  assert.equal(last, "end");
  const done = await client.completed(operation);
  assert.equal(done.result?.workspace?.name, "followed");
  const path = { workspace: "followed" };
  await client.post("/v1/workspaces/{workspace}/exec", { params: { path }, body: { command: "echo > new" } });
  // Whether it fails at once or in the operation.
  await assert.rejects(
    async () =>
      client.completed(await client.delete("/v1/workspaces/{workspace}", { params: { path, query: {} } })),
    { code: "workspace.would_lose_work" },
  );
  const removed = await client.delete("/v1/workspaces/{workspace}", {
    params: { path, query: { force: true, wait_ms: 60_000 } },
  });
  assert.equal(removed.state, "succeeded");
});

test("as in a page: the global WebSocket, whose token is a subprotocol and whose reading can't be stopped", async () => {
  const runner = shared;
  const workspace = await runner.workspace();
  const { url, token } = runner;
  const connection = {
    ...connectionOf({ url, token }),
    openSocket: async (...[target, handlers]: Parameters<ReturnType<typeof connectionOf>["openSocket"]>) =>
      openPageSocket(target, { token, session: undefined, ca: undefined }, handlers),
  };
  const { id } = await runner.client().post("/v1/workspaces/{workspace}/processes", {
    params: { path: { workspace: workspace.id } },
    body: { command: "head -c 20000000 /dev/zero; echo end" },
  });
  using attached = await attach(connection, id, {});
  let bytes = 0;
  let slow = true;
  for await (const chunk of attached) {
    if (chunk.type !== "data") continue;
    // The rest arrives meanwhile, is too much, and is asked for again.
    if (slow) await new Promise((resolve) => setTimeout(resolve, 300));
    slow = false;
    bytes += chunk.data.length;
    assert.equal(chunk.cursor, bytes);
  }
  assert.equal(bytes, 20_000_004);
  await assert.rejects(attach(connection, "0000000000zz", {}), { code: "process.unknown" });
});
