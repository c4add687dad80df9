import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { waitFor } from "../../../test/fixtures/process.ts";
import { ROUTES } from "../../api/routes.ts";
import { berthError } from "../../contract/errors.ts";
import { Secrets } from "../../contract/mask.ts";
import type { Handlers } from "../handlers.ts";
import { callConcerns, currentCause } from "./cause.ts";
import { type TestServer, testServer } from "./testing.ts";

interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly request_id: string;
    readonly context?: { readonly fields?: string[] };
  };
}

async function errorOf(response: Response): Promise<{ status: number; error: ErrorBody["error"] }> {
  const { error } = (await response.json()) as ErrorBody;
  assert.equal(error.request_id, response.headers.get("berth-request-id"));
  return { status: response.status, error };
}

/** The status, and the code of the error, of the last answer in a raw text. */
function rawAnswer(text: string): { status: number; code: string | undefined } {
  const status = Number(/HTTP\/1\.1 (\d+)/g[Symbol.matchAll](text).toArray().at(-1)?.[1] ?? 0);
  return { status, code: /"code":"([^"]+)"/.exec(text)?.[1] };
}

const COMMAND = JSON.stringify({ command: ["true"] });
const PROCESSES = "/v1/workspaces/w/processes";

/** Counts starts, and answers with their number. */
function starts(): Pick<Handlers, "startProcess"> & { readonly count: () => number } {
  let count = 0;
  return {
    count: () => count,
    startProcess: () => {
      count += 1;
      return { status: 201, body: record(`p${count}`) };
    },
  };
}

function record(id: string) {
  return {
    id,
    name: null,
    workspace: "w",
    command: ["true"],
    cwd: "/",
    user: null,
    pid: 1,
    state: "running" as const,
    tty: null,
    detached: false,
    started_at: "2026-01-01T00:00:00.000Z",
    ended_at: null,
    exit: null,
    output_start: 0,
    output_end: 0,
    has_orphans: false,
  };
}

const HEALTH: Pick<Handlers, "health"> = {
  health: () => ({ status: 200, body: { status: "ok", version: "1", instance_id: "i" } }),
};

test("every answer has a request id and headers that let a browser do nothing with it", async () => {
  await using server = await testServer(HEALTH);
  for (const path of ["/v1/health", "/v1/nothing", "/v1/workspaces"]) {
    const response = await fetch(`${server.url}${path}`);
    assert.match(response.headers.get("berth-request-id") ?? "", /^req_[0-9a-f]{20}$/);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  }
});

test("unknown paths, other methods, HEAD and OPTIONS", async () => {
  await using server = await testServer(HEALTH);
  assert.equal((await errorOf(await server.fetch("/v1/nothing"))).error.code, "request.unknown_route");
  const put = await server.fetch("/v1/workspaces", { method: "PUT" });
  assert.equal(put.headers.get("allow"), "GET, POST, HEAD, OPTIONS");
  assert.deepEqual(await errorOf(put).then(({ status, error }) => [status, error.code]), [
    405,
    "request.method_not_allowed",
  ]);
  const head = await fetch(`${server.url}/v1/health`, { method: "HEAD" });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
  assert.ok(Number(head.headers.get("content-length")) > 20);
  const options = await fetch(`${server.url}/v1/health`, { method: "OPTIONS" });
  assert.deepEqual([options.status, options.headers.get("allow")], [204, "GET, HEAD, OPTIONS"]);
  assert.equal(options.headers.get("access-control-allow-origin"), null);
});

test("input that does not fit is refused field by field, and its values are not told back", async () => {
  await using server = await testServer(starts());
  const post = async (body: unknown): Promise<string[]> => {
    const text = JSON.stringify(body);
    const { status, error } = await errorOf(await server.fetch(PROCESSES, { method: "POST", body: text }));
    assert.deepEqual([status, error.code], [400, "request.invalid"]);
    assert.doesNotMatch(error.message, /hunter2/);
    return error.context?.fields ?? [];
  };
  assert.deepEqual(await post({}), ["body.command"]);
  assert.deepEqual(await post({ command: ["x"], password: "hunter2" }), ["body.password"]);
  assert.deepEqual(await post({ command: ["x"], [`berth_${"hunter2".repeat(10)}`]: 1 }), ["body.…"]);
  assert.deepEqual(await post({ command: ["x"], tty: { columns: "hunter2", rows: 1 } }), [
    "body.tty.columns",
  ]);
  assert.deepEqual(await post({ command: ["x"], env: { A: 1, "1b": "hunter2" } }), [
    "body.env.A",
    "body.env.1b",
  ]);
  assert.deepEqual(await post({ command: ["x"], cwd: "a\0hunter2", stdin: "hunter2" }), [
    "body.cwd",
    "body.stdin",
  ]);
  assert.deepEqual(await post("hunter2"), ["body"]);
  const query = await errorOf(await server.fetch(`/v1/workspaces?limit=x&limits=1&cursor=`));
  assert.deepEqual(query.error.context?.fields, ["query.limit", "query.cursor", "query.limits"]);
  assert.deepEqual(
    (await errorOf(await server.fetch("/v1/workspaces?limit=1&limit=2"))).error.context?.fields,
    ["query.limit"],
  );
  assert.equal((await server.fetch("/v1/health?x=1")).status, 400);
});

test("a query becomes numbers, booleans and lists as the schema has them", async () => {
  const seen: unknown[] = [];
  await using server = await testServer({
    listEvents: ({ query }) => {
      seen.push(query);
      return { status: 200, body: { items: [], next: null } };
    },
    statFile: ({ query }) => {
      seen.push(query);
      throw berthError("ENOENT", { context: { path: query.path } });
    },
  });
  await server.fetch("/v1/events?type=process&type=files&limit=7&workspace=a%2Fb");
  assert.deepEqual(seen, [{ type: ["process", "files"], limit: 7, workspace: "a/b", order: "oldest" }]);
  const missing = await server.fetch("/v1/workspaces/w/files/stat?path=a+b%2B%C3%BC&follow=false");
  assert.deepEqual([missing.status, seen[1]], [404, { path: "a b+ü", follow: false }]);
});

test("bodies: size, depth, encoding, type, and none", async () => {
  const started = starts();
  await using server = await testServer(started, { limits: { bodyBytes: 10_000 } });
  const post = async (body: string | Uint8Array, type = "application/json") => {
    const init = { method: "POST", body, headers: { "content-type": type } };
    const { status, error } = await errorOf(await server.fetch(PROCESSES, init));
    return [status, error.code];
  };
  assert.deepEqual(await post(" ".repeat(10_001)), [413, "request.too_large"]);
  assert.deepEqual(await post("[".repeat(5_000)), [400, "request.invalid"]);
  assert.deepEqual(await post(`{"a":`.repeat(1_500)), [400, "request.invalid"]);
  assert.deepEqual(await post(`{"command":["${"\\\\".repeat(100)}`), [400, "request.invalid"]);
  assert.deepEqual(await post(Buffer.from('{"command":["\xff"]}', "latin1")), [400, "request.invalid"]);
  assert.deepEqual(await post('{"command":'), [400, "request.invalid"]);
  assert.deepEqual(await post(COMMAND, "text/plain"), [415, "request.unsupported_media_type"]);
  assert.deepEqual(await post(COMMAND, "application/x-www-form-urlencoded"), [
    415,
    "request.unsupported_media_type",
  ]);
  assert.deepEqual(await post(COMMAND, "\u00e9"), [415, "request.unsupported_media_type"]);
  assert.deepEqual(await post(""), [400, "request.invalid"]);
  assert.equal(started.count(), 0);
  const quoted = JSON.stringify({ command: [`${"[{".repeat(200)}"\\`] });
  assert.equal((await server.fetch(PROCESSES, { method: "POST", body: quoted })).status, 201);
  const polluted = await server.fetch(PROCESSES, {
    method: "POST",
    body: '{"command":["x"],"env":{"__proto__":"a","constructor":"b"}}',
  });
  assert.ok([201, 400].includes(polluted.status));
  assert.equal(({} as { a?: unknown }).a, undefined);
});

test("slow requests are answered in time: head, JSON body, stream", async () => {
  const taken: number[] = [];
  await using server = await testServer(
    {
      ...starts(),
      writeStdin: async ({ stream }) => {
        for await (const chunk of stream) taken.push(chunk.length);
        return { status: 204 };
      },
    },
    { limits: { headersTimeoutMs: 300, bodyTimeoutMs: 300 } },
  );
  const head = `Host: 127.0.0.1\r\nAuthorization: Bearer ${server.token}\r\n`;
  const json = `POST ${PROCESSES} HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"c`;
  const bytes = `POST /v1/processes/p/stdin HTTP/1.1\r\n${head}Content-Length: 99\r\n\r\nabc`;
  const answers = await Promise.all([
    server.raw(["GET /v1/health HTTP/1.1\r\nHost: x\r\nX-Slow:"]),
    server.raw([]),
    server.raw([json]),
    server.raw([bytes]),
  ]);
  assert.deepEqual(rawAnswer(answers[0]), { status: 408, code: "request.timeout" });
  assert.ok(answers[1] === "" || rawAnswer(answers[1]).status === 408, "an idle connection ends");
  assert.deepEqual(rawAnswer(answers[2]), { status: 408, code: "request.timeout" });
  assert.deepEqual(rawAnswer(answers[3]), { status: 408, code: "request.timeout" });
  assert.deepEqual(taken, [3]);
});

test("a body that is cut in the middle reaches the handler as an error, never as a whole one", async () => {
  const outcome = Promise.withResolvers<string>();
  await using server = await testServer({
    writeStdin: async ({ stream }) => {
      try {
        for await (const chunk of stream) void chunk;
        outcome.resolve("whole");
      } catch (error) {
        outcome.resolve((error as { code: string }).code);
        throw error;
      }
      return { status: 204 };
    },
  });
  const socket = connect(server.port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(
    `POST /v1/processes/p/stdin HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${server.token}\r\nContent-Length: 99\r\n\r\nabc`,
    () => socket.destroy(),
  );
  assert.equal(await outcome.promise, "request.invalid");
});

test("what is not HTTP, too much of a head, and requests that smuggle are refused in JSON", async () => {
  await using server = await testServer(HEALTH);
  const head = "Host: 127.0.0.1\r\n";
  const refused: readonly (readonly [string, number, string?])[] = [
    ["GARBAGE\r\n\r\n", 400],
    [`GET /v1/health HTTP/1.1\r\n${head}X: ${"a".repeat(40_000)}\r\n\r\n`, 431, "request.headers_too_large"],
    [`GET /v1/health?${"a".repeat(40_000)} HTTP/1.1\r\n${head}\r\n`, 431, "request.headers_too_large"],
    [`GET /v1/health HTTP/1.1\r\n${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
    [`GET /v1/health HTTP/1.1\r\n${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
    [`GET /v1/health HTTP/1.1\r\n${head}X : y\r\n\r\n`, 400],
    [`GET /v1/health HTTP/1.1\r\n${head}X: a\0b\r\n\r\n`, 400],
  ];
  for (const [request, status, code = "request.invalid"] of refused) {
    const answer = await server.raw([request]);
    assert.deepEqual(rawAnswer(answer), { status, code }, request.slice(0, 80));
    assert.match(answer, /"request_id":"req_/);
  }
  assert.equal(
    rawAnswer(await server.raw([`GET /v1/health HTTP/1.1\r\nConnection: close\r\n\r\n`])).status,
    400,
  );
});

test("requests in one packet are answered one after the other", async () => {
  await using server = await testServer(HEALTH);
  const one = "GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  const text = await server.raw([`${`${one}\r\n`.repeat(20)}${one}Connection: close\r\n\r\n`]);
  assert.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 21);
});

test("path tricks lead to no other route, and never further than to the handler's own parameter", async () => {
  const seen: string[] = [];
  await using server = await testServer({
    ...HEALTH,
    getWorkspace: ({ params }) => {
      seen.push(params.workspace);
      throw berthError("workspace.unknown", { context: { name: params.workspace } });
    },
  });
  const get = async (path: string) => {
    const head = `Host: 127.0.0.1\r\nAuthorization: Bearer ${server.token}\r\nConnection: close\r\n\r\n`;
    return rawAnswer(await server.raw([`GET ${path} HTTP/1.1\r\n${head}`]));
  };
  for (const path of [
    "/v1/workspaces/../health",
    "/v1//health",
    "/v1/health/",
    "/V1/HEALTH",
    "//v1/health",
    "/v1/./health",
    "/v1/health;x=1",
    "/v1/workspaces/a/b",
    "/v1%2Fhealth",
  ]) {
    assert.deepEqual(await get(path), { status: 404, code: "request.unknown_route" }, path);
  }
  for (const path of ["/v1/workspaces/%ff", "/v1/workspaces/%", "/v1/workspaces/%zz"]) {
    assert.deepEqual(await get(path), { status: 400, code: "request.invalid" }, path);
  }
  assert.deepEqual(seen, []);
  for (const [path, value] of [
    ["/v1/workspaces/..", ".."],
    ["/v1/workspaces/%2e%2e", ".."],
    ["/v1/workspaces/%2e%2e%2fhealth", "../health"],
    ["/v1/workspaces/%252e%252e", "%2e%2e"],
    ["/v1/workspaces/a%00b", "a\0b"],
  ] as const) {
    assert.deepEqual(await get(path), { status: 404, code: "workspace.unknown" }, path);
    assert.equal(seen.pop(), value);
  }
});

test("an Idempotency-Key: done once, answered alike, over a restart, and never for another request", async () => {
  const stateDirectory = await mkdtemp(join(tmpdir(), "berth-keys-"));
  try {
    const started = starts();
    const post = (server: TestServer, key: string, body = COMMAND): Promise<Response> =>
      server.fetch(PROCESSES, { method: "POST", body, headers: { "idempotency-key": key } });
    {
      await using server = await testServer(started, { stateDirectory });
      const answers = await Promise.all(Array.from({ length: 10 }, () => post(server, "one")));
      const bodies = new Set(await Promise.all(answers.map((answer) => answer.text())));
      assert.deepEqual([bodies.size, started.count()], [1, 1]);
      assert.equal(
        answers.filter((answer) => answer.headers.get("idempotency-replayed") === "true").length,
        9,
      );
      const other = await errorOf(await post(server, "one", '{"command":["false"]}'));
      assert.deepEqual([other.status, other.error.code], [422, "request.idempotency_mismatch"]);
      assert.equal((await post(server, "")).status, 400);
      assert.equal((await post(server, "x".repeat(256))).status, 400);
    }
    await using again = await testServer(started, { stateDirectory });
    const repeated = await post(again, "one");
    assert.deepEqual([repeated.status, ((await repeated.json()) as { id: string }).id], [201, "p1"]);
    assert.equal((await post(again, "two")).status, 201);
    assert.equal(started.count(), 2);
  } finally {
    await rm(stateDirectory, { recursive: true, force: true });
  }
});

test("an Idempotency-Key: errors repeat, but for those that are worth a retry; a lost answer is told as such", async () => {
  const stateDirectory = await mkdtemp(join(tmpdir(), "berth-keys-"));
  try {
    let calls = 0;
    const handlers: Partial<Handlers> = {
      createForward: ({ body }) => {
        calls += 1;
        if (body.remote_port === 1) throw berthError("transport.disconnected");
        if (body.remote_port === 2) return Promise.withResolvers<never>().promise;
        throw berthError("port.in_use", { context: { port: 3 } });
      },
    };
    const post = (server: TestServer, key: string, remote_port: number, signal: AbortSignal | null = null) =>
      server.fetch("/v1/workspaces/w/forwards", {
        method: "POST",
        body: JSON.stringify({ remote_port }),
        headers: { "idempotency-key": key },
        signal,
      });
    const codeOf = async (answer: Promise<Response>) =>
      ((await (await answer).json()) as ErrorBody).error.code;
    {
      await using server = await testServer(handlers, { stateDirectory });
      const controller = new AbortController();
      const lost = post(server, "lost", 2, controller.signal);
      await waitFor("the call has begun", () => calls === 1);
      controller.abort();
      await assert.rejects(lost);
    }
    calls = 0;
    await using server = await testServer(handlers, { stateDirectory });
    assert.equal(await codeOf(post(server, "lost", 2)), "request.idempotency_interrupted");
    const told = await Promise.all([3, 3].map(async (port) => (await post(server, "a", port)).text()));
    assert.equal(told[0], told[1]);
    assert.equal(calls, 1);
    for (const count of [2, 3]) {
      assert.equal(await codeOf(post(server, "b", 1)), "transport.disconnected");
      assert.equal(calls, count);
    }
  } finally {
    await rm(stateDirectory, { recursive: true, force: true });
  }
});

test("server-sent events have heartbeats, ids, and end with an error in band; the handler hears when the client leaves", async () => {
  const left = Promise.withResolvers<void>();
  await using server = await testServer(
    {
      followOperation: async ({ params, signal }) => ({
        status: 200,
        events: (async function* () {
          yield {
            event: "progress",
            id: "1",
            data: { type: "progress" as const, progress: { step: "look", message: "a\nb" } },
          };
          if (params.id === "broken") throw berthError("operation.unknown", { context: { id: "broken" } });
          signal.addEventListener("abort", () => left.resolve());
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        })(),
      }),
    },
    { limits: { heartbeatMs: 30 } },
  );
  const broken = await (await server.fetch("/v1/operations/broken/progress")).text();
  assert.match(
    broken,
    /^retry: 1000\n\nevent: progress\nid: 1\ndata: \{"type":"progress",.*"a\\nb".*\}\n\nevent: error\ndata: \{"code":"operation.unknown"/,
  );
  const controller = new AbortController();
  const response = await server.fetch("/v1/operations/op/progress", { signal: controller.signal });
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk);
    if ((text.match(/: heartbeat\n\n/g)?.length ?? 0) >= 2) break;
  }
  controller.abort();
  await left.promise;
});

test("a stream is made no faster than it is read, ends when its reader leaves, and one that breaks is never taken for whole", async () => {
  let made = 0;
  const ended = Promise.withResolvers<void>();
  await using server = await testServer({
    processLog: ({ params }) => ({
      status: 200,
      stream: (async function* () {
        try {
          for (;;) {
            made += 65_536;
            yield Buffer.alloc(65_536);
            if (params.id === "broken") throw berthError("transport.disconnected");
          }
        } finally {
          ended.resolve();
        }
      })(),
    }),
  });
  const broken = await server.fetch("/v1/processes/broken/log");
  await assert.rejects(broken.arrayBuffer());
  made = 0;
  const socket = connect(server.port, "127.0.0.1");
  socket.write(
    `GET /v1/processes/p/log HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${server.token}\r\n\r\n`,
  );
  socket.pause();
  let before = -1;
  const stands = await waitFor(
    "it stands still",
    async () => {
      const still = made > 0 && made === before;
      before = made;
      return still ? made : undefined;
    },
    { everyMs: 100 },
  );
  assert.ok(stands < 64 * 1024 * 1024, `${stands} bytes were made for nobody`);
  socket.destroy();
  await ended.promise;
});

test("a reader that takes nothing is left after a while", async () => {
  const ended = Promise.withResolvers<void>();
  await using server = await testServer(
    {
      processLog: () => ({
        status: 200,
        stream: (async function* () {
          try {
            for (;;) yield Buffer.alloc(65_536);
          } finally {
            ended.resolve();
          }
        })(),
      }),
    },
    { limits: { writeTimeoutMs: 200 } },
  );
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.pause();
  socket.write(
    `GET /v1/processes/p/log HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${server.token}\r\n\r\n`,
  );
  await ended.promise;
  socket.destroy();
});

test("a call whose caller leaves is aborted; one with an Idempotency-Key goes on", async () => {
  const began: AbortSignal[] = [];
  const finish = Promise.withResolvers<void>();
  await using server = await testServer({
    startProcess: async ({ signal }) => {
      began.push(signal);
      await Promise.race([
        finish.promise,
        new Promise((resolve) => signal.addEventListener("abort", resolve)),
      ]);
      return { status: 201, body: record("p1") };
    },
  });
  for (const headers of [{}, { "idempotency-key": "k" }]) {
    const controller = new AbortController();
    const call = server.fetch(PROCESSES, {
      method: "POST",
      body: COMMAND,
      headers,
      signal: controller.signal,
    });
    const count = began.length;
    await waitFor("it began", () => (began.length > count ? true : undefined));
    controller.abort();
    await assert.rejects(call);
  }
  await waitFor("the first is aborted", () => (began[0]?.aborted === true ? true : undefined));
  const again = server.fetch(PROCESSES, {
    method: "POST",
    body: COMMAND,
    headers: { "idempotency-key": "k" },
  });
  assert.equal(began[1]?.aborted, false);
  finish.resolve();
  assert.equal((await again).headers.get("idempotency-replayed"), "true");
  assert.equal(began.length, 2);
});

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
  assert.deepEqual(JSON.parse(String(message)), { from: -5, takeover: true, role: "writer" });
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

test("a runner that stops ends streams, refuses new calls and lets those that are answered end", async () => {
  const slow = Promise.withResolvers<void>();
  let began = false;
  await using server = await testServer({
    ...HEALTH,
    listTokens: async () => {
      began = true;
      await slow.promise;
      return { status: 200, body: { items: [], next: null } };
    },
    watchFiles: ({ signal }) => ({
      status: 200,
      events: (async function* () {
        yield { data: { type: "ready" as const } };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      })(),
    }),
  });
  const running = server.fetch("/v1/tokens");
  const watching = await server.fetch("/v1/workspaces/w/files/watch");
  await waitFor("it began", () => (began ? true : undefined));
  server.stopping.abort();
  assert.match(await watching.text(), /"ready"/);
  const refused = await errorOf(await server.fetch("/v1/tokens"));
  assert.deepEqual([refused.status, refused.error.code], [503, "runner.stopping"]);
  assert.equal((await fetch(`${server.url}/v1/health`)).status, 200);
  slow.resolve();
  assert.equal((await running).status, 200);
});

test("thousands of connections that say nothing do not keep a caller out", async () => {
  await using server = await testServer(HEALTH, { limits: { headersTimeoutMs: 3_000 } });
  const idle = Array.from({ length: 2_000 }, () =>
    connect(server.port, "127.0.0.1")
      .on("error", () => {})
      .resume(),
  );
  let closed = 0;
  for (const socket of idle)
    socket.on("close", () => {
      closed += 1;
    });
  try {
    for (let index = 0; index < 20; index += 1) {
      assert.equal((await fetch(`${server.url}/v1/health`)).status, 200);
    }
    await waitFor("they are ended", () => (closed === idle.length ? true : undefined));
  } finally {
    for (const socket of idle) socket.destroy();
  }
});

test("every route of the table is there, and none besides", async () => {
  await using server = await testServer({});
  for (const route of ROUTES) {
    const path = route.path.replace(/\{\w+\}/g, "x");
    const response = await fetch(`${server.url}${path}`, { method: route.method });
    assert.notEqual(response.status, 404, `${route.method} ${path}`);
    await response.arrayBuffer();
  }
});
