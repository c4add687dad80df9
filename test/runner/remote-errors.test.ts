import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { RemoteConfig } from "../../src/contract/config.ts";
import { type BerthError, isBerthError } from "../../src/contract/errors.ts";
import { checkRuntime } from "../../src/runtimes/check.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { certificate } from "../fixtures/certificate.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { testRunner } from "../fixtures/runner.ts";

async function failure(config: RemoteConfig): Promise<BerthError> {
  try {
    await using opened = await openRuntime(config);
    throw new Error(`${opened.description} could be opened`);
  } catch (error) {
    if (!isBerthError(error)) throw error;
    assert.notEqual(error.hint, "", error.code);
    assert.ok(error.runtime !== undefined || error.hop !== undefined);
    return error;
  }
}

async function listening(server: Server): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const TOKEN = { env: "BERTH_TEST_REMOTE_TOKEN" };
process.env.BERTH_TEST_REMOTE_TOKEN = "nothing";

test("no runner, or something else at its address, is told as that", async () => {
  const { port } = await (async () => {
    await using free = await listening(createServer());
    return free;
  })();
  const none = await failure({
    type: "remote",
    url: `http://127.0.0.1:${port}`,
    workspace: "x",
    token: TOKEN,
  });
  assert.equal(none.code, "runner.unreachable");
  assert.ok(none.retryable);
  assert.match(none.message, /127\.0\.0\.1/);
  await using page = await listening(createHttp((_request, response) => response.end("<html>")));
  await using shell = await listening(createServer((socket) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n")));
  for (const url of [
    `http://127.0.0.1:${page.port}`,
    `http://127.0.0.1:${shell.port}`,
    `https://127.0.0.1:${page.port}`,
  ]) {
    const foreign = await failure({ type: "remote", url, workspace: "x", token: TOKEN });
    assert.equal(foreign.code, "runner.foreign", url);
    assert.ok(!foreign.retryable);
  }
});

test("tokens: none, one that others can read, a wrong one; workspaces: none of that name", async () => {
  await using runner = await testRunner({ inProcess: true });
  const workspace = await runner.workspace();
  const good = runner.remote(workspace);
  const { token: _, ...without } = good;
  delete process.env.BERTH_RUNNER_TOKEN;
  assert.equal((await failure(without)).code, "auth.missing");
  const open = join(runner.directory, "open-token");
  writeFileSync(open, runner.token);
  chmodSync(open, 0o644);
  assert.equal((await failure({ ...good, token: { file: open } })).code, "auth.missing");
  const wrong = await failure({ ...good, token: TOKEN });
  assert.equal(wrong.code, "auth.invalid");
  assert.equal(wrong.hop, "runner");
  assert.equal((await failure({ ...good, workspace: "no-such" })).code, "workspace.unknown");
  const report = await checkRuntime({ ...good, workspace: "no-such" });
  assert.ok(!report.ok);
  assert.deepEqual(
    report.steps.map(({ name, code }) => [name, code]),
    [
      ["token", undefined],
      ["runner", undefined],
      ["workspace", "workspace.unknown"],
    ],
  );
  // The name does as well as the id, and the variable as well as the file.
  process.env.BERTH_RUNNER_TOKEN = runner.token;
  const uri = `runner://${new URL(runner.url).host}/${workspace.name}`;
  try {
    // It is no other runner's, whoever names that.
    await assert.rejects(openRuntime(uri), { code: "auth.missing", hint: /BERTH_RUNNER=http/ });
    process.env.BERTH_RUNNER = runner.url;
    await using opened = await openRuntime(uri);
    assert.equal((await opened.exec("echo $BERTH_WORKSPACE_ID")).stdout.trim(), workspace.id);
  } finally {
    delete process.env.BERTH_RUNNER;
    delete process.env.BERTH_RUNNER_TOKEN;
  }
  const whole = await checkRuntime(good);
  assert.ok(whole.ok, JSON.stringify(whole.steps));
  const names = whole.steps.map(({ name }) => name);
  for (const name of ["token", "runner", "workspace", "place", "round trip", "command"]) {
    assert.ok(names.includes(name), name);
  }
});

test("TLS: a certificate that nobody knows is refused, and taken when its own is given", async () => {
  await using scratch = await scratchDirectory();
  const { certPath, keyPath } = certificate(scratch.path);
  await using runner = await testRunner({ inProcess: true, tls: { certPath, keyPath } });
  const url = runner.publicUrl ?? "";
  assert.match(url, /^https:/);
  const workspace = await runner.workspace();
  const config = { ...runner.remote(workspace), url };
  const refused = await failure(config);
  assert.equal(refused.code, "runner.untrusted");
  assert.ok(!refused.retryable);
  await using opened = await openRuntime({ ...config, ca: certPath });
  assert.equal((await opened.exec("echo through TLS")).stdout, "through TLS\n");
  const whole = await checkRuntime({ ...config, ca: certPath });
  assert.ok(whole.ok, JSON.stringify(whole.steps));
  assert.match(whole.steps.find(({ name }) => name === "runner")?.detail ?? "", /TLSv1\.3/);
  assert.equal((await failure({ ...config, ca: "/no/such.pem" })).code, "config.invalid");
});

test("a runner is no place for a workspace of this machine", async () => {
  await using runner = await testRunner({ inProcess: true });
  const workspace = await runner.workspace();
  await assert.rejects(runner.workspace({ name: "inside", runtime: runner.remote(workspace) }), {
    code: "config.invalid",
    message: /does not stand in a workspace of a runner/,
  });
});
