import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { type EndpointEnvironment, parseHost, resolveEndpoint } from "./endpoint.ts";

const environment = (changes: Partial<EndpointEnvironment> = {}): EndpointEnvironment => ({
  env: {},
  home: "/nonexistent",
  uid: 1000,
  exists: () => false,
  ...changes,
});

/** A `~/.docker` with contexts, removed afterwards. */
async function dockerDirectory(
  config: unknown,
  contexts: Record<string, { host: string; tls?: boolean }>,
): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "berth-contexts-"));
  await writeFile(join(path, "config.json"), JSON.stringify(config));
  for (const [name, { host, tls }] of Object.entries(contexts)) {
    const id = createHash("sha256").update(name).digest("hex");
    await mkdir(join(path, "contexts/meta", id), { recursive: true });
    const meta = { Name: name, Endpoints: { docker: { Host: host, SkipTLSVerify: false } } };
    await writeFile(join(path, "contexts/meta", id, "meta.json"), JSON.stringify(meta));
    if (!tls) continue;
    await mkdir(join(path, "contexts/tls", id, "docker"), { recursive: true });
    await writeFile(join(path, "contexts/tls", id, "docker/ca.pem"), "the authority");
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test("the configuration wins over DOCKER_HOST, and that over contexts", async () => {
  await using directory = await dockerDirectory(
    { currentContext: "current" },
    { current: { host: "unix:///current.sock" }, other: { host: "unix:///other.sock" } },
  );
  const env = { DOCKER_CONFIG: directory.path };
  const text = async (config: Parameters<typeof resolveEndpoint>[0], more: Record<string, string> = {}) =>
    (await resolveEndpoint(config, environment({ env: { ...env, ...more } }))).text;
  assert.equal(
    await text({ host: "unix:///config.sock" }, { DOCKER_HOST: "unix:///env.sock" }),
    "unix:///config.sock",
  );
  assert.equal(await text({ context: "other" }, { DOCKER_HOST: "unix:///env.sock" }), "unix:///other.sock");
  assert.equal(
    await text(undefined, { DOCKER_HOST: "unix:///env.sock", DOCKER_CONTEXT: "other" }),
    "unix:///env.sock",
  );
  assert.equal(await text(undefined, { DOCKER_CONTEXT: "other" }), "unix:///other.sock");
  assert.equal(await text(undefined), "unix:///current.sock");
  assert.equal(await text(undefined, { DOCKER_CONTEXT: "default" }), "unix:///var/run/docker.sock");
});

test("without a choice: the usual socket, a rootless engine's, Podman's", async () => {
  const first = async (...present: string[]) =>
    (
      await resolveEndpoint(
        undefined,
        environment({ env: { XDG_RUNTIME_DIR: "/run/user/7" }, exists: (path) => present.includes(path) }),
      )
    ).text;
  assert.equal(await first(), "unix:///var/run/docker.sock");
  assert.equal(await first("/run/user/7/docker.sock", "/var/run/docker.sock"), "unix:///var/run/docker.sock");
  assert.equal(await first("/run/user/7/docker.sock"), "unix:///run/user/7/docker.sock");
  assert.equal(await first("/run/user/7/podman/podman.sock"), "unix:///run/user/7/podman/podman.sock");
  assert.equal(await first("/run/podman/podman.sock"), "unix:///run/podman/podman.sock");
});

test("a context brings its certificates; an unknown one is a typed error", async () => {
  await using directory = await dockerDirectory({}, { far: { host: "tcp://far.example:2376", tls: true } });
  const where = environment({ env: { DOCKER_CONFIG: directory.path }, exists: () => true });
  const endpoint = await resolveEndpoint({ context: "far" }, where);
  assert.equal(endpoint.kind === "tcp" && endpoint.tls?.ca?.toString(), "the authority");
  await assert.rejects(resolveEndpoint({ context: "nowhere" }, where), (error) =>
    isBerthError(error, "docker.context_not_found"),
  );
});

test("addresses as DOCKER_HOST has them", () => {
  const tls = { skipVerify: false };
  assert.deepEqual(parseHost("tcp://10.0.0.1:2375", undefined), {
    kind: "tcp",
    host: "10.0.0.1",
    port: 2375,
    text: "tcp://10.0.0.1:2375",
    local: false,
  });
  assert.equal(parseHost("tcp://host", undefined).text, "tcp://host:2375");
  assert.equal(parseHost("tcp://host", tls).text, "tcp://host:2376");
  assert.equal(parseHost("tcp://host:80", undefined).text, "tcp://host:80");
  const six = parseHost("tcp://[::1]:2375", undefined);
  assert.equal(six.kind === "tcp" && six.host, "::1");
  const ssh = parseHost("ssh://dev@box:2222", undefined);
  assert.deepEqual(ssh, {
    kind: "ssh",
    destination: "dev@box",
    port: 2222,
    text: "ssh://dev@box:2222",
    local: false,
  });
});

test("what is no address is refused, without showing a password", () => {
  for (const host of [
    "unix://relative",
    "ftp://x",
    "npipe:////./pipe/docker_engine",
    "tcp://",
    "ssh://-oProxy@x",
    "ssh://-x",
  ]) {
    assert.throws(
      () => parseHost(host, undefined),
      (error) => isBerthError(error, "config.invalid"),
      host,
    );
  }
  assert.throws(
    () => parseHost("ftp://me:secret@host", undefined),
    (error) => error instanceof Error && !error.message.includes("secret"),
  );
});
