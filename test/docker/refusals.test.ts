import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { pack } from "tar-stream";
import { isBerthError } from "../../src/contract/errors.ts";
import { container } from "../fixtures/container.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { image } from "../fixtures/images.ts";
import { ordinaryUser, runAs } from "../fixtures/user.ts";
import { codeOf, testState } from "./support.ts";

test("a user who may not use the engine's socket is told so", async () => {
  await using user = await ordinaryUser({ groups: [] });
  await using state = await testState();
  await chmod(state.directory, 0o755);
  const path = join(state.directory, "docker.sock");
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await chmod(path, 0o600);
  try {
    const index = new URL("../../src/index.ts", import.meta.url).pathname;
    const program = `
      const { openRuntime } = await import(${JSON.stringify(index)});
      await openRuntime({ type: "docker", containerId: "web", engine: { host: "unix://${path}" } }).catch((error) =>
        console.log(error.code, error.context.endpoint));
    `;
    const finished = await runAs(user, [process.execPath, "--input-type=module", "-e", program]);
    assert.equal(finished.stdout.toString(), `docker.permission_denied unix://${path}\n`);
  } finally {
    server.close();
  }
});

test("a daemon that does not start is an error with its last words", async () => {
  await using state = await testState();
  const node = join(state.directory, "node");
  const script = `#!/bin/sh\ncase $1 in -p) echo 22.0.0 ;; *) echo "this Node is broken" >&2; exit 3 ;; esac\n`;
  await writeFile(node, script);
  await chmod(node, 0o755);
  await using place = await container({
    image: await image("busybox"),
    mounts: [{ host: node, container: "/usr/bin/node", readOnly: true }],
  });
  const error = await state.open({ type: "docker", containerId: place.name }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(isBerthError(error, "provision.start_failed"), String(error));
  assert.match(error.message, /this Node is broken/);
});

test("a derived image that can't be built is an error with the engine's words", async () => {
  await using state = await testState();
  const { docker } = await dockerEngine();
  const archive = pack();
  archive.entry({ name: "empty" }, "");
  archive.finalize();
  const reference = `berth-test/unbuildable:${process.pid}`;
  const stream = await docker.importImage(Readable.from(archive), {
    repo: "berth-test/unbuildable",
    tag: String(process.pid),
    changes: ["ONBUILD RUN /no-such-program"],
  });
  await Readable.from(stream).toArray();
  try {
    const open = state.open({ type: "docker", image: reference, delivery: "image" });
    assert.equal(await codeOf(open), "docker.build_failed");
  } finally {
    await docker.getImage(reference).remove({ force: true });
  }
});

test("a read-only mount with a blank in its name is the working directory", async () => {
  await using state = await testState();
  const project = join(state.directory, "with space");
  await mkdir(project);
  await using runtime = await state.open({
    type: "docker",
    image: await image("busybox"),
    mounts: [{ source: project, target: "/work with space", readOnly: true }],
    workdir: "/work with space",
  });
  const result = await runtime.exec(["sh", "-c", "pwd; touch x 2>/dev/null || echo read-only"]);
  assert.equal(result.stdout, "/work with space\nread-only\n");
});
