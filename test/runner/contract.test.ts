import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { OpenApiDocument } from "../../src/api/document.ts";
import { waitFor } from "../fixtures/process.ts";
import { testRunner } from "../fixtures/runner.ts";
import { ContractDesk } from "./contract-desk.ts";
import { callsOf, type World } from "./contract-inputs.ts";

const RUNS = process.env.BERTH_LONG === "1" ? 300 : 6;
const UPGRADES = ["attach", "wire"];
/** Of an MCP session, whose id is in a header of an answer: test/mcp/http.test.ts. */
const OF_SESSIONS = ["mcpStream", "mcpEnd"];
/** Needs an SSH host: test/runner/checks.test.ts. */
const OF_HOSTS = ["trustHostKey"];
/** Only containers are stopped and started. */
const REFUSED = ["stopWorkspace", "startWorkspace"];

test("a session and made-up calls of every operation: every answer is one that the document has", async (t) => {
  await using runner = await testRunner({ inProcess: true });
  const document = (await (await runner.call("/v1/openapi.json")).json()) as OpenApiDocument;
  using desk = new ContractDesk(runner, document);
  const world = await session(desk, runner.project());
  const done = [...desk.operations.keys()].filter((id) =>
    [...(desk.seen.get(id) ?? [])].some((status) => status < 300),
  );
  assert.deepEqual(
    [...desk.operations.keys()].filter(
      (id) => !done.includes(id) && ![...UPGRADES, ...OF_SESSIONS, ...OF_HOSTS, ...REFUSED].includes(id),
    ),
    [],
    "operations that the session did not use",
  );
  for (const [id, { operation }] of desk.operations) {
    await t.test(id, async () => {
      const property = fc.asyncProperty(callsOf(desk.document, operation, world), async (call) => {
        await desk.send(call);
      });
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
    });
  }
  // What the runner says of its own defects is told to no caller.
  const defects = runner
    .log()
    .split("\n")
    .filter((line) => line.includes("a call failed"));
  assert.deepEqual(defects, []);
  const health = await desk.send({ operationId: "health" });
  assert.equal(health.status, 200, "it works after all of that");
});

/** Every operation once as it is meant; what was made is the world of the made-up calls. */
async function session(desk: ContractDesk, project: string): Promise<World> {
  const ok = async <Json>(
    operationId: string,
    call: Omit<Parameters<ContractDesk["send"]>[0], "operationId"> = {},
  ) => {
    const answer = await desk.send({ operationId, ...call });
    assert.ok(answer.status < 400, `${operationId}: ${answer.status} ${answer.text}`);
    return answer.json as Json;
  };
  interface Made {
    readonly id: string;
  }
  interface OperationJson extends Made {
    readonly state: string;
    readonly workspace: string;
    readonly error: unknown;
  }
  const wait = { wait_ms: 60_000 };
  const verb = async (operationId: string, workspace: string, body?: unknown): Promise<OperationJson> => {
    const operation = await ok<OperationJson>(operationId, { path: { workspace }, query: wait, body });
    assert.ok(["succeeded", "failed"].includes(operation.state), JSON.stringify(operation));
    return operation;
  };
  for (const id of [
    "health",
    "document",
    "docsPage",
    "metrics",
    "stats",
    "overview",
    "listRuntimes",
    "suggestRuntimes",
    "listProjects",
  ]) {
    await ok(id);
  }
  const created = await ok<OperationJson>("createWorkspace", {
    query: wait,
    body: { name: "main-one", project, runtime: { type: "worktree" }, trust: true },
    headers: { "Idempotency-Key": "create" },
  });
  assert.equal(created.state, "succeeded", JSON.stringify(created));
  const workspace = created.workspace;
  const path = { workspace };
  await ok("checkRuntime", { body: { runtime: "local" } });
  const { id: projectId } = (await ok<{ items: Made[] }>("listProjects")).items[0] ?? { id: "" };
  await ok("trustProject", { path: { project: projectId }, body: { trusted: true } });
  for (const id of [
    "getWorkspace",
    "workspaceStatus",
    "workspaceDiff",
    "workspaceChanges",
    "listPorts",
    "getConfig",
    "checkWorkspace",
  ])
    await ok(id, { path });
  await ok("listWorkspaces", { query: { limit: 1 } });
  await ok("setConfig", { path, body: { env: { A: "1" } } });

  const live = await ok<Made>("startProcess", {
    path,
    body: { command: "echo ready; cat", stdin: "pipe", name: "cat", timeout_ms: 600_000 },
  });
  const finished = await ok<Made>("startProcess", { path, body: { command: ["true"] } });
  const gone = await ok<Made>("startProcess", { path, body: { command: ["true"] } });
  const terminal = await ok<Made>("startProcess", { path, body: { command: ["sleep", "600"], tty: true } });
  const shell = await ok<Made>("startShell", { path, body: { lease_ms: 60_000 } });
  await ok("killProcess", { path: { id: shell.id }, body: { signal: "KILL" } });
  await ok("exec", { path, body: { command: ["sh", "-c", "echo a; exit 3"], encoding: "base64" } });
  await ok("waitReady", { path: { id: live.id }, body: { output: "ready", timeout_ms: 60_000 } });
  await ok("writeStdin", { path: { id: live.id }, body: Buffer.from("hello\n") });
  await ok("processOutput", { path: { id: live.id }, query: { wait_ms: 1_000 } });
  await ok("processLog", { path: { id: live.id } });
  await ok("detachProcess", { path: { id: live.id } });
  await ok("resizeProcess", { path: { id: terminal.id }, body: { columns: 100, rows: 30 } });
  await ok("signalProcess", { path: { id: terminal.id }, body: { name: "TERM" } });
  await ok("killProcess", { path: { id: terminal.id }, body: { grace_ms: 100 } });
  for (const id of ["listProcesses", "listAllProcesses"]) await ok(id, { path });
  await waitFor("it has ended", async () => {
    const { state } = await ok<{ state: string }>("getProcess", { path: { id: gone.id } });
    return state === "exited";
  });
  await ok("deleteProcess", { path: { id: gone.id } });

  await ok("writeFile", { path, query: { path: "dir/b.txt" }, body: Buffer.from("text") });
  await ok("readFile", { path, query: { path: "dir/b.txt" }, headers: { Range: "bytes=0-1" } });
  for (const id of ["statFile", "downloadArchive"]) await ok(id, { path, query: { path: "dir" } });
  const archive = await desk.send({ operationId: "downloadArchive", path, query: { path: "dir" } });
  await ok("uploadArchive", { path, query: { path: "unpacked" }, body: Buffer.from(archive.text) });
  for (const id of ["listDirectory", "watchFiles"]) await ok(id, { path });
  await ok("statFiles", { path, body: { paths: ["dir", "nothing"] } });
  await ok("makeDirectory", { path, body: { path: "made/deep", recursive: true } });
  await ok("renameFile", { path, body: { from: "made", to: "moved" } });
  await ok("removeFile", { path, query: { path: "moved", recursive: true } });

  const forward = await ok<Made>("createForward", { path, body: { remote_port: 9 } });
  await ok("createPreview", { path, body: { port: 9 } });
  for (const id of ["listForwards", "listPreviews"]) await ok(id, { path });
  await ok("deletePreview", { path, query: { port: 9 } });
  await ok("deleteForward", { path: { id: forward.id } });

  await ok("mcpMessage", {
    path,
    headers: { Accept: "application/json, text/event-stream" },
    body: {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "c", version: "1" } },
    },
  });

  await verb("initWorkspace", workspace);
  const forked = await verb("forkWorkspace", workspace, { name: "forked" });
  await verb("pullWorkspace", forked.workspace);
  for (const id of REFUSED) await desk.send({ operationId: id, path: { workspace: forked.workspace } });
  await verb("pushWorkspace", forked.workspace, {});
  await verb("applyWorkspace", workspace, { dry_run: true });
  await verb("renameWorkspace", forked.workspace, { name: "renamed" });
  await ok("deleteWorkspace", { path: { workspace: forked.workspace }, query: { ...wait, force: true } });
  await ok("listOperations", { query: { state: "succeeded" } });
  for (const id of ["getOperation", "followOperation", "cancelOperation"])
    await ok(id, { path: { id: created.id } });

  const { token } = await ok<{ token: Made }>("createToken", { body: { name: "ci", scope: "read" } });
  await ok("listTokens");
  const { token: revoked } = await ok<{ token: Made }>("createToken", {
    body: { name: "gone", scope: "read" },
  });
  await ok("deleteToken", { path: { id: revoked.id } });
  const { code } = await ok<{ code: string }>("createSessionCode");
  const browser = await desk.send({ operationId: "createSession", body: { code } });
  const { session: other } = await ok<{ session: Made }>("createSession", { body: { token: desk.token } });
  for (const id of ["listSessions", "getCurrentSession"]) await ok(id);
  await ok("deleteSession", { path: { id: other.id } });
  const { key } = browser.json as { key: string };
  await ok("endCurrentSession", {
    headers: { authorization: "", cookie: browser.cookie ?? "", "berth-session": key },
  });
  await ok("listEvents", { query: { type: ["process", "workspace"] } });
  await ok("listEvents", { headers: { Accept: "text/event-stream" } });
  for (const id of ["exportEvents", "verifyEvents", "eventHead"]) await ok(id);
  return {
    workspace,
    project,
    process: live.id,
    finished: finished.id,
    operation: created.id,
    token: token.id,
  };
}
