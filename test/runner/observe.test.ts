import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parsePrometheus } from "../../src/runner/observe/testing.ts";
import { endDaemons } from "../conformance/place.ts";
import { output, waitFor } from "../fixtures/process.ts";
import { BERTH_SOURCE, type RunnerProcess, runnerProcess } from "../fixtures/runner-process.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

/** Takes spans as a collector does. */
async function collector() {
  const spans: { name: string; traceId: string; spanId: string; parentSpanId?: string }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      for (const { scopeSpans } of JSON.parse(Buffer.concat(parts).toString()).resourceSpans) {
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
      response.setHeader("content-type", "application/json").end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    spans,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A project with a workspace by a runner that is asked over HTTP. */
async function desk(stack: AsyncDisposableStack, env: NodeJS.ProcessEnv = {}) {
  const directory = await mkdtemp(join(tmpdir(), "berth-observe-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const project = join(directory, "shop");
  const git = ["git", "-C", project, "-c", "user.name=t", "-c", "user.email=t@example.com"];
  await output(["git", "init", "-q", "-b", "main", project]);
  await output([...git, "commit", "-q", "--allow-empty", "-m", "first"]);
  const home = join(directory, "state");
  const args = ["--port", "0", "--log-level", "debug"];
  stack.defer(() => endDaemons(home));
  const runner = stack.use(await runnerProcess(home, { args, env }));
  return { directory, home, project, runner };
}

function ask(
  { url, token }: RunnerProcess,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

test("a runner at work: its metrics, overview, stats, log and spans tell what was done, and no secret", async () => {
  await using stack = new AsyncDisposableStack();
  const to = stack.use(await collector());
  const { home, project, runner } = await desk(stack, { OTEL_EXPORTER_OTLP_ENDPOINT: to.url });
  const secret = "s3cret-of-the-environment";
  const body = { name: "fix-login", project, runtime: { type: "worktree" } };
  const made = await ask(runner, "POST", "/v1/workspaces?wait_ms=60000", body);
  assert.ok(made.ok, await made.clone().text());
  const command = { command: ["sh", "-c", 'test -n "$KEY"'], env: { KEY: secret } };
  const ran = await ask(runner, "POST", "/v1/workspaces/fix-login/exec?", command, {
    traceparent: `00-${TRACE}-${PARENT}-01`,
  });
  assert.equal(((await ran.json()) as { exit_code: number }).exit_code, 0);
  const started = await ask(runner, "POST", "/v1/workspaces/fix-login/processes", {
    command: ["sleep", "600"],
    detached: true,
    env: { KEY: secret },
  });
  assert.equal(started.status, 201);
  const badToken = `berth_${"x".repeat(57)}`;
  const refused = await ask(runner, "GET", "/v1/workspaces?limit=1&note=query-value", undefined, {
    authorization: `Bearer ${badToken}`,
  });
  assert.equal(refused.status, 401);

  const text = await (await ask(runner, "GET", "/v1/metrics")).text();
  const { samples } = parsePrometheus(text);
  const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
    samples.find(
      (one) =>
        one.name === name && Object.entries(labels).every(([key, wanted]) => one.labels[key] === wanted),
    )?.value;
  assert.equal(value("berth_requests_total", { route: "exec", status: "200" }), 1);
  assert.equal(value("berth_refusals_total", { reason: "auth.invalid" }), 1);
  assert.equal(value("berth_processes", { state: "running" }), 1);
  assert.equal(value("berth_workspaces", { state: "ready", runtime: "worktree" }), 1);
  assert.equal(value("berth_places", { state: "connected" }), 1);
  assert.equal(value("berth_process_starts_total"), 2);
  assert.equal(value("berth_operations_total", { kind: "create", outcome: "succeeded" }), 1);
  assert.ok((value("berth_open_descriptors") ?? 0) > 10);
  assert.ok((value("berth_bytes_total", { way: "http", direction: "in" }) ?? 0) > 100);
  assert.ok(!/fix-login|shop|prc_|ws_/.test(text), "labels hold no names and ids");

  const top = await output([process.execPath, BERTH_SOURCE, "top", "--once"], { env: { BERTH_HOME: home } });
  assert.match(top, /^berth .* {2}http:\/\/127\.0\.0\.1:\d+ {2}up /);
  assert.match(top, /^shop\/fix-login {2}worktree {2}ready {2}connected {2}1 /m);
  const stats = await output([process.execPath, BERTH_SOURCE, "stats", "--json"], {
    env: { BERTH_HOME: home },
  });
  const counted = JSON.parse(stats) as Record<string, Record<string, number>>;
  assert.deepEqual(counted.workspaces, { worktree: 1 });
  assert.deepEqual(counted.creations, { worktree: 1 });
  assert.ok((counted.selections?.worktree ?? 0) >= 1, stats);
  await runner.kill("SIGTERM");

  // The same without a runner.
  const here = await output([process.execPath, BERTH_SOURCE, "stats", "--json"], {
    env: { BERTH_HOME: home },
  });
  assert.deepEqual(JSON.parse(here).creations, { worktree: 1 });

  const log = runner.said();
  const lines = log
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const exec = lines.find(({ operation }) => operation === "exec");
  assert.equal(exec?.status, 200);
  assert.match(String(exec?.requestId), /^req_/);
  assert.ok(typeof exec?.durationMs === "number" && typeof exec.bytesOut === "number");
  const selected = lines.find(({ event }) => event === "runtime.selected");
  assert.equal(selected?.message, "the runtime worktree was selected: this machine");
  assert.ok(lines.some(({ event, requestId }) => event === "workspace.created" && requestId !== undefined));
  for (const hidden of [secret, runner.token, badToken, "query-value"]) {
    assert.ok(!log.includes(hidden), `the log holds ${hidden}`);
    assert.ok(!JSON.stringify(to.spans).includes(hidden), `a span holds ${hidden}`);
  }
  const span = (name: string) => to.spans.find((one) => one.name === name);
  await waitFor("the spans are there", () => span("process.exec"));
  const call = span("POST exec");
  assert.equal(call?.traceId, TRACE);
  assert.equal(call?.parentSpanId, PARENT);
  assert.equal(span("process.exec")?.parentSpanId, call?.spanId);
  assert.ok(span("operation create") !== undefined, to.spans.map(({ name }) => name).join());
  assert.ok(span("process.start") !== undefined && span("place.open") !== undefined);
});
