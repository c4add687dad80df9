import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { suggestRuntimes } from "../../src/runtimes/suggestions.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { image } from "../fixtures/images.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { ask, refused, sharedRunner, tokenFor } from "./work-desk.ts";

const shared = sharedRunner();
const PATH = "/v1/runtimes/suggestions";

/** Which engine `docker` would take, for the rest of a test. */
function engineIs(host: string): Disposable {
  const before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = host;
  return {
    [Symbol.dispose]() {
      if (before === undefined) delete process.env.DOCKER_HOST;
      else process.env.DOCKER_HOST = before;
    },
  };
}

test("containers of others and images that the engine has, names of the project's berth.yaml", async (t) => {
  const made = await requireOrSkip(t, async () => ({
    engine: await dockerEngine(),
    name: await image("debian"),
  }));
  if (made === undefined) return;
  const { engine, name } = made;
  using _ = engineIs(`unix://${engine.socketPath}`);
  const runner = shared();
  const project = runner.project();
  writeFileSync(join(project, "berth.yaml"), "runtimes:\n  box:\n    type: ssh\n    host: dev@box\n");
  const own = await engine.docker.createContainer({
    Image: name,
    Cmd: ["true"],
    Labels: { "berth.record": "x" },
  });
  const others = await engine.docker.createContainer({ Image: name, Cmd: ["true"] });
  try {
    const { body, status } = await ask(runner, "GET", `${PATH}?project=${encodeURIComponent(project)}`);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.docker_error, null);
    assert.deepEqual([body.named, body.named_error], [[{ name: "box", type: "ssh" }], null]);
    const ids = body.docker_containers.map(({ id }: { id: string }) => id);
    assert.ok(ids.includes(others.id) && !ids.includes(own.id));
    const container = body.docker_containers.find(({ id }: { id: string }) => id === others.id);
    assert.deepEqual([container.image, container.state], [name, "created"]);
    assert.match(container.name, /^[a-z]+_[a-z]+$/);
    const found = body.docker_images.find(({ reference }: { reference: string }) => reference === name);
    assert.ok(found.bytes > 0 && Date.parse(found.created_at) > 0, JSON.stringify(found));
    assert.ok(Array.isArray(body.ssh_hosts));
  } finally {
    await Promise.all([own.remove(), others.remove()]);
  }
});

test("without an engine, with a broken berth.yaml, and for whom it is not", async () => {
  await using scratch = await scratchDirectory();
  using _ = engineIs(`unix://${join(scratch.path, "none.sock")}`);
  const runner = shared();
  const project = runner.project("broken");
  writeFileSync(join(project, "berth.yaml"), "runtimes: [\n");
  const { body } = await ask(runner, "GET", `${PATH}?project=${encodeURIComponent(project)}`);
  assert.deepEqual([body.docker_error.code, body.docker_containers], ["docker.engine_unavailable", []]);
  assert.deepEqual([body.named_error.code, body.named], ["config.file_invalid", []]);
  await refused(ask(runner, "GET", `${PATH}?project=nobody`), 400, "workspace.not_a_project");
  const token = await tokenFor(runner, "reader", "read");
  await refused(ask(runner, "GET", PATH, undefined, { token }), 403, "auth.forbidden");
});

test("an engine that says nothing holds up nobody", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "silent.sock");
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket.on("error", () => {})));
  silent.listen(path);
  await once(silent, "listening");
  using _ = engineIs(`unix://${path}`);
  try {
    const { dockerError } = await suggestRuntimes(undefined, 50);
    assert.equal(dockerError?.code, "docker.engine_timeout");
    await waitFor("it was asked", () => sockets.length > 0);
  } finally {
    silent.close();
    for (const socket of sockets) socket.destroy();
  }
});
