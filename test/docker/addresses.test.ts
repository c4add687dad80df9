import assert from "node:assert/strict";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { createDockerEngine } from "../../src/transports/docker/engine.ts";
import { container } from "../fixtures/container.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { image } from "../fixtures/images.ts";
import { output } from "../fixtures/process.ts";
import { sshServer } from "../fixtures/sshd.ts";
import { codeOf, testState } from "./support.ts";

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

/** An authority, and keys that it signed for the server (127.0.0.1) and the client. */
async function certificates(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const at = (name: string) => join(directory, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await output([
    "openssl",
    "req",
    "-x509",
    ...key,
    "-subj",
    "/CN=test authority",
    "-keyout",
    at("ca-key.pem"),
    "-out",
    at("ca.pem"),
  ]);
  await writeFile(at("extensions"), "subjectAltName=IP:127.0.0.1\n");
  for (const [subject, name] of [
    ["/CN=server", "server-"],
    ["/CN=client", ""],
  ]) {
    await output([
      "openssl",
      "req",
      ...key,
      "-subj",
      `${subject}`,
      "-keyout",
      at(`${name}key.pem`),
      "-out",
      at("request.pem"),
    ]);
    await output([
      ...[
        "openssl",
        "x509",
        "-req",
        "-in",
        at("request.pem"),
        "-CA",
        at("ca.pem"),
        "-CAkey",
        at("ca-key.pem"),
      ],
      ...["-CAcreateserial", "-extfile", at("extensions"), "-out", at(`${name}cert.pem`)],
    ]);
  }
}

test("an engine over TCP, and over TLS with certificates of both sides", async () => {
  await using state = await testState();
  const { socketPath } = await dockerEngine();
  await using place = await container({ image: await image("busybox") });
  const plain = createServer({ allowHalfOpen: true }, (socket) => {
    const engine = connect({ path: socketPath, allowHalfOpen: true });
    socket.pipe(engine).pipe(socket);
    socket.on("error", () => engine.destroy());
    engine.on("error", () => socket.destroy());
  });
  try {
    const port = await listen(plain);
    await using runtime = await state.open({
      type: "docker",
      containerId: place.name,
      engine: { host: `tcp://127.0.0.1:${port}` },
    });
    assert.equal((await runtime.exec(["cat"], { input: "over tcp" })).stdout, "over tcp");
  } finally {
    plain.close();
  }

  const directory = join(state.directory, "tls");
  await certificates(directory);
  const read = (name: string) => readFile(join(directory, name));
  const secure = createTlsServer(
    {
      ca: await read("ca.pem"),
      cert: await read("server-cert.pem"),
      key: await read("server-key.pem"),
      requestCert: true,
      rejectUnauthorized: true,
      allowHalfOpen: true,
    },
    (socket) => {
      const engine = connect({ path: socketPath, allowHalfOpen: true });
      socket.pipe(engine).pipe(socket);
      socket.on("error", () => engine.destroy());
      engine.on("error", () => socket.destroy());
    },
  );
  const before = { ...process.env };
  try {
    const port = await listen(secure);
    const engine = { host: `tcp://127.0.0.1:${port}` };
    process.env.DOCKER_TLS_VERIFY = "1";
    process.env.DOCKER_CERT_PATH = directory;
    await using runtime = await state.open({ type: "docker", containerId: place.name, engine });
    assert.equal((await runtime.exec(["cat"], { input: "over tls" })).stdout, "over tls");
    process.env.DOCKER_CERT_PATH = join(state.directory, "empty");
    assert.equal(
      await codeOf(state.open({ type: "docker", containerId: place.name, engine })),
      "docker.engine_unavailable",
    );
  } finally {
    secure.close();
    for (const name of ["DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
});

test("an engine over ssh: a running container, and one from an image", async () => {
  await using state = await testState();
  const { socketPath } = await dockerEngine();
  await using server = await sshServer();
  await using place = await container({ image: await image("busybox") });
  // The user's own configuration of ssh; only the environment of the far side's command has to name the engine.
  const bin = join(state.directory, "bin");
  await mkdir(bin);
  const client = (await output(["sh", "-c", "command -v ssh"])).trim();
  const argv = [client, ...server.argv("root").slice(1, -1)];
  const script = `#!/bin/sh\nwhile [ "$1" != docker ]; do shift; done\nexec ${argv.join(" ")} root@${server.host} DOCKER_HOST=unix://${socketPath} "$@"\n`;
  await writeFile(join(bin, "ssh"), script);
  await chmod(join(bin, "ssh"), 0o755);
  const path = process.env.PATH;
  process.env.PATH = `${bin}${delimiter}${path}`;
  try {
    const engine = { host: `ssh://root@${server.host}:${server.port}` };
    {
      await using runtime = await state.open({ type: "docker", containerId: place.name, engine });
      assert.equal((await runtime.exec(["cat"], { input: "over ssh" })).stdout, "over ssh");
    }
    await using runtime = await state.open({ type: "docker", image: await image("busybox"), engine });
    assert.equal((await runtime.exec(["echo", "hi"])).stdout, "hi\n");
    assert.equal(
      state.events.some(({ type }) => type === "provision.fallback"),
      false,
    );
  } finally {
    process.env.PATH = path;
  }
});

test("an engine that does not answer is a typed error at its deadline", async () => {
  const silent = createServer(() => {});
  const port = await listen(silent);
  const engine = createDockerEngine({
    kind: "tcp",
    host: "127.0.0.1",
    port,
    text: `tcp://127.0.0.1:${port}`,
    local: false,
  });
  process.env.DOCKER_API_VERSION = "1.41";
  try {
    const request = { method: "GET", path: "/info", deadlineMs: 50 } as const;
    assert.equal(await codeOf(engine.json(request)), "docker.engine_timeout");
    const aborted = { ...request, deadlineMs: 10_000, signal: AbortSignal.timeout(20) };
    assert.equal(await codeOf(engine.json(aborted)), "operation.aborted");
  } finally {
    delete process.env.DOCKER_API_VERSION;
    engine.close();
    silent.close();
    silent.unref();
  }
});
