import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { TestPlace, until } from "./testing.ts";

async function listening(server: Server, host: string): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Answers the sha256 of all it is sent, once the other side has ended its half. */
function hashServer(): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    const hash = createHash("sha256");
    socket.on("data", (chunk) => hash.update(chunk));
    socket.on("end", () => socket.end(hash.digest("hex")));
    socket.on("error", () => socket.destroy());
  });
}

async function ask(port: number, host: string, bytes: Uint8Array): Promise<string> {
  const socket = connect({ port, host, allowHalfOpen: true });
  let answer = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    answer += text;
  });
  socket.end(bytes);
  await once(socket, "close");
  return answer;
}

const BYTES = new Uint8Array(3_000_000).map((_, index) => (index * 17) ^ (index >>> 10));
const HASH = createHash("sha256").update(BYTES).digest("hex");

test("a forward carries bytes both ways with half-close, to 127.0.0.1 and to ::1", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  for (const host of ["127.0.0.1", "::1"]) {
    const server = hashServer();
    const remotePort = await listening(server, host);
    await using forward = await runtime.forward(remotePort);
    assert.equal(forward.remotePort, remotePort);
    assert.equal(forward.localHost, "127.0.0.1");
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ask(forward.localPort, "127.0.0.1", BYTES)),
    );
    assert.deepEqual(new Set(answers), new Set([HASH]));
    server.close();
  }
});

test("a connection without a listener here carries bytes both ways with half-close, and ends with the runtime", async () => {
  await using place = await TestPlace.open();
  const server = hashServer();
  const port = await listening(server, "127.0.0.1");
  await using runtime = await place.runtime();
  const socket = await runtime.connect(port);
  socket.end(BYTES);
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  assert.equal(answer, HASH);
  await assert.rejects(runtime.connect(1), { code: "port.refused" });
  await assert.rejects(runtime.connect(0), { code: "port.invalid" });
  await assert.rejects(runtime.connect(port, { signal: AbortSignal.abort() }), { code: "operation.aborted" });
  const held = await runtime.connect(port);
  const closed = once(held, "close");
  await runtime.close();
  await closed;
  server.close();
});

test("nobody listens there: the connection is ended", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using forward = await runtime.forward(1);
  const socket = connect({ port: forward.localPort, host: "127.0.0.1" });
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNRESET");
});

test("the listener stays over a reconnect, and ends with its dispose", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const server = hashServer();
  const remotePort = await listening(server, "127.0.0.1");
  const forward = await runtime.forward(remotePort);
  const held = connect({ port: forward.localPort, host: "127.0.0.1" });
  held.on("error", () => held.destroy()).resume();
  held.write("x");
  await until(async () => (await connections(server)) === 1);
  place.cut();
  await once(held, "close");
  assert.equal(await ask(forward.localPort, "127.0.0.1", BYTES), HASH);
  const open = connect({ port: forward.localPort, host: "127.0.0.1" });
  open.on("error", () => open.destroy()).resume();
  await once(open, "connect");
  await forward[Symbol.asyncDispose]();
  await until(() => open.destroyed);
  await assert.rejects(ask(forward.localPort, "127.0.0.1", BYTES), { code: "ECONNREFUSED" });
  server.close();
});

test("ports that are taken or none", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const server = hashServer();
  const localPort = await listening(server, "127.0.0.1");
  await assert.rejects(runtime.forward(80, { localPort }), { code: "port.in_use" });
  await assert.rejects(runtime.forward(0), { code: "port.invalid" });
  await assert.rejects(runtime.forward(70_000), { code: "port.invalid" });
  await assert.rejects(runtime.reverseForward(80, { remotePort: localPort }), { code: "port.in_use" });
  server.close();
});

test("a reverse forward brings connections from there here, also after a reconnect", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const server = hashServer();
  const localPort = await listening(server, "127.0.0.1");
  const reverse = await runtime.reverseForward(localPort);
  assert.equal(await ask(reverse.remotePort, "127.0.0.1", BYTES), HASH);
  place.cut();
  await until(async () => {
    const answer = await ask(reverse.remotePort, "127.0.0.1", BYTES).catch(() => "");
    return answer === HASH;
  });
  await reverse[Symbol.asyncDispose]();
  await until(async () => {
    const outcome = await ask(reverse.remotePort, "127.0.0.1", BYTES).then(
      () => "",
      (error: NodeJS.ErrnoException) => error.code,
    );
    return outcome === "ECONNREFUSED";
  });
  server.close();
});

test("a connection from there to a port where nobody listens here is ended", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using reverse = await runtime.reverseForward(1);
  const socket: Socket = connect({ port: reverse.remotePort, host: "127.0.0.1" });
  socket.on("error", () => socket.destroy());
  await once(socket, "close");
});

test("closing the runtime ends its forwards", async () => {
  await using place = await TestPlace.open();
  const runtime = await place.runtime();
  const forward = await runtime.forward(1);
  await runtime.close();
  await assert.rejects(ask(forward.localPort, "127.0.0.1", BYTES), { code: "ECONNREFUSED" });
});

function connections(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}
