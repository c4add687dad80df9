import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { WebSocket } from "ws";
import { createRunnerClient } from "../../src/client/client.ts";
import { tokenKey } from "../../src/runner/access/token-text.ts";
import { certificate } from "../fixtures/certificate.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { testRunner } from "../fixtures/runner.ts";
import { openDesk, send, UPGRADE } from "./access-desk.ts";
import { codeOf, type SignedIn, signedIn, signInByCode } from "./session-desk.ts";

test("a code signs in once, and its session needs both the cookie and the key", async () => {
  await using desk = await openDesk();
  const made = await desk.send("/v1/sessions/codes", { method: "POST", token: desk.localToken });
  const { code, url, expires_at } = made.json as Record<string, string>;
  assert.equal(url, `${desk.url}/sign-in#code=${code}`, "in the fragment, which is sent to nobody");
  assert.ok(tokenKey(code ?? "") !== undefined, "it has the form of a token, which is masked everywhere");
  assert.ok(Date.parse(expires_at ?? "") <= Date.now() + 60_000);
  const redeem = () => desk.send("/v1/sessions", { method: "POST", body: { code } });
  const browser = signedIn(await redeem());
  const again = await redeem();
  assert.deepEqual([again.status, again.json.error?.code], [410, "session.code_over"]);

  const call = async (headers: Record<string, string>) => {
    const { status, json } = await desk.send("/v1/sessions/current", { headers });
    return json.error?.code ?? status;
  };
  const { cookie, "berth-session": key } = browser.headers;
  const other = await signInByCode(desk.port, desk.localToken);
  assert.equal(await call({ cookie, "berth-session": key }), 200);
  assert.equal(await call({ cookie }), "auth.missing", "what browsers send by themselves is worth nothing");
  assert.equal(await call({ "berth-session": key }), "auth.invalid");
  assert.equal(await call({ cookie, "berth-session": other.key }), "auth.invalid", "of another session");
  assert.equal(await call({ cookie: other.cookie, "berth-session": key }), "auth.invalid");
  const slip = `${key.slice(0, -1)}${key.endsWith("a") ? "b" : "a"}`;
  assert.equal(await call({ cookie, "berth-session": slip }), "auth.invalid");
  // Other cookies are nobody's, and others may have set some of the same name, before and behind.
  const tossed = `a=b; ${cookie.split("=")[0]}=x; theme; ${cookie}; ${other.cookie}`;
  assert.equal(await call({ cookie: tossed, "berth-session": key }), 200);
  assert.equal(
    await call({ cookie, "berth-session": key, authorization: "Bearer berth_nothing" }),
    "auth.invalid",
    "a token wins, also a wrong one",
  );
  const upgraded = await desk.send("/v1/processes/p/attach", {
    headers: { ...UPGRADE, cookie, "sec-websocket-protocol": `berth.attach.v1, berth.session.${key}` },
  });
  assert.equal(upgraded.status, 404, "it came to the handler");
  const plain = { cookie, "sec-websocket-protocol": `berth.session.${key}` };
  assert.equal(await call(plain), "auth.missing", "only an upgrade has it there");
  const secrets = [code ?? "", cookie.split("=")[1] ?? "", key];
  const told = `${desk.log.join("\n")}${JSON.stringify(desk.events)}`;
  for (const secret of secrets) assert.ok(secret.length > 40 && !told.includes(secret));
});

test("no page of elsewhere signs in, or calls by a session, with whatever a browser sends along", async () => {
  await using desk = await openDesk({ publicUrl: "https://berth.example.com" });
  const browser = await signInByCode(desk.port, desk.localToken);
  const elsewhere = [
    { origin: "http://127.0.0.1:1" },
    { origin: `http://3000-fix-login.localhost:${desk.port}` },
    { origin: "null" },
    { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" },
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "websocket" },
  ];
  for (const headers of elsewhere) {
    const code = await codeOf(desk.port, { token: desk.localToken });
    const signs = await desk.send("/v1/sessions", { method: "POST", headers, body: { code } });
    assert.equal(signs.json.error?.code, "request.origin_refused", JSON.stringify(headers));
    const calls = await desk.send("/v1/sessions", { headers: { ...browser.headers, ...headers } });
    assert.equal(calls.json.error?.code, "request.origin_refused");
  }
  const rebound = await desk.send("/v1/sessions", { host: "evil.example", headers: browser.headers });
  assert.equal(rebound.json.error?.code, "request.host_refused");
  for (const origin of [`http://127.0.0.1:${desk.port}`, "https://berth.example.com"]) {
    const calls = await desk.send("/v1/sessions", { headers: { ...browser.headers, origin } });
    assert.equal(calls.status, 200);
  }
});

test("the cookie is of the host alone and by the port of the page; with TLS nobody else can set it", async () => {
  await using desk = await openDesk({ publicUrl: "https://berth.example.com" });
  const sign = (headers: Record<string, string>) => signInByCode(desk.port, desk.localToken, { headers });
  const plain = await sign({});
  assert.match(
    plain.setCookie,
    new RegExp(`^berth_${desk.port}=berth_\\w{57}; Path=/; Max-Age=77\\d{5}; HttpOnly; SameSite=Strict$`),
  );
  // A proxy that ends TLS, and tells the runner nothing of it: the browser says where it sees the page.
  const proxied = await sign({ origin: "https://berth.example.com" });
  assert.match(proxied.setCookie, /^__Host-berth_443=\w+; Path=\/; .*HttpOnly; SameSite=Strict; Secure$/);
  assert.equal((await desk.send("/v1/sessions/current", { headers: proxied.headers })).status, 200);
  const code = await desk.send("/v1/sessions/codes", { method: "POST", token: desk.localToken });
  assert.match(String(code.json.url), /^https:\/\/berth\.example\.com\/sign-in#code=/);
  const token = await desk.token("read", undefined, 3_600_000);
  assert.match((await signInByCode(desk.port, token)).setCookie, /Max-Age=(?:3600|359\d);/);
  const out = await desk.send("/v1/sessions/current", {
    method: "DELETE",
    headers: { ...proxied.headers, origin: "https://berth.example.com" },
  });
  assert.equal(out.status, 204);
  assert.match(out.headers["set-cookie"]?.[0] ?? "", /^__Host-berth_443=; Path=\/; Max-Age=0; .*Secure$/);
});

test("by TLS: the page's own address, and a cookie that is sent by TLS alone", async () => {
  await using scratch = await scratchDirectory();
  const pair = certificate(scratch.path);
  await using runner = await testRunner({ inProcess: true, tls: pair });
  const port = Number(new URL(runner.publicUrl ?? "").port);
  const body = JSON.stringify({ token: runner.token });
  const setCookie = await new Promise<string>((resolve, reject) => {
    const headers = { "content-type": "application/json", origin: `https://localhost:${port}` };
    const options = { host: "127.0.0.1", port, rejectUnauthorized: false, method: "POST", headers };
    httpsRequest({
      ...options,
      path: "/v1/sessions",
      setHost: false,
      headers: { ...headers, host: `localhost:${port}` },
    })
      .on("response", (response) => {
        response.resume();
        resolve(response.headers["set-cookie"]?.[0] ?? `status ${response.statusCode}`);
      })
      .on("error", reject)
      .end(body);
  });
  assert.match(setCookie, new RegExp(`^__Host-berth_${port}=\\w+; Path=/; .*; Secure$`));
});

test("by a token, which is slowed down when it fails, and locks nobody out", async () => {
  await using desk = await openDesk();
  const sign = (body: unknown) => desk.send("/v1/sessions", { method: "POST", body });
  const limited = await desk.token("operate", ["w0000000001"]);
  const browser = signedIn(await sign({ token: limited }));
  const { json } = await desk.send("/v1/sessions/current", { headers: browser.headers });
  const { token, session } = json as { token: Record<string, unknown>; session: Record<string, unknown> };
  assert.deepEqual([token.scope, token.workspaces], ["operate", ["w0000000001"]]);
  assert.deepEqual([session.id, session.token_id, session.current], [browser.id, token.id, true]);
  for (const body of [{}, { code: 1 }, { token: limited, code: limited }, { token: "" }]) {
    assert.equal((await sign(body)).status, 400);
  }
  const large = await sign({ token: "a".repeat(5_000) });
  assert.equal(large.json.error?.code, "request.too_large", "who has no token sends little");
  const codes = [];
  for (let count = 0; count < 12; count++) {
    codes.push((await sign({ token: `${limited.slice(0, -1)}!` })).json.error?.code);
  }
  assert.equal(codes[0], "auth.invalid");
  assert.equal(codes.at(-1), "request.rate_limited");
  assert.equal((await sign({ code: "berth_nothing" })).json.error?.code, "request.rate_limited");
  assert.equal((await sign({ token: limited })).status, 201, "a valid one is not made to wait");
});

test("a session has the scope of its token, makes codes for no more, and knows the sessions of its token alone", async () => {
  await using desk = await openDesk();
  const [read, operate] = [await desk.token("read"), await desk.token("operate")];
  const reader = await signInByCode(desk.port, read);
  const refused = await desk.send("/v1/operations/o/cancel", { method: "POST", headers: reader.headers });
  assert.equal(refused.json.error?.code, "auth.forbidden");
  const code = await codeOf(desk.port, { headers: reader.headers });
  const second = signedIn(await desk.send("/v1/sessions", { method: "POST", body: { code } }));
  const current = await desk.send("/v1/sessions/current", { headers: second.headers });
  assert.equal((current.json.token as { scope: string }).scope, "read");
  const ends = await desk.access.store.db
    .selectFrom("session")
    .select("ends_at")
    .where("id", "in", [reader.id, second.id])
    .execute();
  assert.equal(
    new Set(ends.map(({ ends_at }) => ends_at)).size,
    1,
    "it lives no longer than who made it could",
  );

  const worker = await signInByCode(desk.port, operate);
  const idsOf = async (by: object) => {
    const { json } = await desk.send("/v1/sessions", by);
    return (json.items as { id: string }[]).map(({ id }) => id).sort();
  };
  assert.deepEqual(await idsOf({ headers: reader.headers }), [reader.id, second.id].sort());
  assert.deepEqual(await idsOf({ token: desk.localToken }), [reader.id, second.id, worker.id].sort());
  const remove = async (id: string, by: object) =>
    (await desk.send(`/v1/sessions/${id}`, { method: "DELETE", ...by })).status;
  assert.equal(await remove(worker.id, { headers: reader.headers }), 404);
  assert.equal(await remove(second.id, { headers: reader.headers }), 204);
  assert.equal(await remove(worker.id, { token: desk.localToken }), 204);
  for (const { headers } of [second, worker]) {
    assert.equal((await desk.send("/v1/sessions/current", { headers })).json.error?.code, "auth.invalid");
  }
  const byToken = await desk.send("/v1/sessions/current", { method: "DELETE", token: read });
  assert.equal(byToken.json.error?.code, "session.unknown", "a token is no session");
  assert.equal((await desk.send("/v1/sessions/current", { token: read })).json.session, null);
  const types = desk.events.map(({ type }) => type).filter((type) => type.startsWith("session."));
  assert.deepEqual(types.toSorted(), [
    ...Array(3).fill("session.created"),
    ...Array(2).fill("session.ended"),
  ]);
});

test("who signs in again in the same browser leaves no session behind that nobody can use", async () => {
  await using desk = await openDesk();
  const first = await signInByCode(desk.port, desk.localToken);
  const second = await signInByCode(desk.port, desk.localToken, { headers: { cookie: first.cookie } });
  const { json } = await desk.send("/v1/sessions", { token: desk.localToken });
  assert.deepEqual(
    (json.items as { id: string }[]).map(({ id }) => id),
    [second.id],
  );
});

test("two runners on one machine do not sign each other out", async () => {
  await using one = await openDesk();
  await using other = await openDesk();
  const here = await signInByCode(one.port, one.localToken);
  const there = await signInByCode(other.port, other.localToken, { headers: { cookie: here.cookie } });
  assert.notEqual(here.cookie.split("=")[0], there.cookie.split("=")[0], "a browser keeps both");
  const cookie = `${there.cookie}; ${here.cookie}`;
  for (const [desk, { key }] of [
    [one, here],
    [other, there],
  ] as const) {
    const call = await desk.send("/v1/sessions/current", { headers: { cookie, "berth-session": key } });
    assert.equal(call.status, 200);
  }
  const wrong = { cookie, "berth-session": here.key };
  assert.equal((await other.send("/v1/sessions/current", { headers: wrong })).status, 401);
});

test("signing out ends what the session has open: events, attach and a preview; another one goes on", async () => {
  await using runner = await testRunner({ inProcess: true });
  const { id: workspace } = await runner.workspace();
  const port = Number(new URL(runner.url).port);
  const browser = await signInByCode(port, runner.token);
  const stays = await signInByCode(port, runner.token);
  const client = createRunnerClient({
    url: runner.url,
    session: browser.key,
    fetch: (request) => {
      // What a browser does by itself.
      request.headers.set("cookie", browser.cookie);
      return fetch(request);
    },
  });
  const { id } = await client.post("/v1/workspaces/{workspace}/processes", {
    params: { path: { workspace } },
    body: { command: ["sleep", "600"] },
  });
  const events = (who: SignedIn) =>
    fetch(`${runner.url}/v1/events`, { headers: { ...who.headers, accept: "text/event-stream" } });
  const [ending, going] = [await events(browser), await events(stays)];
  assert.deepEqual([ending.status, going.status], [200, 200]);
  const attached = new WebSocket(
    `${runner.url.replace("http", "ws")}/v1/processes/${id}/attach`,
    ["berth.attach.v1", `berth.session.${browser.key}`],
    { headers: { cookie: browser.cookie, origin: runner.url } },
  );
  await once(attached, "open");
  assert.equal(attached.protocol, "berth.attach.v1", "the key is not told back");
  const app = createServer((_, response) => void response.end("hello"));
  app.listen(0, "127.0.0.1");
  await once(app, "listening");
  try {
    const preview = await client.post("/v1/workspaces/{workspace}/previews", {
      params: { path: { workspace } },
      body: { port: (app.address() as AddressInfo).port },
    });
    const { host, pathname, search } = new URL(preview.open_url ?? "");
    const opened = await send(port, pathname + search, { host });
    const cookie = opened.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
    const look = async () => (await send(port, "/", { host, headers: { cookie } })).status;
    assert.equal(await look(), 200);
    const closed = Promise.all([once(attached, "close"), ending.text().catch(() => "")]);
    await client.delete("/v1/sessions/current");
    await closed;
    assert.equal(await look(), 401);
    await assert.rejects(client.get("/v1/workspaces"), { code: "auth.invalid" });
    const { headers } = stays;
    assert.equal((await send(port, "/v1/workspaces", { host: `127.0.0.1:${port}`, headers })).status, 200);
    await going.body?.cancel();
  } finally {
    app.closeAllConnections();
    app.close();
  }
});

test("sessions outlive the runner; they end with their token, revoked by whichever program", async () => {
  await using runner = await testRunner({ inProcess: true });
  const port = Number(new URL(runner.url).port);
  const host = `127.0.0.1:${port}`;
  const body = { name: "page", scope: "read" };
  const made = await send(port, "/v1/tokens", { method: "POST", token: runner.token, host, body });
  const { secret, token } = made.json as { secret: string; token: { id: string } };
  const [local, named] = [await signInByCode(port, runner.token), await signInByCode(port, secret)];
  const status = async ({ headers }: SignedIn) =>
    (await send(port, "/v1/sessions/current", { host, headers })).status;
  const code = await codeOf(port, { token: runner.token });
  await runner.restart();
  assert.deepEqual([await status(local), await status(named)], [200, 200]);
  const old = await send(port, "/v1/sessions", { method: "POST", host, body: { code } });
  assert.equal(old.json.error?.code, "session.code_over", "codes do not");
  const open = await fetch(`${runner.url}/v1/events`, {
    headers: { ...local.headers, accept: "text/event-stream" },
  });
  const end = open.text().catch(() => "");
  const revoke = (id: string) =>
    send(port, `/v1/tokens/${id}`, { method: "DELETE", token: runner.token, host });
  assert.equal((await revoke(token.id)).status, 204);
  assert.deepEqual([await status(local), await status(named)], [200, 401]);
  assert.equal((await revoke("local")).status, 204);
  await end;
  assert.equal(await status(local), 401);
});
