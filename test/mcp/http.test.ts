import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Workspace } from "../../src/contract/workspace.ts";
import { waitFor } from "../fixtures/process.ts";
import { type TestRunner, testRunner } from "../fixtures/runner.ts";
import {
  call,
  httpClient,
  inspect,
  MODERN,
  marker,
  processesWith,
  textOf,
  untilGone,
  untilRunning,
} from "./desk.ts";

const ACCEPT = { accept: "application/json, text/event-stream", "content-type": "application/json" };

async function tokenFor(runner: TestRunner, fields: Readonly<Record<string, unknown>>): Promise<string> {
  const answer = await runner.call("/v1/tokens", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: `t-${fields.scope}`, ...fields }),
  });
  assert.equal(answer.status, 201, await answer.clone().text());
  return ((await answer.json()) as { secret: string }).secret;
}

function post(runner: TestRunner, workspace: Workspace, message: unknown, init: RequestInit = {}) {
  return runner.call(`/v1/workspaces/${workspace.id}/mcp`, {
    method: "POST",
    ...init,
    headers: { ...ACCEPT, ...(init.headers as Record<string, string>) },
    body: JSON.stringify(message),
  });
}

const initialize = (protocolVersion = "2025-06-18") => ({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion, capabilities: {}, clientInfo: { name: "raw", version: "1" } },
});

test("tools of a workspace by HTTP", async (t) => {
  await using runner = await testRunner({ mcpIdleMs: 60_000 });
  const workspace = await runner.workspace();
  const other = await runner.workspace();
  const path = workspace.place?.path ?? "";
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "a b.txt"), "grüße\n");

  for (const [name, options] of [
    ["a revision with sessions", {}],
    ["2026-07-28", MODERN],
  ] as const) {
    await t.test(`${name}: commands, files, progress, cancellation`, async () => {
      await using session = await httpClient(runner, workspace.id, { options });
      const { client } = session;
      const { tools } = await client.listTools();
      assert.ok(tools.some((tool) => tool.name === "bash"));
      const exit = await call(client, "bash", { command: "pwd; echo ünï; exit 7" });
      assert.equal((exit.structuredContent as { exit_code: number }).exit_code, 7);
      assert.match(textOf(exit), /ünï/);
      const { contents } = await client.readResource({ uri: "berth://files/a%20b.txt" });
      assert.equal((contents[0] as { text: string }).text, "grüße\n");
      const lines: string[] = [];
      await client.callTool(
        { name: "bash", arguments: { command: "echo one; sleep 0.5; echo two" } },
        { onprogress: ({ message }) => void lines.push(message ?? "") },
      );
      assert.deepEqual(lines, ["one", "two"]);
      const mark = marker();
      const stop = new AbortController();
      const running = client.callTool(
        { name: "bash", arguments: { command: `sh -c 'sleep 600; : ${mark}'; : ${mark}` } },
        { signal: stop.signal },
      );
      await untilRunning(mark);
      stop.abort();
      await assert.rejects(running);
      await untilGone(mark);
    });
  }

  await t.test("a client that is killed in the middle of a call: its command ends", async () => {
    const answer = await post(runner, workspace, initialize());
    const session = answer.headers.get("mcp-session-id") ?? "";
    await answer.text();
    const mark = marker();
    const gone = new AbortController();
    const message = {
      jsonrpc: "2.0",
      id: 2,
      method: "tools/call",
      params: { name: "bash", arguments: { command: `sleep 600; : ${mark}` } },
    };
    const init = { headers: { "mcp-session-id": session }, signal: gone.signal };
    const cut = post(runner, workspace, message, init).then((response) => response.text());
    await untilRunning(mark);
    gone.abort();
    await assert.rejects(cut);
    await untilGone(mark);
  });

  await t.test(
    "a session that is ended takes its background commands along; another one goes on",
    async () => {
      await using one = await httpClient(runner, workspace.id);
      await using two = await httpClient(runner, workspace.id);
      const [first, second] = [marker(), marker()];
      await call(one.client, "bash", { command: `sleep 600; : ${first}`, background: true });
      await call(two.client, "bash", { command: `sleep 600; : ${second}`, background: true });
      await untilRunning(first);
      await one.transport.terminateSession();
      await untilGone(first);
      assert.ok(processesWith(second).length > 0);
      await two.transport.terminateSession();
      await untilGone(second);
    },
  );

  await t.test("what a token may do", async () => {
    const reader = await tokenFor(runner, { scope: "read" });
    await using reading = await httpClient(runner, workspace.id, { token: reader });
    const { tools } = await reading.client.listTools();
    assert.deepEqual(tools.map(({ name }) => name).sort(), ["file_read", "glob", "grep", "list"]);
    await assert.rejects(call(reading.client, "bash", { command: "true" }), /no tool bash/);
    const { text } = (await reading.client.readResource({ uri: "berth://files/a%20b.txt" })).contents[0] as {
      text: string;
    };
    assert.equal(text, "grüße\n");
    const limited = await tokenFor(runner, { scope: "operate", workspaces: [other.id] });
    const authorization = { authorization: `Bearer ${limited}` };
    assert.equal((await post(runner, workspace, initialize(), { headers: authorization })).status, 404);
    const own = await post(runner, other, initialize(), { headers: authorization });
    assert.equal(own.status, 200);
    const session = own.headers.get("mcp-session-id") ?? "";
    await own.text();
    const list = { jsonrpc: "2.0", id: 2, method: "tools/list" };
    const headers = { "mcp-session-id": session };
    const foreign = await post(runner, other, list, { headers });
    assert.equal(foreign.status, 404, "another token's session");
    assert.match(await foreign.text(), /"mcp\.session_unknown"/);
    const elsewhere = await post(runner, workspace, initialize(), {
      headers: { origin: "https://evil.example" },
    });
    assert.equal(elsewhere.status, 403);
    assert.equal((await post(runner, workspace, list)).status, 400, "no session");
  });

  await t.test("a token that is revoked ends its sessions, and what they have started", async () => {
    const answer = await runner.call("/v1/tokens", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "gone", scope: "operate" }),
    });
    const { token, secret } = (await answer.json()) as { token: { id: string }; secret: string };
    await using session = await httpClient(runner, workspace.id, { token: secret });
    const mark = marker();
    await call(session.client, "bash", { command: `sleep 600; : ${mark}`, background: true });
    await untilRunning(mark);
    await runner.call(`/v1/tokens/${token.id}`, { method: "DELETE" });
    await untilGone(mark);
    await assert.rejects(call(session.client, "bash", { command: "true" }));
  });

  await t.test("calls that change something are events, without what they were given", async () => {
    await using session = await httpClient(runner, workspace.id);
    await call(session.client, "bash", { command: "echo secret-words" });
    await waitFor("the event is there", async () => {
      const answer = await runner.call(`/v1/events?type=tool&workspace=${workspace.id}`);
      const text = await answer.text();
      assert.doesNotMatch(text, /secret-words/);
      return text.includes('"tool":"bash"');
    });
  });

  await t.test("the inspector", () => {
    const url = `${runner.url}/v1/workspaces/${workspace.id}/mcp`;
    const header = ["--transport", "http", "--header", `authorization: Bearer ${runner.token}`];
    const list = inspect([url, ...header, "--method", "tools/list"], {}, runner.directory) as {
      tools: { name: string }[];
    };
    assert.ok(list.tools.some(({ name }) => name === "apply_patch"));
  });

  await t.test("a runner that is started again knows no session: the client begins anew", async () => {
    await using session = await httpClient(runner, workspace.id);
    const mark = marker();
    await call(session.client, "bash", { command: `sleep 600; : ${mark}`, background: true });
    await untilRunning(mark);
    await runner.restart();
    await untilGone(mark);
    await assert.rejects(call(session.client, "bash", { command: "true" }));
    await using again = await httpClient(runner, workspace.id);
    assert.match(textOf(await call(again.client, "bash", { command: "echo back" })), /back/);
  });
});

test("a session that nobody uses any more ends, and its commands with it", async () => {
  await using runner = await testRunner({ inProcess: true, mcpIdleMs: 300 });
  const workspace = await runner.workspace();
  const mark = marker();
  // No stream of its own: only its requests say that the client is there.
  const answer = await post(runner, workspace, initialize());
  const headers = { "mcp-session-id": answer.headers.get("mcp-session-id") ?? "" };
  await answer.text();
  const params = { name: "bash", arguments: { command: `sleep 600; : ${mark}`, background: true } };
  const started = await post(
    runner,
    workspace,
    { jsonrpc: "2.0", id: 2, method: "tools/call", params },
    { headers },
  );
  assert.match(await started.text(), /in the background/);
  await untilGone(mark);
  const late = await post(runner, workspace, { jsonrpc: "2.0", id: 3, method: "tools/list" }, { headers });
  assert.equal(late.status, 404);
});
