import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { waitFor } from "../fixtures/process.ts";
import { openDesk } from "./access-desk.ts";
import { application, open } from "./preview-desk.ts";

test("an application that does not answer is a page with the reason, which looks again", async () => {
  await using desk = await openDesk();
  await using app = await application();
  const { port } = app;
  const preview = await open(desk, port);
  await app[Symbol.asyncDispose]();
  const down = await preview.send("/", { headers: { accept: "text/html" } });
  assert.equal(down.status, 502);
  assert.match(down.text, /nothing listens on port/);
  assert.match(down.text, /http-equiv="refresh"/);
  assert.equal((await preview.send("/")).json.error?.code, "preview.unavailable");
  const broken = await open(desk, port);
  await using bad = await listener((socket) => socket.resume().end("no HTTP at all\r\n\r\n"), port);
  assert.match(String((await broken.send("/")).json.error?.message), /does not speak HTTP/);
  await bad[Symbol.asyncDispose]();
  await using cut = await listener((socket) => socket.once("data", () => socket.destroy()), port);
  assert.equal((await broken.send("/")).status, 502);
  await cut[Symbol.asyncDispose]();
  await using up = await application(undefined, port);
  assert.equal((await preview.send("/")).status, 200);
  assert.equal(up.seen.length, 1);
});

test("a large body goes both ways as it is, and no faster than it is taken", async () => {
  await using desk = await openDesk();
  const bytes = randomBytes(12_000_000);
  const hash = createHash("sha256").update(bytes).digest("hex");
  await using app = await application((_request, response, body) => {
    response.setHeader("x-hash", createHash("sha256").update(body).digest("hex"));
    response.end(bytes);
  });
  const preview = await open(desk, app.port);
  const request = httpRequest({
    port: desk.port,
    agent: false,
    method: "PUT",
    path: "/file",
    headers: { host: preview.host, cookie: preview.cookie, expect: "100-continue" },
  });
  await once(request.flushHeaders() ?? request, "continue");
  for (let at = 0; at < bytes.length; at += 1_000_000) request.write(bytes.subarray(at, at + 1_000_000));
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  assert.equal(response.headers["x-hash"], hash);
  const received = createHash("sha256");
  for await (const chunk of response) received.update(chunk as Buffer);
  assert.equal(received.digest("hex"), hash);
  assert.equal(app.seen[0]?.headers["transfer-encoding"], "chunked");
  assert.equal(app.seen[0]?.headers.expect, undefined);
});

test("HEAD, 204, 304, trailers, early hints and an answer that is cut off arrive as they are", async () => {
  await using desk = await openDesk();
  await using app = await application((request, response) => {
    if (request.url === "/204") response.writeHead(204).end();
    else if (request.url === "/304") response.writeHead(304, { etag: '"x"' }).end();
    else if (request.url === "/trailers") {
      response.writeHead(200, { trailer: "x-sum" });
      response.write("body");
      response.addTrailers({ "x-sum": "7" });
      response.end();
    } else if (request.url === "/cut") {
      response.writeHead(200, { "content-length": "100" });
      response.write("half", () => response.destroy());
    } else if (request.url === "/hints") {
      response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      response.end("late");
    } else
      response.writeHead(200, { "content-length": "5" }).end(request.method === "HEAD" ? undefined : "hello");
  });
  const preview = await open(desk, app.port);
  const head = await preview.send("/", { method: "HEAD" });
  assert.deepEqual([head.status, head.headers["content-length"], head.text], [200, "5", ""]);
  assert.equal((await preview.send("/204")).status, 204);
  assert.deepEqual([(await preview.send("/304")).status], [304]);
  const ask = (path: string) =>
    httpRequest({
      port: desk.port,
      agent: false,
      path,
      headers: { host: preview.host, cookie: preview.cookie },
    }).end();
  const [trailed] = (await once(ask("/trailers"), "response")) as [IncomingMessage];
  trailed.resume();
  await once(trailed, "end");
  assert.equal(trailed.trailers["x-sum"], "7");
  const hinted = ask("/hints");
  const [hints] = (await once(hinted, "information")) as [
    { statusCode: number; headers: IncomingMessage["headers"] },
  ];
  assert.deepEqual([hints.statusCode, hints.headers.link], [103, "</a.css>; rel=preload"]);
  await assert.rejects(preview.send("/cut"), "a part is not taken for the whole");
});

test("a client that keeps its connection, and an application that closes kept ones, see no failure", async () => {
  await using desk = await openDesk();
  const sockets = new Set<Socket>();
  await using app = await application((request, response) => {
    sockets.add(request.socket);
    response.end("hello");
    // Kept connections are closed right behind an answer, as servers do when their time is over.
    if (sockets.size % 2 === 0) setImmediate(() => request.socket.destroy());
  });
  const preview = await open(desk, app.port);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let call = 0; call < 30; call++) {
    const request = httpRequest({
      port: desk.port,
      agent,
      headers: { host: preview.host, cookie: preview.cookie },
    }).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    response.resume();
    await once(response, "end");
  }
  assert.ok(sockets.size < 30, "connections to the application are used again");
  agent.destroy();
});

test("WebSockets go through both ways, with their subprotocol and without Berth's token; refusals of the application, too", async () => {
  await using desk = await openDesk();
  await using app = await application();
  const seen: IncomingMessage[] = [];
  const sockets = new WebSocketServer({ noServer: true });
  app.server.on("upgrade", (request, socket, head) => {
    seen.push(request);
    if (request.url === "/no") socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
    else {
      sockets.handleUpgrade(request, socket, head, (ws) => {
        ws.send("welcome");
        ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
      });
    }
  });
  const preview = await open(desk, app.port);
  const dial = (path: string, protocols: string[], headers: Record<string, string>) =>
    new WebSocket(`ws://127.0.0.1:${desk.port}${path}`, protocols, {
      headers: { host: preview.host, ...headers },
    });
  const own = { cookie: preview.cookie, origin: `http://${preview.host}` };
  const socket = dial("/live?x=1", ["chat", `berth.token.${desk.localToken}`], own);
  const messages: string[] = [];
  socket.on("message", (data) => messages.push(String(data)));
  await once(socket, "open");
  assert.equal(socket.protocol, "chat");
  const large = "x".repeat(1_000_000);
  socket.send(large);
  await waitFor("the echo", () => messages.length === 2);
  assert.deepEqual([messages[0], messages[1]?.length], ["welcome", large.length]);
  assert.equal(seen[0]?.headers["sec-websocket-protocol"], "chat");
  assert.equal(seen[0]?.headers.cookie, undefined);
  for (const headers of [{}, { cookie: preview.cookie, origin: "http://evil.example" }]) {
    const refused = dial("/live", [], headers as Record<string, string>);
    const [error] = (await once(refused, "error")) as [Error];
    assert.match(error.message, /40[13]/);
  }
  const forbidden = dial("/no", [], own);
  const [error] = (await once(forbidden, "error")) as [Error];
  assert.match(error.message, /403/);
  const closed = once(socket, "close");
  desk.stop();
  await closed;
  for (const ws of sockets.clients) ws.terminate();
});

test("a runner that stops ends what has no end, and lets the rest be answered", async () => {
  await using desk = await openDesk();
  const asked = Promise.withResolvers<() => void>();
  await using app = await application((request, response) => {
    if (request.url === "/events") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: 1\n\n");
    } else asked.resolve(() => response.end("late"));
  });
  const preview = await open(desk, app.port);
  const stream = await preview.stream("/events");
  const cut = once(stream.resume(), "error");
  const answer = preview.send("/slow");
  const finish = await asked.promise;
  desk.stop();
  await cut;
  finish();
  assert.equal((await answer).text, "late");
});

test("events of a stream arrive as they are written, and one who leaves is noticed by the application", async () => {
  await using desk = await openDesk();
  const { promise: left, resolve } = Promise.withResolvers<void>();
  let write: (text: string) => void = () => undefined;
  await using app = await application((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    write = (text) => response.write(text);
    response.on("close", resolve);
  });
  const preview = await open(desk, app.port);
  const response = await preview.stream("/");
  for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
    write(event);
    assert.equal(String((await once(response, "data"))[0]), event);
  }
  response.on("error", () => undefined).destroy();
  await left;
});

test("a stream of events that is silent gets comments between two of them, and a WebSocket pings", async () => {
  await using desk = await openDesk({ previewHeartbeatMs: 20 });
  let write: (text: string) => void = () => undefined;
  await using app = await application((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    write = (text) => response.write(text);
    write("data: 1\n\n");
  });
  const sockets = new WebSocketServer({ server: app.server });
  const preview = await open(desk, app.port);
  const response = await preview.stream("/");
  let text = "";
  response.on("data", (chunk) => {
    text += chunk;
  });
  response.on("error", () => undefined);
  await waitFor("comments", () => /^data: 1\n\n(?::\n\n){2,}$/.test(text));
  write("data: 2");
  await waitFor("the half of an event", () => text.endsWith("data: 2"));
  write("\n\n");
  await waitFor("the rest, with nothing between", () => text.includes("data: 2\n\n:\n\n"));
  response.destroy();
  const headers = { host: preview.host, cookie: preview.cookie };
  const socket = new WebSocket(`ws://127.0.0.1:${desk.port}/`, { headers });
  await once(socket, "ping");
  socket.terminate();
  sockets.close();
});

async function listener(onSocket: (socket: Socket) => void, port: number): Promise<AsyncDisposable> {
  const { createServer: createTcpServer } = await import("node:net");
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
