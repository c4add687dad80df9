import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Server } from "node:net";
import { test } from "node:test";
import { berthError } from "../../contract/errors.ts";
import type { WireStream } from "../../wire/types.ts";
import { until } from "../files/testing.ts";
import { TestClient } from "../testing.ts";
import { createPortService } from "./service.ts";
import { waitForPort } from "./wait-for-port.ts";

async function listening(server: Server, host = "127.0.0.1"): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test("a connection carries bytes both ways and half-closes", async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const parts: Buffer[] = [];
    socket.on("data", (chunk) => parts.push(chunk));
    socket.on("end", () => socket.end(Buffer.concat(parts)));
  });
  const port = await listening(server);
  const client = new TestClient(createPortService());
  const content = randomBytes(3_000_000);
  const { result, data } = await client.call("port.connect", { port }, [content]);
  assert.deepEqual(result, {});
  assert.ok(data.equals(content));
  server.close();
});

test("a server on ::1 only is found as well", async (t) => {
  const server = createServer((socket) => socket.end("six"));
  const port = await listening(server, "::1").catch(() => 0);
  if (port === 0) return t.skip("no IPv6 here");
  const client = new TestClient(createPortService());
  assert.equal((await client.call("port.connect", { port })).data.toString(), "six");
  server.close();
});

test("nothing there is port.refused", async () => {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  const client = new TestClient(createPortService());
  await assert.rejects(client.call("port.connect", { port }), { code: "port.refused" });
});

test("a reader that gives no credit holds the server back, a reset closes its connection", async () => {
  let sent = 0;
  let closed = false;
  const server = createServer((socket) => {
    socket.on("close", () => {
      closed = true;
    });
    socket.on("error", () => {});
    const more = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) sent += 65_536;
    };
    socket.on("drain", more);
    more();
  });
  const port = await listening(server);
  const service = createPortService();
  const client = new TestClient(service);
  let received = 0;
  const stream: WireStream = client.request(
    "port.connect",
    { port },
    {
      onData: (chunk) => {
        received += chunk.length;
      },
    },
  );
  await until(() => received >= 256 * 1024, "the window is full");
  let last = -1;
  await until(() => {
    const same = sent === last;
    last = sent;
    return same;
  }, "the server is held back");
  assert.ok(received < 512 * 1024, `${received} bytes arrived`);
  stream.reset(berthError("operation.aborted"));
  await until(() => closed, "the server sees the end");
  await until(() => !service.busy(), "nothing is left");
  server.close();
});

test("a connection that breaks is a reset, not an end", async () => {
  const server = createServer((socket) => {
    socket.write("half");
    socket.once("data", () => socket.resetAndDestroy());
  });
  const port = await listening(server);
  const client = new TestClient(createPortService());
  await assert.rejects(
    new Promise((resolve, reject) => {
      const stream = client.request(
        "port.connect",
        { port },
        { onData: () => stream.data(Buffer.from("x")), onEnd: () => resolve(undefined), onReset: reject },
      );
    }),
    { code: "transport.disconnected" },
  );
  server.close();
});

test("a listener hands out its connections until its stream ends", async () => {
  const service = createPortService();
  const client = new TestClient(service);
  let port = 0;
  const connections: string[] = [];
  const stream = client.request(
    "port.listen",
    { port: 0 },
    {
      onResponse: (result) => {
        port = (result as { port: number }).port;
      },
      onEvent: (event) => connections.push((event as { connection: string }).connection),
    },
  );
  await until(() => port !== 0, "it listens");
  const peer = createConnection({ port, host: "127.0.0.1", allowHalfOpen: true });
  peer.end("question");
  await until(() => connections.length === 1, "the connection is told");
  const answer = client.call("port.accept", { connection: connections[0]! }, [Buffer.from("answer")]);
  let heard = "";
  peer.on("data", (chunk) => {
    heard += String(chunk);
  });
  assert.equal((await answer).data.toString(), "question");
  await until(() => heard === "answer", "the answer arrives");
  await assert.rejects(client.call("port.accept", { connection: connections[0]! }), { code: "port.refused" });
  await assert.rejects(client.call("port.listen", { port }), { code: "port.in_use" });
  stream.reset(berthError("operation.aborted"));
  await until(() => !service.busy(), "the listener is gone");
});

test("waitForPort settles when the port accepts, and says when it does not", async () => {
  const server = createServer();
  const port = await listening(server);
  await waitForPort(port, { timeoutMs: 5000 });
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(waitForPort(port, { timeoutMs: 60 }), { code: "operation.timeout" });
  const controller = new AbortController();
  const waiting = waitForPort(port, { timeoutMs: 60_000, signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, { code: "operation.aborted" });
  const late = waitForPort(port, { timeoutMs: 10_000 });
  server.listen(port, "::1");
  await late;
  server.close();
});
