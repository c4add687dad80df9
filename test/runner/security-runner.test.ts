import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as tlsConnect } from "node:tls";
import { WebSocket } from "ws";
import { isBerthError } from "../../src/contract/errors.ts";
import { HELD_SECRETS, MASKED } from "../../src/contract/mask.ts";
import { checkTls, expiryWarning, readTlsFiles, replaceTls } from "../../src/runner/access/tls.ts";
import { DEFAULT_LIMITS } from "../../src/runner/http/limits.ts";
import { makeServer } from "../../src/runner/http/node-server.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { waitFor } from "../fixtures/process.ts";
import { type TestRunner, testRunner } from "../fixtures/runner.ts";
import { send, UPGRADE } from "./access-desk.ts";

let runner: TestRunner;
let workspace: string;
before(async () => {
  runner = await testRunner({ inProcess: true, logLevel: "trace" });
  workspace = (await runner.workspace({ name: "fix-login" })).id;
});
after(() => runner[Symbol.asyncDispose]());

async function json(path: string, init: RequestInit & { readonly token?: string } = {}): Promise<unknown> {
  const { token, ...rest } = init;
  const headers = new Headers({ "content-type": "application/json" });
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  const response = await runner.call(path, { ...rest, headers });
  const text = await response.text();
  return text === "" ? { status: response.status } : { ...JSON.parse(text), status: response.status };
}

async function makeToken(scope: string, workspaces?: string[]): Promise<{ id: string; secret: string }> {
  const name = `t${Math.random().toString(36).slice(2)}`;
  const body = JSON.stringify({ name, scope, ...(workspaces === undefined ? {} : { workspaces }) });
  const made = (await json("/v1/tokens", { method: "POST", body })) as {
    token: { id: string };
    secret: string;
  };
  return { id: made.token.id, secret: made.secret };
}

/** Everything that lies in the state directory, and everything that was logged. */
function allThatIsKept(): string {
  const files = readdirSync(runner.stateDirectory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "token")
    // Output of processes is theirs.
    .filter((entry) => !entry.parentPath.includes("run"))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"));
  return [...files, runner.log()].join("\n");
}

test("no secret is left in log, events, database or answers after a whole scenario", async () => {
  const SECRET = 'pass "word" of 7/8';
  const { id, secret: token } = await makeToken("operate", [workspace]);
  const command = ["sh", "-c", 'printf %s "$KEY"; exit 3'];
  const body = JSON.stringify({ command, env: { KEY: { secret: SECRET }, OTHER: null } });
  const done = (await json(`/v1/workspaces/${workspace}/exec`, { method: "POST", token, body })) as {
    stdout: string;
  };
  assert.equal(done.stdout, SECRET, "output of a process is never altered");
  const withArgument = JSON.stringify({
    command: ["echo", SECRET],
    env: { KEY: { secret: SECRET } },
    name: "shown",
  });
  const path = `/v1/workspaces/${workspace}/processes`;
  const started = (await json(path, { method: "POST", token, body: withArgument })) as {
    id: string;
    command: string[];
  };
  assert.deepEqual(started.command, ["echo", MASKED]);
  assert.match(started.id, /^[0-9a-z]{12}$/);
  const failed = await json(`/v1/workspaces/${workspace}/files/stat?path=${encodeURIComponent(SECRET)}`, {
    token,
  });
  assert.ok(!JSON.stringify(failed).includes("word"), JSON.stringify(failed));
  await json(`/v1/workspaces/${encodeURIComponent(SECRET)}`, { token });
  await runner.call(`/v1/tokens?token=${token}`);
  await json(`/v1/tokens/${id}`, { method: "DELETE" });
  assert.equal(((await json(path, { token })) as { status: number }).status, 401);
  const events = JSON.stringify(await json("/v1/events?limit=1000&order=newest"));
  for (const type of ["token.created", "token.revoked", "process.", "access.refused"]) {
    await waitFor(type, async () => JSON.stringify(await json("/v1/events?limit=1000")).includes(type));
  }
  const kept = allThatIsKept() + events;
  const spellings = [
    SECRET,
    JSON.stringify(SECRET).slice(1, -1),
    encodeURIComponent(SECRET),
    Buffer.from(SECRET).toString("base64").slice(0, -4),
    token.slice(14),
    runner.token.slice(14),
  ];
  for (const spelling of spellings) assert.ok(!kept.includes(spelling), spelling);
  assert.ok(HELD_SECRETS.text(SECRET) === MASKED);
});

test("files of the runner are its user's alone", () => {
  for (const name of ["token", "berth.db", "runner.json"]) {
    assert.equal(statSync(join(runner.stateDirectory, name)).mode & 0o077, 0, name);
  }
  assert.equal(statSync(runner.stateDirectory).mode & 0o077, 0);
});

test("a revoked token's open connections end: attach, wire, events and a preview", async () => {
  const { id, secret: token } = await makeToken("operate");
  const headers = { authorization: `Bearer ${token}` };
  const body = JSON.stringify({ command: ["sleep", "60"] });
  const path = `/v1/workspaces/${workspace}/processes`;
  const process = (await json(path, { method: "POST", token, body })) as { id: string };
  const url = runner.url.replace("http", "ws");
  const attach = new WebSocket(`${url}/v1/processes/${process.id}/attach`, ["berth.attach.v1"], { headers });
  const wire = new WebSocket(`${url}/v1/workspaces/${workspace}/wire`, ["berth.wire.v1"], {
    headers: { ...headers, "berth-client-id": "test" },
  });
  await Promise.all([once(attach, "open"), once(wire, "open")]);
  const events = await fetch(`${runner.url}/v1/events`, {
    headers: { ...headers, accept: "text/event-stream" },
  });
  assert.equal(events.status, 200);
  const app = createServer((_, response) => void response.write("data: 1\n\n"));
  app.listen(0, "127.0.0.1");
  await once(app, "listening");
  try {
    const preview = await openPreview(token, (app.address() as AddressInfo).port);
    const streamed = connect(Number(new URL(runner.url).port), "127.0.0.1");
    streamed.write(`GET / HTTP/1.1\r\nHost: ${preview.host}\r\nCookie: ${preview.cookie}\r\n\r\n`);
    await waitFor("the preview's first event", () => String(streamed.read() ?? "").includes("data: 1"));
    const ended = Promise.all([
      once(attach, "close"),
      once(wire, "close"),
      events.text().catch(() => ""),
      once(
        streamed.resume().on("error", () => undefined),
        "close",
      ),
    ]);
    await json(`/v1/tokens/${id}`, { method: "DELETE" });
    await ended;
  } finally {
    app.closeAllConnections();
    app.close();
    await json(`/v1/processes/${process.id}/kill`, {
      method: "POST",
      body: JSON.stringify({ signal: "KILL" }),
    });
  }
});

test("a token of a workspace sees nothing of another one: its processes, events and lists", async () => {
  const other = await runner.workspace({ name: "other" });
  const { secret: token } = await makeToken("operate", [workspace]);
  const body = JSON.stringify({ command: ["sleep", "60"] });
  const process = (await json(`/v1/workspaces/${other.id}/processes`, { method: "POST", body })) as {
    id: string;
  };
  try {
    const listed = (await json("/v1/workspaces", { token })) as { items: { id: string }[] };
    assert.deepEqual(
      listed.items.map(({ id }) => id),
      [workspace],
    );
    for (const path of [
      `/v1/workspaces/${other.id}`,
      "/v1/workspaces/other",
      `/v1/workspaces/${other.id}/processes`,
      `/v1/workspaces/${other.id}/files/stat?path=.`,
      `/v1/workspaces/${other.id}/previews`,
      `/v1/processes/${process.id}`,
      `/v1/processes/${process.id}/output`,
    ]) {
      assert.equal(((await json(path, { token })) as { status: number }).status, 404, path);
    }
    const forwardBody = JSON.stringify({ remote_port: 1 });
    const forwards = `/v1/workspaces/${other.id}/forwards`;
    const forward = (await json(forwards, { method: "POST", body: forwardBody })) as { id: string };
    const init = { method: "POST", body: "{}" };
    const operation = (await json(`/v1/workspaces/${other.id}/init?wait_ms=60000`, init)) as { id: string };
    assert.ok(forward.id && operation.id);
    for (const [method, path] of [
      ["POST", `/v1/processes/${process.id}/kill`],
      ["POST", `/v1/processes/${process.id}/signal`],
      ["DELETE", `/v1/processes/${process.id}`],
      ["GET", `/v1/operations/${operation.id}`],
      ["GET", `/v1/operations/${operation.id}/progress`],
      ["POST", `/v1/operations/${operation.id}/cancel`],
      ["DELETE", `/v1/forwards/${forward.id}`],
      ["DELETE", `/v1/workspaces/${other.id}`],
      ["POST", `/v1/workspaces/${other.id}/stop`],
    ] as const) {
      const body =
        method === "POST" ? JSON.stringify(path.endsWith("signal") ? { name: "TERM" } : {}) : undefined;
      const refused = await json(path, { method, token, ...(body === undefined ? {} : { body }) });
      assert.equal(
        (refused as { status: number }).status,
        404,
        `${method} ${path}: ${JSON.stringify(refused)}`,
      );
    }
    const { port, host } = new URL(runner.url);
    for (const [path, protocol] of [
      [`/v1/processes/${process.id}/attach`, "berth.attach.v1"],
      [`/v1/workspaces/${other.id}/wire`, "berth.wire.v1"],
    ]) {
      const headers = { ...UPGRADE, "sec-websocket-protocol": protocol, "berth-client-id": "test" };
      assert.equal((await send(Number(port), path ?? "", { host, token, headers })).status, 404, path);
    }
    const operations = (await json("/v1/operations", { token })) as { items: { workspace: string }[] };
    assert.ok(operations.items.every((item) => item.workspace === workspace));
    const all = (await json("/v1/processes", { token })) as { items: { workspace: string }[] };
    assert.ok(all.items.every((item) => item.workspace === workspace));
    const events = (await json("/v1/events?limit=1000", { token })) as {
      items: { workspace?: string | null }[];
    };
    assert.ok(events.items.length > 0);
    assert.ok(events.items.every((event) => event.workspace === workspace));
    const exported = await runner.call("/v1/events/export", {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.ok(!(await exported.text()).includes(other.id));
  } finally {
    await json(`/v1/processes/${process.id}/kill`, {
      method: "POST",
      body: JSON.stringify({ signal: "KILL" }),
    });
  }
});

test("who may only look sees the workspace's files and no others: not the runner's token, not by links", async () => {
  const { secret: token } = await makeToken("read");
  const files = `/v1/workspaces/${workspace}/files`;
  const link = JSON.stringify({ command: ["ln", "-s", runner.tokenFile, "innocent"] });
  await json(`/v1/workspaces/${workspace}/exec`, { method: "POST", body: link });
  await json(`/v1/workspaces/${workspace}/exec`, {
    method: "POST",
    body: JSON.stringify({ command: "echo inside > own.txt" }),
  });
  const outside = [
    runner.tokenFile,
    "innocent",
    "../../../token",
    `~/../${runner.tokenFile}`,
    "/etc/hostname",
  ];
  for (const path of outside) {
    for (const call of ["content", "archive", "stat"]) {
      const url = `${files}/${call}?path=${encodeURIComponent(path)}`;
      const response = await runner.call(url, { headers: { authorization: `Bearer ${token}` } });
      const text = await response.text();
      // An entry that is a link is told as such.
      if (path !== "innocent" || call === "content") assert.ok(response.status >= 400, `${call} ${path}`);
      assert.ok(!text.includes(runner.token.slice(14)), `${call} ${path}`);
    }
  }
  const own = await runner.call(`${files}/content?path=own.txt`, {
    headers: { authorization: `Bearer ${token}` },
  });
  assert.equal(await own.text(), "inside\n");
  const asRoot = await json(`${files}/stat?path=own.txt&user=root`, { token });
  assert.equal((asRoot as { status: number }).status, 403);
});

test("a refused call opens no place", async () => {
  const { secret: token } = await makeToken("read");
  const { id } = await runner.workspace({ name: "untouched" });
  const stat = (query: string, by?: string) =>
    runner.call(`/v1/workspaces/${id}/files/stat?path=.${query}`, {
      headers: by === undefined ? {} : { authorization: `Bearer ${by}` },
    });
  const connected = async (): Promise<number> => {
    const page = await runner.call(`/v1/events?workspace=${id}&type=place.connected`);
    return ((await page.json()) as { items: unknown[] }).items.length;
  };
  assert.equal((await stat("&user=root", token)).status, 403);
  assert.equal((await stat("", "nonsense")).status, 401);
  assert.equal(await connected(), 0);
  assert.equal((await stat("")).status, 200);
  await waitFor("it is told", async () => (await connected()) === 1);
});

test("a hostile application in a place can't speak for Berth: its answers stay under its own host", async () => {
  const app = createServer((_, response) => {
    response.setHeader("set-cookie", "berth_preview=mine; Domain=localhost");
    response.setHeader("access-control-allow-origin", "*");
    response.end("hello");
  });
  app.listen(0, "127.0.0.1");
  await once(app, "listening");
  try {
    const preview = await openPreview(runner.token, (app.address() as AddressInfo).port);
    const port = Number(new URL(runner.url).port);
    const answer = await send(port, "/", { host: preview.host, headers: { cookie: preview.cookie } });
    assert.deepEqual([answer.text, answer.headers["set-cookie"]], ["hello", undefined]);
    const api = await send(port, "/v1/workspaces", { host: preview.host, token: runner.token });
    assert.equal(api.status, 401, "its host has no API, and takes no token");
    const origin = `http://${preview.host}`;
    const call = await send(port, "/v1/workspaces", {
      host: `127.0.0.1:${port}`,
      token: runner.token,
      headers: { origin },
    });
    assert.equal(call.status, 403);
  } finally {
    app.closeAllConnections();
    app.close();
  }
});

test("TLS: 1.2 at least, own certificate, and plain HTTP is told", async () => {
  await using scratch = await scratchDirectory();
  const first = certificate(scratch.path, "first", 30);
  const second = certificate(scratch.path, "second", 5);
  await using secure = await testRunner({ inProcess: true, tls: first });
  const port = Number(new URL(secure.publicUrl ?? "").port);
  const ca = readFileSync(first.certPath);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${secure.token}` };
    httpsRequest({ host: "127.0.0.1", port, path: "/v1/workspaces", ca, headers, servername: "localhost" })
      .on("response", resolve)
      .on("error", reject)
      .end();
  });
  assert.equal(answer.statusCode, 200);
  answer.resume();
  const old = tlsConnect({ host: "127.0.0.1", port, ca, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" });
  await once(old, "error");
  const plain = await send(port, "/v1/workspaces", { host: `127.0.0.1:${port}`, token: secure.token });
  assert.equal(plain.status, 400);
  assert.match(plain.json.error?.message ?? "", /HTTPS/);
  // Of a key that others may read, and of one that is another certificate's.
  const isInvalid = (error: unknown) => isBerthError(error, "runner.tls_invalid");
  assert.throws(() => readTlsFiles(first.certPath, second.keyPath), isInvalid);
  chmodSync(second.keyPath, 0o644);
  assert.throws(() => readTlsFiles(second.certPath, second.keyPath), isInvalid);
  assert.throws(() => checkTls({ cert: "no certificate", key: "no key" }), isInvalid);
  chmodSync(second.keyPath, 0o640);
  const pair = readTlsFiles(second.certPath, second.keyPath);
  assert.match(expiryWarning(pair) ?? "", /expires at/);
  assert.match(expiryWarning(pair, Date.now() + 6 * 24 * 3_600_000) ?? "", /has expired/);
  assert.equal(expiryWarning(readTlsFiles(first.certPath, first.keyPath)), undefined);
});

test("a certificate is replaced without an end to what stands; one that can't be used changes nothing", async () => {
  await using scratch = await scratchDirectory();
  const [first, second] = [1, 2].map((number) => {
    const { certPath, keyPath } = certificate(scratch.path, `c${number}`, 30);
    return readTlsFiles(certPath, keyPath);
  });
  assert.ok(first !== undefined && second !== undefined);
  const server = makeServer({ tls: first }, DEFAULT_LIMITS, (_, response) => response.end("hello"));
  assert.ok("setSecureContext" in server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const dial = async () => {
    const { port } = server.address() as AddressInfo;
    const socket = tlsConnect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    return socket;
  };
  const serial = ({ cert }: { cert: string }) => new X509Certificate(cert).serialNumber;
  const before = await dial();
  assert.equal(before.getPeerCertificate().serialNumber, serial(first));
  replaceTls(server, second);
  assert.throws(() => replaceTls(server, { cert: first.cert, key: second.key }), {
    code: "runner.tls_invalid",
  });
  const later = await dial();
  assert.equal(later.getPeerCertificate().serialNumber, serial(second));
  for (const socket of [before, later]) {
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert.match(String((await once(socket, "data"))[0]), /^HTTP\/1\.1 200 /);
    socket.destroy();
  }
  server.close();
});

async function openPreview(token: string, port: number): Promise<{ host: string; cookie: string }> {
  const path = `/v1/workspaces/${workspace}/previews`;
  const made = (await json(path, { method: "POST", token, body: JSON.stringify({ port }) })) as {
    open_url: string;
  };
  const { host, pathname, search } = new URL(made.open_url);
  const opened = await send(Number(new URL(runner.url).port), pathname + search, { host });
  assert.equal(opened.status, 303, opened.text);
  return { host, cookie: opened.headers["set-cookie"]?.[0]?.split(";")[0] ?? "" };
}

function certificate(directory: string, name: string, days: number): { certPath: string; keyPath: string } {
  const [certPath, keyPath] = [join(directory, `${name}.crt`), join(directory, `${name}.key`)];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyPath];
  execFileSync("openssl", ["req", "-x509", ...key, "-out", certPath, "-days", String(days), ...subject], {
    stdio: "ignore",
  });
  chmodSync(keyPath, 0o600);
  return { certPath, keyPath };
}
