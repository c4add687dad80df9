import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ProcessJson } from "../../src/api/json-processes.ts";
import { createAttach } from "../../src/runner/attach/upgrade.ts";
import type { Caller, RunnerContext } from "../../src/runner/context.ts";
import { ProcessSessions } from "../../src/runner/processes/sessions.ts";
import { proxy as networkProxy } from "../fixtures/network.ts";
import { waitFor } from "../fixtures/process.ts";
import { runnerProcess } from "../fixtures/runner-process.ts";
import { attach, type ProcessDesk, processDesk } from "./process-desk.ts";

const CALLER: Caller = {
  tokenId: "local",
  name: "local",
  scope: "admin",
  workspaces: undefined,
  address: "127.0.0.1",
  requestId: "req_test",
};

/** The attach server of a runner's context, with less patience. */
async function impatient(context: RunnerContext): Promise<{ readonly url: string } & AsyncDisposable> {
  const sessions = new ProcessSessions();
  const keepAlive = { pingMs: 100, answerMs: 800, writeMs: 800 };
  const server = createAttach(context, { sessions, keepAlive });
  const http = createServer();
  http.on("upgrade", (request, socket, head) => {
    const url = new URL(request.url ?? "", "http://x");
    const role = url.searchParams.get("role") === "writer" ? "writer" : "viewer";
    const id = url.pathname.split("/")[3] ?? "";
    const query = { role, takeover: false, refusals: "http", from: 0 } as const;
    Promise.resolve(
      server.upgrades.attach({ params: { id }, query, caller: CALLER, request, socket, head }),
    ).catch((error: { code: string }) => {
      const body = JSON.stringify({ error: { code: error.code } });
      socket.end(`HTTP/1.1 409 Conflict\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return {
    url: `http://127.0.0.1:${(http.address() as { port: number }).port}`,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      http.closeAllConnections();
      http.close();
    },
  };
}

async function writerIsFree(url: string, id: string): Promise<void> {
  const next = await waitFor("the writer's place is free", () =>
    attach(url, "", id, { role: "writer" }).catch(() => undefined),
  );
  next.close();
}

test("silence drops a client, and only silence", async () => {
  await using desk = await processDesk();
  await using server = await impatient(desk.runner!.context);
  const quiet = await desk.start(["cat"], { stdin: "pipe" });
  // Answers pings and does nothing else.
  const faithful = await attach(server.url, "", quiet.id);
  {
    // Vanishes without a FIN.
    await using proxy = await networkProxy({
      to: { port: Number(new URL(server.url).port), host: "127.0.0.1" },
    });
    const port = (proxy.address as { port: number }).port;
    await attach(`http://127.0.0.1:${port}`, "", quiet.id, { role: "writer" });
    proxy.set("up", { silentAfterBytes: 0 });
    proxy.set("down", { silentAfterBytes: 0 });
    await writerIsFree(server.url, quiet.id);
  }
  {
    // Reads nothing while there is more than its buffers hold.
    const flood = await desk.start("cat >/dev/null & head -c 100000000 /dev/zero; sleep 1000", {
      stdin: "pipe",
    });
    const stalled = await attach(server.url, "", flood.id, { role: "writer" });
    stalled.socket.pause();
    await writerIsFree(server.url, flood.id);
    stalled.close();
    await desk.call("POST", `/processes/${flood.id}/kill`, { json: { signal: "KILL" } });
  }
  {
    // Its input waits for the process: it is not read, and so its answers are not.
    const busy = await desk.start("sleep 1000", { stdin: "pipe" });
    const writer = await attach(server.url, "", busy.id, { role: "writer" });
    for (let index = 0; index < 8; index += 1) writer.socket.send(Buffer.alloc(1024 * 1024));
    await delay(1_500);
    assert.equal(writer.closed, undefined);
    await assert.rejects(attach(server.url, "", busy.id, { role: "writer" }));
    await desk.call("POST", `/processes/${busy.id}/kill`, { json: { signal: "KILL" } });
    assert.equal((await writer.ended()).signal, "SIGKILL");
  }
  assert.equal(faithful.closed, undefined);
  faithful.close();
  await desk.call("POST", `/processes/${quiet.id}/kill`, { json: {} });
});

test("a client that takes one byte at a time gets every byte and the exit", async () => {
  await using desk = await processDesk();
  const process = await desk.start("seq 1 500");
  const url = new URL(desk.url);
  const socket = connect(Number(url.port), url.hostname);
  socket.write(
    [
      `GET /v1/processes/${process.id}/attach HTTP/1.1`,
      `Host: ${url.host}`,
      `Authorization: Bearer ${desk.token}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Protocol: berth.attach.v1",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "\r\n",
    ].join("\r\n"),
  );
  let text = "";
  socket.on("readable", () => {
    for (let byte = socket.read(1); byte !== null; byte = socket.read(1)) text += byte.toString("latin1");
  });
  await waitFor("the exit", () => text.includes('"type":"exit"'));
  assert.ok(text.includes("499\n500\n"));
  socket.destroy();
});

test("a runner that stops tells its clients to come again; the next one goes on at their cursor", async () => {
  await using desk = await processDesk();
  const process = await desk.start(
    "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); sleep 0.01; done",
    {
      detached: true,
    },
  );
  const viewer = await desk.attach(process.id);
  await waitFor("some output", () => viewer.bytes > 100);
  desk.runner!.stop();
  await waitFor("the end of the socket", () => viewer.closed);
  assert.equal(viewer.closed?.code, 1012);
  assert.equal(viewer.of("error").length, 0);
  await desk.runner!.ended;
  await using next = await runnerProcess(desk.bench.stateDirectory);
  const again = await attach(next.url, next.token, process.id, { from: viewer.cursor });
  await again.ended();
  const lines = Array.from({ length: 300 }, (_, index) => `line ${index}\n`).join("");
  assert.equal(Buffer.concat([viewer.output, again.output]).toString(), lines);
});

test("kill -9 of the runner: processes go on, clients continue at their cursor, starts are not repeated", async () => {
  await using desk: ProcessDesk = await processDesk({ url: () => "" });
  const state = desk.bench.stateDirectory;
  const place = desk.workspace.place?.path ?? "";
  const bytes = 40_000_000;
  const headers = { "idempotency-key": randomUUID() };
  const start = (): ReturnType<ProcessDesk["call"]> =>
    desk.call("POST", `/workspaces/${desk.workspace.id}/processes`, {
      json: {
        command: `echo x >> started; head -c ${bytes} /dev/urandom > random; i=0; while [ $i -lt 20 ]; do dd if=random bs=${bytes / 20} count=1 skip=$i status=none; i=$((i+1)); sleep 0.1; done`,
        detached: true,
      },
      headers,
    });
  let id: string;
  {
    await using runner = await runnerProcess(state);
    desk.url = runner.url;
    const first = start();
    first.catch(() => undefined);
    // In the middle of the call, wherever that is.
    await delay(Math.random() * 400);
    await runner.kill("SIGKILL");
    await first.catch(() => undefined);
  }
  {
    await using runner = await runnerProcess(state);
    desk.url = runner.url;
    const answer = await start();
    assert.equal(answer.status, 201, answer.bytes.toString());
    id = (answer.json as ProcessJson).id;
    await waitFor("it runs", () => readFile(join(place, "started"), "utf8").catch(() => undefined));
    await runner.kill("SIGKILL");
  }
  const parts: Buffer[] = [];
  for (let cursor = 0, exited = false; !exited; ) {
    await using runner = await runnerProcess(state);
    const viewer = await attach(runner.url, runner.token, id, { from: cursor });
    const wanted = cursor + bytes / 2;
    await waitFor("output", () => viewer.cursor > wanted || viewer.closed !== undefined);
    await runner.kill("SIGKILL");
    await waitFor("the end", () => viewer.closed);
    assert.equal(viewer.of("gap").length, 0);
    parts.push(viewer.output);
    cursor = viewer.cursor;
    exited = viewer.exit !== undefined;
  }
  assert.equal(await readFile(join(place, "started"), "utf8"), "x\n");
  assert.ok(Buffer.concat(parts).equals(await readFile(join(place, "random"))));
});
