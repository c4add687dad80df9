import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { waitFor } from "../../../test/fixtures/process.ts";
import { ROUTES } from "../../api/routes.ts";
import { berthError } from "../../contract/errors.ts";
import { COMMAND, errorOf, HEALTH, PROCESSES, rawAnswer, starts, testServer } from "./testing.ts";

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
