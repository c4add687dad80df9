import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { dnsLabel, parseHostLabel } from "../../src/runner/previews/labels.ts";
import { openDesk, UPGRADE } from "./access-desk.ts";
import { application, open } from "./preview-desk.ts";

test("names of workspaces become labels of DNS; hosts are read back strictly", () => {
  assert.equal(dnsLabel("Fix_Login.2"), "fix-login-2");
  assert.equal(dnsLabel("--a__b--"), "a-b");
  assert.equal(dnsLabel("___"), "workspace");
  assert.equal(`65535-${dnsLabel("x".repeat(60))}`.length, 63);
  assert.ok(!dnsLabel(`${"x".repeat(56)}-yyy`).endsWith("-"));
  assert.deepEqual(parseHostLabel("3000-fix-login"), { port: 3000, label: "fix-login" });
  assert.deepEqual(parseHostLabel("80-3000-x"), { port: 80, label: "3000-x" });
  for (const wrong of [
    "fix-login",
    "3000",
    "3000-",
    "03000-x",
    "0-x",
    "65536-x",
    "3000--x",
    "3000-x-",
    "3000-x.y",
  ]) {
    assert.equal(parseHostLabel(wrong), undefined, wrong);
  }
});

test("the address is the workspace's name, unique, and stays what it is", async () => {
  await using desk = await openDesk();
  const make = async (workspace: string, port: number) => {
    const path = `/v1/workspaces/${workspace}/previews`;
    return (await desk.send(path, { method: "POST", token: desk.localToken, body: { port } })).json;
  };
  const first = await make("w0000000001", 3000);
  const second = await make("w0000000003", 3000);
  assert.equal(first.url, `http://3000-fix-login.localhost:${desk.port}/`);
  assert.equal(second.url, `http://3000-fix-login-0000.localhost:${desk.port}/`);
  assert.equal((await make("w0000000003", 3000)).url, second.url);
  assert.equal((await make("w0000000001", 8080)).url, `http://8080-fix-login.localhost:${desk.port}/`);
  const listed = await desk.send("/v1/workspaces/w0000000001/previews?limit=1", { token: desk.localToken });
  const { items, next } = listed.json as { items: { port: number; open_url: null }[]; next: string };
  assert.deepEqual([items.length, items[0]?.port, items[0]?.open_url], [1, 3000, null]);
  const rest = await desk.send(
    `/v1/workspaces/w0000000001/previews?limit=1&cursor=${encodeURIComponent(next)}`,
    { token: desk.localToken },
  );
  assert.deepEqual([(rest.json.items as { port: number }[])[0]?.port, rest.json.next], [8080, null]);
});

test("the link opens once, sets a cookie of the host alone, and leads on without its code", async () => {
  await using desk = await openDesk();
  await using app = await application();
  const made = await desk.send("/v1/workspaces/fix-login/previews", {
    method: "POST",
    token: desk.localToken,
    body: { port: app.port, path: "/app?x=1#part" },
  });
  const { host, pathname, search } = new URL(String(made.json.open_url));
  const lifeMs = Date.parse(String(made.json.expires_at)) - Date.now();
  assert.ok(lifeMs > 50_000 && lifeMs <= 60_000);
  const ahead = await desk.send(pathname + search, { host, headers: { "sec-purpose": "prefetch" } });
  assert.equal(ahead.status, 503, "looking ahead does not use it up");
  assert.equal((await desk.send(pathname + search, { host, method: "HEAD" })).status, 405);
  const other = `1-${host.slice(host.indexOf("-") + 1)}`;
  assert.equal((await desk.send(pathname + search, { host: other })).status, 404);
  const opened = await desk.send(pathname + search, {
    host,
    headers: { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
  });
  assert.equal(opened.status, 303);
  assert.equal(opened.headers.location, "/app?x=1#part");
  assert.equal(opened.headers["referrer-policy"], "no-referrer");
  const [cookie = ""] = opened.headers["set-cookie"] ?? [];
  assert.match(cookie, /^berth_preview=berth_[0-9a-z]{82}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
  const again = await desk.send(pathname + search, { host, headers: { accept: "text/html" } });
  assert.equal(again.status, 410);
  assert.match(again.text, /This link is over/);
  assert.equal((await desk.send(`${pathname}?code=wrong`, { host })).json.error?.code, "preview.link_over");
  assert.equal(app.seen.length, 0);
  const told = JSON.stringify(desk.events) + desk.log.join("");
  assert.ok(!told.includes(search.slice(20)));
});

test("without a valid cookie there is nothing but a page that says what to do", async () => {
  await using desk = await openDesk();
  await using app = await application();
  const preview = await open(desk, app.port);
  assert.equal((await preview.send("/")).text, "hello");
  const forged = [
    {},
    { cookie: "berth_preview=" },
    { cookie: `berth_preview=${desk.localToken}` },
    { cookie: `${preview.cookie.slice(0, -1)}${preview.cookie.endsWith("0") ? "1" : "0"}` },
    { cookie: preview.cookie.replace(/(berth_[0-9a-z]{8})[0-9a-f]{10}/, "$1ffffffffff") },
    { authorization: `Bearer ${desk.localToken}` },
  ];
  for (const headers of forged) {
    const { status, text } = await desk.send("/", {
      host: preview.host,
      headers: { accept: "text/html", ...headers },
    });
    assert.equal(status, 401);
    assert.match(text, /needs its link/);
  }
  const unknown = await desk.send("/", { host: `1234-fix-login.localhost:${desk.port}`, headers: forged[0] });
  assert.equal(unknown.json.error?.code, "preview.unknown");
  assert.equal((await desk.send("/", { host: `nothing.localhost:${desk.port}` })).status, 404);
  assert.equal(app.seen.length, 1);
});

test("a cookie of one preview opens no other one: another port, another workspace, a workspace that took the name", async () => {
  await using desk = await openDesk();
  await using app = await application();
  await using second = await application();
  const one = await open(desk, app.port);
  const otherPort = await open(desk, second.port);
  const otherPlace = await open(desk, app.port, { workspace: "other" });
  for (const { host } of [otherPort, otherPlace]) {
    assert.equal((await desk.send("/", { host, headers: { cookie: one.cookie } })).status, 401);
  }
  // Beside a cookie that another preview has set for the whole domain, the right one counts.
  const tossed = `${otherPort.cookie}; ${one.cookie}`;
  assert.equal((await desk.send("/", { host: one.host, headers: { cookie: tossed } })).status, 200);
  await desk.access.store.db.updateTable("preview").set({ workspace_id: "w0000000002" }).execute();
  assert.equal((await one.send("/")).status, 401);
});

test("a preview ends with the token that opened it, and what streams from it, too", async () => {
  await using desk = await openDesk();
  await using app = await application((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
  });
  const token = await desk.token("operate", ["w0000000001"]);
  const preview = await open(desk, app.port, { token });
  const response = await preview.stream("/");
  assert.equal(String((await once(response, "data"))[0]), "data: 1\n\n");
  const [id = ""] = (await desk.access.tokens.list()).flatMap((info) =>
    info.id === "local" ? [] : [info.id],
  );
  const closed = once(response, "error");
  await desk.access.tokens.remove(id);
  await closed;
  assert.equal((await preview.send("/")).status, 401);
  const rotated = await open(desk, app.port);
  await desk.access.tokens.remove("local");
  assert.equal(
    (await desk.send("/", { host: rotated.host, headers: { cookie: rotated.cookie } })).status,
    401,
  );
});

test("a preview that is deleted ends with what is open of it, and its cookie is worth nothing when it is made anew", async () => {
  await using desk = await openDesk();
  await using app = await application((request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    if (request.url === "/events") response.write("data: 1\n\n");
    else response.end("hello");
  });
  const preview = await open(desk, app.port);
  const response = await preview.stream("/events");
  await once(response, "data");
  const closed = once(response, "error");
  const remove = (port: number) =>
    desk.send(`/v1/workspaces/fix-login/previews?port=${port}`, { method: "DELETE", token: desk.localToken });
  assert.equal((await remove(app.port)).status, 204);
  await closed;
  assert.equal((await preview.send("/")).status, 404);
  assert.equal((await remove(app.port)).status, 404);
  const again = await open(desk, app.port);
  assert.equal(again.host, preview.host);
  assert.equal((await preview.send("/")).status, 401);
  assert.equal((await again.send("/")).status, 200);
});

test("behind a proxy with TLS, under a domain of its own: https addresses, and a cookie that needs it", async () => {
  await using desk = await openDesk({
    baseDomain: "example.com",
    publicUrl: "https://berth.example.com",
    trustedProxies: ["127.0.0.1"],
  });
  await using app = await application();
  const proxied = { "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7" };
  const made = await desk.send("/v1/workspaces/fix-login/previews", {
    method: "POST",
    token: desk.localToken,
    host: "berth.example.com",
    headers: proxied,
    body: { port: app.port },
  });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.url, `https://${app.port}-fix-login.example.com/`);
  const { host, pathname, search } = new URL(String(made.json.open_url));
  const opened = await desk.send(pathname + search, { host, headers: proxied });
  const [cookie = ""] = opened.headers["set-cookie"] ?? [];
  assert.match(cookie, /^__Host-berth_preview=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/);
  const headers = { ...proxied, cookie: cookie.split(";")[0], origin: `https://${host}` };
  assert.equal((await desk.send("/", { host, headers })).text, "hello");
  const { headers: got } = app.seen[0] ?? assert.fail();
  assert.deepEqual(
    [got["x-forwarded-proto"], got["x-forwarded-for"], got.cookie],
    ["https", "203.0.113.7", undefined],
  );
  const plain = await desk.send("/", { host, headers: { ...headers, "x-forwarded-proto": "http" } });
  assert.equal(plain.json.error?.code, "request.origin_refused");
  const other = await desk.send("/v1/workspaces", { host: "other.example.com", token: desk.localToken });
  assert.equal(other.json.error?.code, "preview.unknown");
});

test("a cookie is known again by a runner that was started anew", async () => {
  await using desk = await openDesk();
  await using app = await application();
  const preview = await open(desk, app.port);
  await using second = await openDesk({ stateDirectory: desk.directory });
  const { status } = await second.send("/", { host: preview.host, headers: { cookie: preview.cookie } });
  assert.equal(status, 200);
});

test("the application gets nothing of Berth's, and headers that nobody has smuggled in", async () => {
  await using desk = await openDesk();
  await using app = await application();
  const preview = await open(desk, app.port);
  const token = await desk.token("read");
  await preview.send("/path/%2e%2e/x?q=%20#f", {
    headers: {
      cookie: `a=1; ${preview.cookie}; __Host-berth_preview=x; b="2"; stray=${token}`,
      authorization: `Bearer ${token}`,
      "x-forwarded-for": "6.6.6.6",
      "X-Forwarded-Host": "evil.example",
      x_forwarded_for: "6.6.6.6",
      forwarded: "for=6.6.6.6",
      "x-real-ip": "6.6.6.6",
      "x-own": "kept",
      connection: "close, x-own-hop, x-forwarded-proto",
      "x-own-hop": "dropped",
      te: "trailers",
      "proxy-authorization": "Basic x",
    },
  });
  const { headers, url, rawHeaders } = app.seen[0] ?? assert.fail();
  assert.equal(url, "/path/%2e%2e/x?q=%20#f".split("#")[0] === url ? url : "/path/%2e%2e/x?q=%20#f");
  assert.equal(headers.cookie, 'a=1; b="2"');
  assert.equal(headers.authorization, undefined);
  assert.equal(headers.host, `localhost:${app.port}`);
  assert.equal(headers["x-forwarded-for"], "127.0.0.1");
  assert.equal(headers["x-forwarded-host"], preview.host);
  assert.equal(headers["x-forwarded-proto"], "http");
  assert.equal(headers["x-own"], "kept");
  for (const name of ["x_forwarded_for", "forwarded", "x-real-ip", "x-own-hop", "proxy-authorization"]) {
    assert.equal(headers[name], undefined, name);
  }
  assert.ok(!rawHeaders.join("\n").includes(token.slice(14)));
  await preview.send("/", { headers: { authorization: "Basic YTpi" } });
  assert.equal(app.seen[1]?.headers.authorization, "Basic YTpi", "the application's own stays");
  const own = await open(desk, app.port, { body: { host: "preview" } });
  await own.send("/");
  assert.equal(app.seen[2]?.headers.host, own.host);
});

test("smuggled requests: what is ambiguous never reaches the application", async () => {
  await using desk = await openDesk();
  await using app = await application();
  const preview = await open(desk, app.port);
  const head = `Host: ${preview.host}\r\nCookie: ${preview.cookie}\r\n`;
  for (const request of [
    `POST / HTTP/1.1\r\n${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n${head}\r\n`,
    `POST / HTTP/1.1\r\n${head}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`,
    `POST / HTTP/1.1\r\n${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    `GET / HTTP/1.1\r\n${head}X: a\nY: b\r\n\r\n`,
    `GET / HTTP/1.1\r\n${head}Host: other\r\n\r\n`,
    `GET http://other/ HTTP/1.1\r\n${head}\r\n`,
  ]) {
    const socket = connect(desk.port, "127.0.0.1");
    socket.write(request);
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(String(answer), /^HTTP\/1\.1 4\d\d /, request);
    socket.destroy();
  }
  assert.deepEqual(app.seen, []);
});

test("cookies and addresses that the application gives stay on its host", async () => {
  await using desk = await openDesk();
  await using app = await application((_, response) => {
    response.setHeader("set-cookie", [
      "a=1; Domain=localhost; Path=/; HttpOnly",
      "b=2; path=/;DOMAIN = .localhost;Secure",
      "c=3",
      "berth_preview=evil",
      "__Host-berth_preview=evil; Secure",
    ]);
    response.setHeader("clear-site-data", '"*"');
    response.setHeader("alt-svc", 'h3=":443"');
    response.setHeader("strict-transport-security", "max-age=1; includeSubDomains");
    response.writeHead(302, { location: `http://localhost:${app.port}/next?x=1` }).end();
  });
  const preview = await open(desk, app.port);
  const { headers } = await preview.send("/");
  assert.deepEqual(headers["set-cookie"], ["a=1; Path=/; HttpOnly", "b=2; path=/;Secure", "c=3"]);
  assert.equal(headers.location, `http://${preview.host}/next?x=1`);
  for (const name of ["clear-site-data", "alt-svc", "strict-transport-security"]) {
    assert.equal(headers[name], undefined);
  }
});

test("a page of another preview or site can't use the cookie that its browser has", async () => {
  await using desk = await openDesk();
  await using app = await application();
  const preview = await open(desk, app.port);
  const other = `http://9999-other.localhost:${desk.port}`;
  for (const headers of [
    { origin: other },
    { origin: "null" },
    { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" },
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", origin: other },
    { "sec-fetch-site": "same-site", "sec-fetch-mode": "websocket", origin: other, ...UPGRADE },
  ]) {
    assert.equal((await preview.send("/", { headers })).json.error?.code, "request.origin_refused");
  }
  assert.equal(app.seen.length, 0);
  const own = { origin: `http://${preview.host}`, "sec-fetch-site": "same-origin" };
  assert.equal((await preview.send("/", { headers: own })).status, 200);
  // And the other way: a preview's page can't call the API.
  const call = await desk.send("/v1/tokens", {
    token: desk.localToken,
    headers: { origin: `http://${preview.host}` },
  });
  assert.equal(call.json.error?.code, "request.origin_refused");
  assert.equal((await preview.send("/v1/tokens", { token: desk.localToken })).text, "hello", "it has no API");
});
