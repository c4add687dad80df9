import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scope } from "../../src/api/route.ts";
import { ROUTES } from "../../src/api/routes.ts";
import { isBerthError } from "../../src/contract/errors.ts";
import { FailureLimit } from "../../src/runner/access/failure-limit.ts";
import { openAccess } from "../../src/runner/access/open.ts";
import { Proxies } from "../../src/runner/access/proxies.ts";
import { type Refusal, Refusals } from "../../src/runner/access/refusals.ts";
import { newToken } from "../../src/runner/access/token-text.ts";
import { type Desk, openDesk, UPGRADE } from "./access-desk.ts";

const ATTACH = { ...UPGRADE, "sec-websocket-protocol": "berth.attach.v1" };

/** A path of a route whose parameters nothing has. */
const pathOf = (path: string): string =>
  path.replace("{workspace}", "w0000000002").replace(/\{\w+\}/g, "nothing");

const code = (received: { json: { error?: { code: string } } }): string | undefined =>
  received.json.error?.code;

test("scope matrix: every route, with each scope, none, and a limit to workspaces", async () => {
  await using desk = await openDesk();
  const rank: Record<Scope, number> = { read: 0, operate: 1, admin: 2 };
  const tokens: readonly (readonly [name: string, scope: Scope | undefined, token: string | undefined])[] = [
    ["none", undefined, undefined],
    ["read", "read", await desk.token("read")],
    ["operate", "operate", await desk.token("operate")],
    ["admin", "admin", await desk.token("admin")],
    ["limited", "operate", await desk.token("operate", ["w0000000001"])],
  ];
  const table: string[] = [];
  for (const route of ROUTES) {
    for (const [name, scope, token] of tokens) {
      const headers = "upgrade" in route ? { ...UPGRADE, "sec-websocket-protocol": route.upgrade } : {};
      const { status, json } = await desk.send(pathOf(route.path), { method: route.method, token, headers });
      const wanted =
        route.scope === "none"
          ? undefined
          : scope === undefined
            ? 401
            : rank[scope] < rank[route.scope]
              ? 403
              : undefined;
      const got = status === 401 || status === 403 ? status : undefined;
      if (name !== "limited")
        assert.equal(got, wanted, `${route.operationId} with ${name}: ${status} ${json.error?.code}`);
      else if (wanted !== undefined || got !== undefined) {
        assert.equal(got, wanted ?? 403);
        if (wanted === undefined) table.push(route.operationId);
      }
    }
  }
  // What a token limited to workspaces may not do although its scope would do: what is of no workspace, or of all.
  assert.deepEqual(table.sort(), [
    "applyWorkspace",
    "checkRuntime",
    "createWorkspace",
    "forkWorkspace",
    "listProjects",
    "metrics",
    "pullWorkspace",
    "setConfig",
    "stats",
    "suggestRuntimes",
  ]);
});

test("a limited token does not know other workspaces: they are 404, and so is their preview", async () => {
  await using desk = await openDesk();
  const limited = await desk.token("operate", ["w0000000001"]);
  const make = (workspace: string) =>
    desk.send(`/v1/workspaces/${workspace}/previews`, {
      method: "POST",
      token: limited,
      body: { port: 3000 },
    });
  assert.equal((await make("fix-login")).status, 201);
  for (const workspace of ["other", "w0000000002", "no-such"]) {
    const { status, json } = await make(workspace);
    assert.equal(status, 404);
    assert.equal(json.error?.code, "workspace.unknown");
  }
});

test("a DNS-rebinding Host is refused before the token is looked at, over HTTP and WebSocket", async () => {
  await using desk = await openDesk();
  const { port, localToken: token } = desk;
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    `127.0.0.1.evil.example:${port}`,
    `localhost.evil.example:${port}`,
    `10.1.2.3:${port}`,
    `127.0.0.1@evil.example:${port}`,
    `127.0.0.1:${port}, evil.example`,
  ]) {
    const plain = await desk.send("/v1/tokens", { token, host });
    assert.ok(plain.status === 421 || plain.status === 400, `${host}: ${plain.status}`);
    if (plain.status === 421) assert.equal(code(plain), "request.host_refused");
    const socket = await desk.send("/v1/processes/p/attach", { token, host, headers: ATTACH });
    assert.ok(socket.status === 421 || socket.status === 400, `${host}: ${socket.status}`);
  }
  for (const host of [
    `localhost:${port}`,
    `LOCALHOST:${port}`,
    `127.0.0.1:${port}`,
    `[::1]:${port}`,
    "localhost.",
  ]) {
    assert.equal((await desk.send("/v1/tokens", { token, host })).status, 200, host);
  }
  assert.deepEqual(desk.reached, []);
});

test("two Host headers, and a target with a host of its own, are refused", async () => {
  await using desk = await openDesk();
  const { port, localToken } = desk;
  const raw = await rawRequest(
    port,
    `GET /v1/tokens HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nHost: evil.example\r\nAuthorization: Bearer ${localToken}\r\nConnection: close\r\n\r\n`,
  );
  assert.match(raw, /^HTTP\/1\.1 4\d\d /);
  assert.ok(!raw.includes('"items"'));
  const absolute = await rawRequest(
    port,
    `GET http://evil.example/v1/tokens HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${localToken}\r\nConnection: close\r\n\r\n`,
  );
  assert.match(absolute, /^HTTP\/1\.1 4\d\d /);
  assert.ok(!absolute.includes('"items"'));
});

test("a page of another origin is refused, by fetch and by WebSocket, also with a valid token", async () => {
  await using desk = await openDesk();
  const { port, localToken: token } = desk;
  const foreign = [
    { origin: "https://evil.example" },
    { origin: "http://localhost:1" },
    { origin: `https://127.0.0.1:${port}` },
    { origin: "null" },
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
    { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" },
  ];
  for (const headers of foreign) {
    const fetched = await desk.send("/v1/tokens", { token, headers });
    assert.equal(code(fetched), "request.origin_refused", JSON.stringify(headers));
    assert.equal(fetched.headers["access-control-allow-origin"], undefined);
    const socket = await desk.send("/v1/processes/p/attach", { token, headers: { ...ATTACH, ...headers } });
    assert.equal(socket.status, 403);
    assert.equal(code(socket), "request.origin_refused");
  }
  const preflight = await desk.send("/v1/tokens", {
    method: "OPTIONS",
    headers: { origin: "https://evil.example", "access-control-request-method": "GET" },
  });
  assert.ok(Object.keys(preflight.headers).every((name) => !name.startsWith("access-control-")));
  const own = { origin: `http://127.0.0.1:${port}`, "sec-fetch-site": "same-origin" };
  assert.equal((await desk.send("/v1/tokens", { token, headers: own })).status, 200);
  assert.deepEqual(desk.reached, []);
});

test("a token in the address is refused and told nowhere, also beside a valid header", async () => {
  await using desk = await openDesk();
  const token = await desk.token("admin");
  const tokenPart = token.slice(14);
  for (const path of [
    `/v1/tokens?token=${token}`,
    `/v1/tokens?access_token=${token}`,
    `/v1/tokens?limit=1&x=${token}`,
    `/v1/health?token=${token}`,
    `/v1/${token}`,
    "/v1/tokens?token=something",
  ]) {
    for (const header of [undefined, token]) {
      const received = await desk.send(path, { token: header });
      assert.equal(received.status, 401, path);
      assert.match(received.json.error?.message ?? "", /address/);
      assert.ok(!received.text.includes(tokenPart));
    }
  }
  const socket = await desk.send(`/v1/processes/p/attach?token=${token}`, { headers: ATTACH });
  assert.equal(socket.status, 401);
  const told = JSON.stringify(desk.events) + desk.log.join("");
  assert.ok(told.includes("access.refused"));
  assert.ok(!told.includes(tokenPart));
  assert.deepEqual(desk.reached, []);
});

test("a page's WebSocket brings its token as a subprotocol; plain calls do not", async () => {
  await using desk = await openDesk();
  const token = await desk.token("read");
  const withToken = { ...UPGRADE, "sec-websocket-protocol": `berth.attach.v1, berth.token.${token}` };
  await desk.send("/v1/processes/p/attach", { headers: withToken });
  assert.deepEqual(desk.reached, ["attach"]);
  const wrong = { ...UPGRADE, "sec-websocket-protocol": `berth.attach.v1, berth.token.${newToken()}` };
  assert.equal((await desk.send("/v1/processes/p/attach", { headers: wrong })).status, 401);
  const plain = { "sec-websocket-protocol": `berth.token.${token}` };
  assert.equal((await desk.send("/v1/tokens", { headers: plain })).status, 401);
});

test("what no valid token is, is not told apart but for its form, and is slowed down without locking the valid out", async () => {
  await using desk = await openDesk();
  const expired = await desk.token("read", undefined, 1);
  const answers: string[] = [];
  for (const token of [newToken(), expired]) {
    const { status, json, headers } = await desk.send("/v1/workspaces", { token });
    assert.equal(status, 401);
    assert.equal(headers["www-authenticate"], 'Bearer realm="berth"');
    answers.push(JSON.stringify({ ...json.error, request_id: "" }));
  }
  assert.equal(new Set(answers).size, 1);
  let limited = 0;
  for (let attempt = 0; attempt < 30; attempt++) {
    const { status, headers } = await desk.send("/v1/workspaces", { token: newToken() });
    if (status !== 429) continue;
    limited += 1;
    assert.ok(Number(headers["retry-after"]) >= 1);
  }
  assert.ok(limited >= 20, `${limited}`);
  assert.equal((await desk.send("/v1/tokens", { token: desk.localToken })).status, 200);
});

test("pauses of the brute-force limiter double, are of one address, and end", () => {
  let now = 0;
  const limit = new FailureLimit(() => now);
  for (let failure = 0; failure < 10; failure++) assert.equal(limit.failed("10.0.0.1"), 0);
  const pauses: number[] = [];
  for (let failure = 0; failure < 9; failure++) {
    const pause = limit.failed("10.0.0.1");
    pauses.push(pause);
    now += pause / 2;
    assert.equal(limit.failed("10.0.0.1"), pause / 2, "no longer for who goes on");
    now += pause / 2;
  }
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  assert.equal(limit.failed("10.0.0.2"), 0);
  for (let host = 0; host < 10; host++) assert.equal(limit.failed(`2001:db8::${host}`), 0);
  assert.ok(limit.failed("2001:db8:0:0:ffff::1") > 0, "the same network");
  now += 11 * 60_000;
  assert.equal(limit.failed("10.0.0.1"), 0);
});

test("a refused call leaves access.refused and nothing else; many of them leave their number", async () => {
  await using desk = await openDesk();
  const read = await desk.token("read");
  await desk.send("/v1/workspaces/fix-login/previews", { method: "POST", token: read, body: { port: 3000 } });
  assert.deepEqual(
    desk.events.map(({ type, data }) => [type, data?.reason, data?.route, data?.method]),
    [["access.refused", "auth.forbidden", "/v1/workspaces/{workspace}/previews", "POST"]],
  );
  assert.match(String(desk.events[0]?.cause), /^req_/);
  assert.equal((await desk.access.store.db.selectFrom("preview").selectAll().execute()).length, 0);
  for (let call = 0; call < 50; call++) await desk.send(`/v1/workspaces?x=${call}`);
  assert.equal(desk.events.length, 2);
});

test("refusals fill no log: one of a kind, then their number, and a bound for kinds", () => {
  const told: { data?: Readonly<Record<string, unknown>> | undefined }[] = [];
  const refusals = new Refusals((event) => told.push(event), 3_600_000);
  const refusal: Refusal = {
    reason: "auth.invalid",
    address: "10.0.0.1",
    method: "GET",
    route: "/x".repeat(500),
  };
  for (let call = 0; call < 1000; call++) refusals.add(refusal);
  for (let address = 0; address < 1000; address++) refusals.add({ ...refusal, address: `10.0.${address}.1` });
  assert.equal(told.length, 20);
  assert.equal(String(told[0]?.data?.route).length, 200);
  refusals.flush();
  assert.deepEqual(
    told.slice(20).map(({ data }) => [data?.reason, data?.count]),
    [
      ["auth.invalid", 1000],
      ["many", 980],
    ],
  );
});

test("X-Forwarded headers are believed of trusted proxies alone, from the right", () => {
  const request = (remoteAddress: string, forwarded?: string, proto?: string) =>
    ({
      socket: { remoteAddress },
      headers: { "x-forwarded-for": forwarded, "x-forwarded-proto": proto },
    }) as never;
  const none = new Proxies([]);
  assert.equal(none.addressOf(request("10.0.0.9", "1.2.3.4")), "10.0.0.9");
  assert.equal(none.schemeOf(request("10.0.0.9", "", "https")), "http");
  const some = new Proxies(["10.0.0.0/8", "::1"]);
  assert.equal(some.addressOf(request("10.0.0.9", "6.6.6.6, 1.2.3.4")), "1.2.3.4");
  assert.equal(some.addressOf(request("::ffff:10.0.0.9", "1.2.3.4, 10.2.2.2")), "1.2.3.4");
  assert.equal(some.addressOf(request("::1", "not an address")), "::1");
  assert.equal(some.addressOf(request("9.9.9.9", "1.2.3.4")), "9.9.9.9");
  assert.equal(some.schemeOf(request("10.0.0.9", "", "https")), "https");
  assert.equal(some.schemeOf(request("9.9.9.9", "", "https")), "http");
  for (const wrong of ["proxy", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0/x"]) {
    assert.throws(
      () => new Proxies([wrong]),
      (error: unknown) => isBerthError(error, "cli.usage"),
    );
  }
});

test("another address than loopback needs TLS, or --insecure; names are checked at the start", async () => {
  await using desk = await openDesk();
  const open = (options: object) =>
    openAccess({
      options: { stateDirectory: desk.directory, host: "127.0.0.1", ...options },
      emit: () => undefined,
      metrics: { count: () => undefined },
    });
  for (const host of ["0.0.0.0", "::", "192.168.1.5", "example.com"]) {
    await assert.rejects(open({ host }), (error: unknown) => isBerthError(error, "runner.insecure"));
    await using access = await open({ host, insecure: true });
    assert.ok(access);
  }
  for (const options of [
    { allowedHosts: ["http://x"] },
    { publicUrl: "berth.example" },
    { publicUrl: "ftp://x" },
  ]) {
    await assert.rejects(open(options), (error: unknown) => isBerthError(error, "cli.usage"));
  }
  await using access = await open({
    host: "::1",
    allowedHosts: ["Berth.Example"],
    publicUrl: "https://b.example",
  });
  assert.ok(access.isOwnName("berth.example") && access.isOwnName("b.example") && access.isOwnName("::1"));
});

test("path tricks find no route, and no handler", async () => {
  await using desk = await openDesk();
  const { localToken: token } = desk;
  for (const path of [
    "/v1/../v1/tokens/..",
    "//v1/tokens",
    "/v1//tokens",
    "/v1/tokens/%2e%2e",
    "/V1/tokens",
    "/v1/tokens%00",
  ]) {
    const { status } = await desk.send(path, { token });
    assert.ok(status === 404 || status === 400 || status === 405, `${path}: ${status}`);
  }
  assert.deepEqual(desk.reached, []);
});

test("a whole scenario leaves no secret in log, events or answers", async () => {
  await using desk = await openDesk({
    handlers: {
      getWorkspace: () => {
        throw new Error(`a defect with ${SECRET} in it`);
      },
    },
  });
  const SECRET = "hunter2-very-secret";
  desk.secrets.add(SECRET);
  const { localToken } = desk;
  const answers: string[] = [];
  const call = async (path: string, options: Parameters<Desk["send"]>[1]) => {
    const received = await desk.send(path, options);
    answers.push(received.text);
    return received;
  };
  const made = await call("/v1/tokens", {
    method: "POST",
    token: localToken,
    body: { name: "ci", scope: "operate", workspaces: ["fix-login"] },
  });
  assert.equal(made.status, 201);
  const secret = String(made.json.secret);
  assert.match(secret, /^berth_/);
  answers.pop();
  await call("/v1/tokens", { token: localToken });
  await call("/v1/workspaces/fix-login/previews", { method: "POST", token: secret, body: { port: 3000 } });
  answers.pop();
  await call(`/v1/tokens/${SECRET}`, { method: "DELETE", token: localToken });
  await call("/v1/workspaces/fix-login", { token: localToken });
  await call("/v1/tokens", { method: "POST", token: localToken, body: { name: SECRET, scope: "nothing" } });
  await call("/v1/tokens/ci", { method: "DELETE", token: localToken });
  await call("/v1/tokens", { token: secret });
  await call(`/v1/tokens?token=${secret}`, {});
  const told = [
    JSON.stringify(desk.events.map((event) => desk.secrets.value(event))),
    ...desk.log,
    ...answers,
  ].join("\n");
  assert.ok(
    told.includes("token.created") && told.includes("token.revoked") && told.includes("access.refused"),
  );
  for (const value of [secret.slice(14), localToken.slice(14), SECRET])
    assert.ok(!told.includes(value), value);
});

function rawRequest(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    import("node:net").then(({ connect }) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(text));
      let answer = "";
      socket.on("data", (chunk) => {
        answer += chunk;
      });
      socket.on("error", reject);
      socket.on("close", () => resolve(answer));
    }, reject);
  });
}
