import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { daemonPids } from "../conformance/place.ts";
import { waitFor } from "../fixtures/process.ts";
import type { TestRunner } from "../fixtures/runner.ts";
import { ask, done, refused, sharedRunner, tokenFor } from "./work-desk.ts";

const shared = sharedRunner();

/** Listens in the place, which is this machine, and sends back what it gets. */
async function echo(stack: AsyncDisposableStack): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

/** Sends, ends, and reads to the end. */
async function exchange(port: number, bytes: Uint8Array): Promise<Buffer> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.end(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const make = (runner: TestRunner, name: string, remotePort: number, more: object = {}) =>
  ask(runner, "POST", `/v1/workspaces/${name}/forwards`, { remote_port: remotePort, ...more });
const list = async (runner: TestRunner, name: string) =>
  (await ask(runner, "GET", `/v1/workspaces/${name}/forwards`)).body.items;

test("a forward leads into the place, counts what goes through it, and ends", async () => {
  await using stack = new AsyncDisposableStack();
  const runner = shared();
  await runner.workspace({ name: "counted" });
  const { status, body } = await make(runner, "counted", await echo(stack));
  assert.deepEqual([status, body.local_host, body.connections_total], [201, "127.0.0.1", 0]);
  const bytes = randomBytes(3_000_000);
  const answers = await Promise.all(Array.from({ length: 5 }, () => exchange(body.local_port, bytes)));
  for (const answer of answers) assert.ok(answer.equals(bytes));
  const [counted] = await waitFor("the counts", async () => {
    const found = await list(runner, "counted");
    return found[0]?.connections === 0 && found;
  });
  assert.deepEqual(
    [counted.connections_total, counted.bytes_in, counted.bytes_out],
    [5, 5 * bytes.length, 5 * bytes.length],
  );
  // A port on which nobody listens ends the connection, and not the forward.
  const nobody = (await make(runner, "counted", 1)).body;
  await assert.rejects(exchange(nobody.local_port, bytes), { code: /ECONNRESET|EPIPE/ });
  assert.equal((await ask(runner, "DELETE", `/v1/forwards/${nobody.id}`)).status, 204);
  await refused(ask(runner, "DELETE", `/v1/forwards/${nobody.id}`), 404, "forward.unknown");
  await assert.rejects(exchange(nobody.local_port, bytes), { code: "ECONNREFUSED" });
  // Two on one port, and addresses that others reach.
  await refused(make(runner, "counted", 1, { local_port: body.local_port }), 409, "port.in_use");
  for (const local_host of ["0.0.0.0", "example.com", "::", "10.0.0.1"]) {
    await refused(make(runner, "counted", 1, { local_host }), 400, "request.invalid");
  }
  const token = await tokenFor(runner, "other", "operate", [(await runner.workspace({ name: "two" })).id]);
  await refused(
    ask(runner, "DELETE", `/v1/forwards/${body.id}`, undefined, { token }),
    404,
    "forward.unknown",
  );
  assert.equal((await list(runner, "counted")).length, 1);
});

test("a forward stays over a daemon that dies and another configuration, and goes with its workspace", async () => {
  await using stack = new AsyncDisposableStack();
  const runner = shared();
  const { id } = await runner.workspace({ name: "lasting" });
  const { body } = await make(runner, "lasting", await echo(stack));
  const hello = Buffer.from("hello");
  assert.deepEqual(await exchange(body.local_port, hello), hello);
  for (const pid of daemonPids(runner.stateDirectory)) process.kill(pid, "SIGKILL");
  await waitFor("the connection again", async () => (await exchange(body.local_port, hello)).equals(hello));
  await ask(runner, "PATCH", "/v1/workspaces/lasting/config", { env: { A: "1" } });
  assert.deepEqual(await exchange(body.local_port, hello), hello);
  const open = connect({ host: "127.0.0.1", port: body.local_port });
  await once(open, "connect");
  const closed = once(open, "close");
  open.on("error", () => {});
  await done(ask(runner, "DELETE", "/v1/workspaces/lasting?wait_ms=20000"));
  await closed;
  await assert.rejects(exchange(body.local_port, hello), { code: "ECONNREFUSED" });
  const { items } = (await ask(runner, "GET", `/v1/events?type=forward&workspace=${id}`)).body;
  assert.deepEqual(
    items.map(({ type }: { type: string }) => type),
    ["forward.opened", "forward.closed"],
  );
});

test("a workspace has so many forwards and no more, also when they are asked for at once", async () => {
  const runner = shared();
  await runner.workspace({ name: "full" });
  const answers = await Promise.all(Array.from({ length: 70 }, () => make(runner, "full", 1)));
  assert.deepEqual(
    [201, 409].map((status) => answers.filter((answer) => answer.status === status).length),
    [64, 6],
  );
  assert.equal(answers.find(({ status }) => status === 409)?.body.error.code, "forward.limit");
});
