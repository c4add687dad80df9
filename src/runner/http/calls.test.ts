import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { waitFor } from "../../../test/fixtures/process.ts";
import { berthError } from "../../contract/errors.ts";
import { Secrets } from "../../contract/mask.ts";
import { callConcerns, currentCause } from "./cause.ts";
import { type ErrorBody, errorOf, HEALTH, PROCESSES, starts, testServer } from "./testing.ts";

test("calls beyond the rate are refused with the time to wait; others go on", async () => {
  await using server = await testServer(
    { ...HEALTH, listTokens: () => ({ status: 200, body: { items: [], next: null } }) },
    { limits: { callsPerMinute: 20 } },
  );
  const calls = await Promise.all(Array.from({ length: 25 }, () => server.fetch("/v1/tokens")));
  const refused = calls.filter(({ status }) => status === 429);
  assert.equal(refused.length, 5);
  assert.ok(Number(refused[0]?.headers.get("retry-after")) > 0);
  assert.equal((await errorOf(refused[0] as Response)).error.code, "request.rate_limited");
  assert.equal((await fetch(`${server.url}/v1/health`)).status, 200);
});

test("an upgrade is refused with the status and JSON of any call, and handed over only when all is checked", async () => {
  const sockets = new WebSocketServer({ noServer: true });
  await using server = await testServer(
    {},
    {
      upgrades: {
        attach: ({ params, query, request, socket, head }) => {
          if (params.id === "taken") throw berthError("attach.writer_taken", { context: { id: "taken" } });
          sockets.handleUpgrade(request, socket, head, (client) => {
            client.send(JSON.stringify(query));
            client.close(1000);
          });
        },
      },
      limits: { sockets: 3 },
    },
  );
  const authorization = `Bearer ${server.token}`;
  const refusal = async (
    path: string,
    protocol: string,
    headers: Record<string, string> = { authorization },
  ) => {
    const socket = new WebSocket(`${server.url.replace("http", "ws")}${path}`, protocol, { headers });
    const [, response] = await once(socket, "unexpected-response");
    let text = "";
    for await (const chunk of response) text += chunk;
    return [response.statusCode, (JSON.parse(text) as ErrorBody).error.code];
  };
  assert.deepEqual(await refusal("/v1/processes/p/attach", "berth.attach.v1", {}), [401, "auth.missing"]);
  assert.deepEqual(await refusal("/v1/processes/p/attach", "other"), [400, "request.invalid"]);
  assert.deepEqual(await refusal("/v1/processes/p/attach?role=king", "berth.attach.v1"), [
    400,
    "request.invalid",
  ]);
  assert.deepEqual(await refusal("/v1/processes/taken/attach", "berth.attach.v1"), [
    409,
    "attach.writer_taken",
  ]);
  assert.deepEqual(await refusal("/v1/nothing", "berth.attach.v1"), [404, "request.unknown_route"]);
  const plain = await errorOf(await server.fetch("/v1/processes/p/attach"));
  assert.deepEqual([plain.status, plain.error.code], [426, "request.upgrade_required"]);
  const url = `${server.url.replace("http", "ws")}/v1/processes/p/attach?from=-5&takeover=true&role=writer`;
  const socket = new WebSocket(url, "berth.attach.v1", { headers: { authorization } });
  const [message] = await once(socket, "message");
  assert.deepEqual(JSON.parse(String(message)), {
    from: -5,
    takeover: true,
    role: "writer",
    refusals: "http",
  });
  await once(socket, "close");
  const h2c = await server.fetch("/v1/nothing");
  assert.equal(h2c.status, 404);
});

test("as many upgraded connections as allowed, and no more", async () => {
  const sockets = new WebSocketServer({ noServer: true });
  await using server = await testServer(
    {},
    {
      upgrades: {
        attach: ({ request, socket, head }) => sockets.handleUpgrade(request, socket, head, () => {}),
      },
      limits: { sockets: 2 },
    },
  );
  const open = () =>
    new WebSocket(`${server.url.replace("http", "ws")}/v1/processes/p/attach`, "berth.attach.v1", {
      headers: { authorization: `Bearer ${server.token}` },
    });
  const [one, two] = [open(), open()];
  await Promise.all([once(one, "open"), once(two, "open")]);
  const [, response] = await once(open(), "unexpected-response");
  assert.equal(response.statusCode, 429);
  one.terminate();
  await waitFor("there is room again", async () => {
    const next = open();
    const opened = await Promise.race([
      once(next, "open").then(() => true),
      once(next, "unexpected-response").then(() => undefined),
    ]);
    next.on("error", () => {});
    next.terminate();
    return opened;
  });
  two.terminate();
});

test("a mutating call that fails leaves request.failed with its id as cause; a refused one access.refused; a reading one nothing", async () => {
  const causes: unknown[] = [];
  await using server = await testServer({
    deleteToken: () => {
      causes.push(currentCause());
      callConcerns({ workspace: "w" });
      throw berthError("token.unknown", { context: { id: "x" } });
    },
    getProcess: () => {
      throw berthError("process.unknown", { context: { id: "x" } });
    },
  });
  const failed = await server.fetch("/v1/tokens/x", { method: "DELETE" });
  const id = failed.headers.get("berth-request-id");
  await waitFor("its event", () => (server.events.length > 0 ? true : undefined));
  const [event] = server.events.splice(0);
  assert.deepEqual([event?.type, event?.cause, event?.actor], ["request.failed", id, "token:local"]);
  assert.equal(event?.workspace, "w");
  assert.deepEqual(causes, [{ id, actor: "token:local", subject: { workspace: "w" } }]);
  await server.fetch("/v1/processes/x");
  await fetch(`${server.url}/v1/tokens/x`, { method: "DELETE" });
  await waitFor("the refusal", () => (server.events.length > 0 ? true : undefined));
  assert.deepEqual(
    server.events.map(({ type }) => type),
    ["access.refused"],
  );
});

test("secrets are masked in answers, events and errors, but for what is told exactly", async () => {
  const secrets = new Secrets();
  secrets.add("hunter2-hunter2");
  await using server = await testServer(
    {
      listProjects: () => ({
        status: 200,
        body: { items: [{ id: "p", name: "hunter2-hunter2", path: "/", trusted: false }], next: null },
      }),
      watchFiles: () => ({
        status: 200,
        events: (async function* () {
          yield { data: { type: "rescan" as const, path: "hunter2-hunter2" } };
          throw berthError("ENOENT", { context: { path: "hunter2-hunter2" } });
        })(),
      }),
      getProcess: () => {
        throw berthError("process.unknown", { context: { id: "hunter2-hunter2 x" } });
      },
      processOutput: ({ params: { id } }) => {
        if (id !== "p") throw berthError("process.unknown", { context: { id: "hunter2-hunter2" } });
        return {
          status: 200,
          body: {
            chunks: [{ type: "data", stream: "stdout", data: "hunter2-hunter2", cursor: 15 }],
            encoding: "text",
            cursor: 15,
            exit: null,
          },
        };
      },
    },
    { mask: (json) => secrets.json(json) },
  );
  const text = async (path: string): Promise<string> => (await server.fetch(path)).text();
  for (const path of [
    "/v1/projects",
    "/v1/workspaces/w/files/watch",
    "/v1/processes/p",
    "/v1/processes/q/output",
  ]) {
    const told = await text(path);
    assert.match(told, /\[secret\]/, path);
    assert.doesNotMatch(told, /hunter2/, path);
  }
  assert.match(await text("/v1/processes/p/output"), /hunter2-hunter2/);
});

test("a defect is told as one and nothing of it; its words are in the log", async () => {
  await using server = await testServer({
    getProcess: () => {
      throw new Error("hunter2 in /home/me");
    },
  });
  const { status, error } = await errorOf(await server.fetch("/v1/processes/x"));
  assert.deepEqual([status, error.code], [500, "internal"]);
  assert.doesNotMatch(JSON.stringify(error), /hunter2/);
  assert.ok(server.lines.some((line) => line.includes("a call failed") && line.includes(error.request_id)));
});

test("no line of the log holds a query, a token or a body", async () => {
  await using server = await testServer(starts());
  await server.fetch(`/v1/workspaces?hunter2=hunter2`);
  await server.fetch(PROCESSES, { method: "POST", body: JSON.stringify({ command: ["hunter2"] }) });
  await fetch(`${server.url}/v1/events?token=hunter2`);
  await waitFor("the lines", () => (server.lines.length >= 3 ? true : undefined));
  assert.doesNotMatch(server.lines.join(""), /hunter2/);
  assert.doesNotMatch(server.lines.join(""), new RegExp(server.token));
});
