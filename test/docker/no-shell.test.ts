import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { test } from "node:test";
import { pack } from "tar-stream";
import { container } from "../fixtures/container.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { ensurePackages } from "../fixtures/install.ts";
import { codeOf, testState } from "./support.ts";

/** An image with one program, /busybox, and no shell; removed afterwards. */
async function shellLess(): Promise<{ reference: string } & AsyncDisposable> {
  await ensurePackages(["busybox-static"]);
  const { docker } = await dockerEngine();
  const archive = pack();
  archive.entry({ name: "busybox", mode: 0o755 }, await readFile("/bin/busybox"));
  archive.finalize();
  const reference = `berth-test/no-shell:${process.pid}`;
  const stream = await docker.importImage(Readable.from(archive), {
    repo: "berth-test/no-shell",
    tag: String(process.pid),
    changes: ["ENV PATH=/"],
  });
  await Readable.from(stream).toArray();
  return {
    reference,
    [Symbol.asyncDispose]: async () => void (await docker.getImage(reference).remove({ force: true })),
  };
}

test("a running container without a shell is a typed error", async () => {
  await using state = await testState();
  await using image = await shellLess();
  await using place = await container({
    image: image.reference,
    args: ["/busybox", "tail", "-f", "/busybox"],
  });
  assert.equal(await codeOf(state.open({ type: "docker", containerId: place.name })), "docker.no_shell");
});

test("a container from an image needs no shell", async () => {
  await using state = await testState();
  await using image = await shellLess();
  await using runtime = await state.open({ type: "docker", image: image.reference });
  assert.equal((await runtime.exec(["/busybox", "echo", "hi"])).stdout, "hi\n");
  await runtime.fs.writeFile("/a", "b");
  assert.equal((await runtime.exec(["/busybox", "cat", "/a"])).stdout, "b");
});
