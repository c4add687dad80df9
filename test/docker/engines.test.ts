import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { container } from "../fixtures/container.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { image } from "../fixtures/images.ts";
import { podmanEngine } from "../fixtures/podman.ts";
import { registry } from "../fixtures/registry.ts";
import { ordinaryUser, runAs } from "../fixtures/user.ts";
import { codeOf, testState } from "./support.ts";

/** Points DOCKER_CONFIG at a directory with this configuration, until disposed. */
async function dockerConfig(directory: string, config: unknown): Promise<Disposable> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "config.json"), JSON.stringify(config));
  const before = process.env.DOCKER_CONFIG;
  process.env.DOCKER_CONFIG = directory;
  return {
    [Symbol.dispose]: () => {
      if (before === undefined) delete process.env.DOCKER_CONFIG;
      else process.env.DOCKER_CONFIG = before;
    },
  };
}

async function removeImage(reference: string): Promise<void> {
  const { docker } = await dockerEngine();
  await docker
    .getImage(reference)
    .remove({ force: true })
    .catch(() => {});
}

test("an image is pulled with progress, and not pulled again", async () => {
  await using state = await testState();
  await using source = await registry();
  const { tagged } = await source.push(await image("busybox"), "berth/pulled", 3_000_000);
  try {
    {
      await using runtime = await state.open({ type: "docker", image: tagged });
      assert.equal((await runtime.exec(["echo", "hi"])).stdout, "hi\n");
    }
    const bytes = state.progress.filter(
      ({ phase, bytesTotal }) => phase === "pull" && bytesTotal !== undefined,
    );
    assert.equal(bytes.length > 0, true);
    assert.equal((bytes.at(-1)?.bytesTotal ?? 0) >= 3_000_000, true);
    state.progress.length = 0;
    await (await state.open({ type: "docker", image: tagged })).close();
    assert.equal(
      state.progress.some(({ phase }) => phase === "pull"),
      false,
    );
  } finally {
    await removeImage(tagged);
  }
});

test("a registry's credentials go along only when they are allowed to", async () => {
  await using state = await testState();
  await using source = await registry({ auth: true });
  const { tagged } = await source.push(await image("busybox"), "berth/private");
  const { username = "", password = "" } = source.credentials ?? {};
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  const directory = join(state.directory, "docker");
  try {
    {
      using _none = await dockerConfig(directory, {});
      assert.equal(
        await codeOf(state.open({ type: "docker", image: tagged })),
        "docker.registry_unauthorized",
      );
    }
    using _login = await dockerConfig(directory, { auths: { [source.address]: { auth } } });
    const refused = state.open({ type: "docker", image: tagged, registryCredentials: "none" });
    assert.equal(await codeOf(refused), "docker.registry_unauthorized");
    await using runtime = await state.open({ type: "docker", image: tagged });
    assert.equal((await runtime.exec(["echo", "hi"])).stdout, "hi\n");
    assert.equal(JSON.stringify([state.events, state.progress]).includes(password), false);
  } finally {
    await removeImage(tagged);
  }
});

test("credentials come from a credential helper", async () => {
  await using state = await testState();
  await using source = await registry({ auth: true });
  const { tagged } = await source.push(await image("busybox"), "berth/helped");
  const { username = "", password = "" } = source.credentials ?? {};
  const bin = join(state.directory, "bin");
  await mkdir(bin);
  const answer = JSON.stringify({ ServerURL: source.address, Username: username, Secret: password });
  const script = `#!/bin/sh\nread -r server\n[ "$1 $server" = "get ${source.address}" ] && echo '${answer}'\n`;
  await writeFile(join(bin, "docker-credential-berthtest"), script);
  await chmod(join(bin, "docker-credential-berthtest"), 0o755);
  const path = process.env.PATH;
  process.env.PATH = `${bin}${delimiter}${path}`;
  try {
    using _config = await dockerConfig(join(state.directory, "docker"), {
      credHelpers: { [source.address]: "berthtest" },
    });
    await using runtime = await state.open({ type: "docker", image: tagged });
    assert.equal((await runtime.exec(["echo", "hi"])).stdout, "hi\n");
  } finally {
    process.env.PATH = path;
    await removeImage(tagged);
  }
});

test("an image that the registry does not have is a typed error", async () => {
  await using state = await testState();
  await using source = await registry();
  const missing = `${source.address}/berth/missing:1`;
  assert.equal(await codeOf(state.open({ type: "docker", image: missing })), "docker.image_not_found");
  const nowhere = `127.0.0.1:1/berth/missing:${randomBytes(3).toString("hex")}`;
  assert.equal(await codeOf(state.open({ type: "docker", image: nowhere })), "docker.pull_failed");
});

test("an ordinary user of the docker group has both kinds of containers", async () => {
  await using user = await ordinaryUser();
  await using place = await container({ image: await image("debian-user") });
  const { socketPath } = await dockerEngine();
  const index = new URL("../../src/index.ts", import.meta.url).pathname;
  const program = `
    const { openRuntime } = await import(${JSON.stringify(index)});
    const engine = { host: "unix://${socketPath}" };
    for (const config of ${JSON.stringify([
      { containerId: place.name },
      { image: await image("busybox") },
      { image: await image("debian-user") },
    ])}) {
      const runtime = await openRuntime({ type: "docker", engine, ...config });
      const result = await runtime.exec(["sh", "-c", "id -u; echo to-log"]);
      console.log(JSON.stringify(result.stdout), runtime.capabilities.daemon);
      await runtime.close();
    }
    const { readdir } = await import("node:fs/promises");
    console.log(await readdir(process.env.HOME + "/.local/state/berth/containers"));
  `;
  const finished = await runAs(user, [process.execPath, "--input-type=module", "-e", program], {
    BERTH_PAYLOAD_DIR: process.env.BERTH_PAYLOAD_DIR,
  });
  assert.equal(finished.stderr.toString(), "");
  assert.equal(
    finished.stdout.toString(),
    '"1000\\nto-log\\n" true\n"0\\nto-log\\n" true\n"1000\\nto-log\\n" true\n[]\n',
  );
});

test("Podman's compatible socket: a running container, and one from an image", async () => {
  await using podman = await podmanEngine();
  await using state = await testState();
  const reference = await image("busybox", podman);
  const engine = { host: `unix://${podman.socketPath}` };
  {
    await using place = await container({ image: reference, engine: podman });
    await using runtime = await state.open({ type: "docker", engine, containerId: place.name });
    assert.equal((await runtime.exec(["echo", "hi"])).stdout, "hi\n");
    assert.equal(runtime.capabilities.daemon, true);
  }
  await using runtime = await state.open({ type: "docker", engine, image: reference, network: "none" });
  assert.equal((await runtime.exec(["echo", "hi"])).stdout, "hi\n");
});
