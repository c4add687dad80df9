import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { waitFor } from "../../../test/fixtures/process.ts";
import { berthError } from "../../contract/errors.ts";
import type { Handlers } from "../handlers.ts";
import {
  COMMAND,
  type ErrorBody,
  errorOf,
  HEALTH,
  PROCESSES,
  record,
  starts,
  type TestServer,
  testServer,
} from "./testing.ts";

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
        yield { data: { type: "ready" as const, path: "/" } };
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
