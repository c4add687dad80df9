import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { container, type TestContainer } from "../../../test/fixtures/container.ts";
import { dockerEngine } from "../../../test/fixtures/docker.ts";
import { type ImageKind, image } from "../../../test/fixtures/images.ts";
import { requireOrSkip } from "../../../test/fixtures/install.ts";
import { isBerthError } from "../../contract/errors.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { parseHost } from "../../transports/docker/endpoint.ts";
import { createDockerEngine } from "../../transports/docker/engine.ts";
import { createDockerTransport } from "../../transports/docker/transport.ts";
import { createShellRuntime } from "./runtime.ts";
import { until } from "./testing.ts";

interface ContainerPlace extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly container: TestContainer;
  readonly events: BerthEventInput[];
}

/** A container without an init, so that what is left behind stays visible, and a shell runtime in it. */
async function place(kind: ImageKind, readOnly = false): Promise<ContainerPlace> {
  const { socketPath } = await dockerEngine();
  const running = await container({
    image: await image(kind),
    readOnly,
    ...(readOnly ? { tmpfs: { "/tmp": "size=16m" } } : {}),
  });
  const engine = createDockerEngine(parseHost(`unix://${socketPath}`, undefined));
  const events: BerthEventInput[] = [];
  const runtime = createShellRuntime({
    kind: "docker",
    description: `docker container ${running.name}`,
    isolation: { filesystem: "separate", processes: "separate", network: "separate", kernel: "shared" },
    workdir: "/tmp",
    transport: createDockerTransport({ engine, id: running.id, name: running.name }),
    reasons: "daemon: never",
    onEvent: (event) => events.push(event),
  });
  return {
    runtime,
    container: running,
    events,
    [Symbol.asyncDispose]: async () => {
      await runtime.close();
      engine.close();
      await running[Symbol.asyncDispose]();
    },
  };
}

const KINDS = [
  ["busybox", false],
  ["debian", false],
  ["debian-user", false],
  ["busybox", true],
] as const;

for (const [kind, readOnly] of KINDS) {
  const name = `${kind}${readOnly ? ", read-only" : ""}`;
  const it = (what: string, run: (on: ContainerPlace, t: TestContext) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => {
      const on = await requireOrSkip(t, () => place(kind, readOnly));
      if (on === undefined) return;
      await using _on = on;
      await run(on, t);
    });

  it("commands: exit, signal, streams, environment, input, user of the image", async ({ runtime }) => {
    for (const status of [0, 3, 124, 125, 130, 143, 255]) {
      assert.equal((await runtime.exec(["sh", "-c", `exit ${status}`])).exitCode, status);
    }
    for (const signal of ["TERM", "KILL", "INT", "PIPE"]) {
      assert.equal((await runtime.exec(["sh", "-c", `kill -${signal} $$`])).signal, `SIG${signal}`);
    }
    const value = 'it\'s "$HOME" `id` \\ \n\n\t\x01\x7f é😀';
    const both = await runtime.exec(
      ["sh", "-c", 'printf %s "$V"; printf %s "$1" >&2; cat >> /dev/stderr', "sh", value],
      {
        env: { V: value },
        input: "\0input",
      },
    );
    assert.equal(both.stdout, value);
    assert.equal(both.stderr, `${value}\0input`);
    const id = await runtime.exec(["id", "-u"]);
    assert.equal(id.stdout, kind === "debian-user" ? "1000\n" : "0\n");
    const environment = (await runtime.exec(["env"])).stdout
      .split("\n")
      .map((line) => line.split("=")[0])
      .sort();
    const expected = [
      "GIT_EDITOR",
      "GIT_PAGER",
      "GIT_TERMINAL_PROMPT",
      "HOME",
      "HOSTNAME",
      "PAGER",
      "PATH",
      "PWD",
      "TERM",
    ];
    assert.deepEqual(environment, ["", ...expected]);
    await assert.rejects(Promise.resolve(runtime.exec(["no-such-command"])), { code: "process.not_found" });
    await assert.rejects(Promise.resolve(runtime.exec(["true"], { cwd: "/none" })), {
      code: "process.cwd_not_found",
    });
    await assert.rejects(Promise.resolve(runtime.exec(["true", "x".repeat(200_000)])), {
      code: "process.arguments_too_long",
    });
  });

  it("output: a background child, 20 MB, order of 100,000 lines", async ({ runtime }) => {
    assert.equal((await runtime.exec("sleep 20 & echo hi")).stdout, "hi\n");
    let next = 1;
    for await (const line of runtime.exec(["seq", "100000"]).lines()) assert.equal(Number(line), next++);
    let bytes = 0;
    for await (const chunk of runtime.exec(["head", "-c", "20000000", "/dev/zero"])) {
      if (chunk.type === "data") bytes += chunk.data.length;
    }
    assert.equal(bytes, 20_000_000);
  });

  it("timeout and abort end the group and leave nothing behind", async ({ runtime, container, events }) => {
    const late = await runtime.exec("trap '' TERM; echo up; sleep 300; sleep 300", {
      timeoutMs: 1_500,
      killGraceMs: 300,
    });
    assert.deepEqual([late.timedOut, late.signal, late.stdout], [true, "SIGKILL", "up\n"]);
    const abort = new AbortController();
    await assert.rejects(
      (async () => {
        const running = runtime.exec("echo up; sleep 300 & sleep 300", { signal: abort.signal });
        for await (const _line of running.lines()) abort.abort();
      })(),
      { code: "operation.aborted" },
    );
    await until("the event is there", () => events.some(({ type }) => type === "process.ended"));
    assert.deepEqual(events.at(-1)?.data, { left: 0 });
    for await (const _chunk of runtime.exec(["yes"])) break;
    // Only by the engine: ps in the container is a command like any other.
    await until("nothing is left but the container's own", async () => {
      const { Processes } = (await container.handle.top({ ps_args: "-eo pid,stat,args" })) as {
        Processes: string[][];
      };
      return Processes.filter(([, stat = ""]) => !stat.startsWith("Z")).length === 1;
    });
  });

  it("files: names, atomic writes, modes, errors", async ({ runtime }) => {
    const { fs } = runtime;
    const odd = "new\nline -rf 'x' \udcff";
    assert.deepEqual(await fs.writeFile(`sub/${odd}`, "content"), { atomic: true, bytes: 7 });
    assert.equal(await fs.readFile(`sub/${odd}`, "utf8"), "content");
    assert.deepEqual(await fs.readdir("sub"), [{ name: odd, type: "file" }]);
    assert.equal((await fs.stat(`sub/${odd}`)).mode, 0o644);
    assert.equal((await fs.lstat("/proc/self/exe")).type, "symlink");
    await fs.symlink(odd, "sub/link");
    assert.equal((await fs.lstat("sub/link")).symlinkTarget, odd);
    assert.equal(await fs.realpath("sub/link"), `/tmp/sub/${odd}`);
    const content = Buffer.alloc(3_000_000, "0123456789\0");
    await fs.writeFile("big", content);
    assert.ok(content.equals(await fs.readFile("big")));
    await assert.rejects(fs.readFile("none"), { code: "ENOENT" });
    if (kind === "debian-user") {
      await assert.rejects(fs.writeFile("/etc/hosts", "x"), { code: "EACCES" });
      await assert.rejects(fs.writeFile("/etc/new", "x"), { code: "EACCES" });
      await assert.rejects(fs.readFile("/etc/shadow"), { code: "EACCES" });
      await assert.rejects(fs.readdir("/root"), { code: "EACCES" });
      await assert.rejects(fs.stat("/root/x"), { code: "EACCES" });
      await assert.rejects(fs.chmod("/etc/passwd", 0o777), { code: "EPERM" });
      await assert.rejects(fs.writeFile("/etc/passwd", "x"), { code: "EACCES" });
    } else if (!readOnly) {
      assert.deepEqual(await fs.writeFile("/etc/hosts", "127.0.0.1 localhost\n"), {
        atomic: false,
        bytes: 20,
      });
    }
    if (readOnly) {
      await assert.rejects(fs.writeFile("/etc/hosts", "x"), { code: "EROFS" });
      await assert.rejects(fs.writeFile("/etc/new", "x"), { code: "EROFS" });
      await assert.rejects(fs.writeFile("/etc/passwd", "x"), { code: "EROFS" });
      await assert.rejects(fs.mkdir("/new"), { code: "EROFS" });
      await assert.rejects(fs.writeFile("full", Buffer.alloc(20_000_000)), { code: "ENOSPC" });
      assert.equal(await fs.exists("full"), false);
    }
  });

  it("a tree goes up and comes back", async ({ runtime }) => {
    const local = await mkdtemp(join(tmpdir(), "berth-tree-"));
    try {
      const long = `${"d".repeat(80)}/${"f".repeat(120)}`;
      await mkdir(join(local, "up", "d".repeat(80)), { recursive: true });
      await mkdir(join(local, "up", "empty"));
      await writeFile(join(local, "up", long), "far down", { mode: 0o751 });
      await symlink("empty", join(local, "up/link"));
      await runtime.fs.upload(join(local, "up"), "tree");
      assert.equal((await runtime.fs.stat(`tree/${long}`)).mode, 0o751);
      await runtime.fs.download("tree", join(local, "down"));
      assert.equal(await readFile(join(local, "down", long), "utf8"), "far down");
      assert.equal((await runtime.fs.lstat("tree/link")).symlinkTarget, "empty");
    } finally {
      await rm(local, { recursive: true, force: true });
    }
  });
}

test("a container that is stopped in the middle is a typed error, and it works again when it is back", async (t) => {
  const on = await requireOrSkip(t, () => place("busybox"));
  if (on === undefined) return;
  await using _on = on;
  const { runtime, container } = on;
  const running = (async () => {
    for await (const _line of runtime.exec("echo up; sleep 300").lines()) await container.stop();
  })();
  const error: unknown = await running.catch((thrown: unknown) => thrown);
  assert.ok(isBerthError(error), String(error));
  assert.match(error.code, /^(docker\.container_not_running|transport\.disconnected)$/);
  await assert.rejects(Promise.resolve(runtime.exec(["true"])), { code: "docker.container_not_running" });
  await container.start();
  assert.equal((await runtime.exec(["echo", "again"])).stdout, "again\n");
});

test("a place that stops answering costs a timed command its grace and a second, not for ever", async (t) => {
  const on = await requireOrSkip(t, () => place("busybox"));
  if (on === undefined) return;
  await using _on = on;
  const { runtime, container, events } = on;
  await runtime.exec(["true"]);
  const running = runtime.exec("echo up; sleep 300", { timeoutMs: 5_000, killGraceMs: 100 });
  await until("it runs", async () => {
    const { Processes } = (await container.handle.top({ ps_args: "-eo pid,args" })) as {
      Processes: string[][];
    };
    return Processes.some(([, args]) => args === "sleep 300");
  });
  await container.pause();
  const result = await running;
  assert.deepEqual([result.timedOut, result.signal, result.stdout], [true, "SIGKILL", "up\n"]);
  await until("that it could not be ended is told", () =>
    events.some(({ type }) => type === "process.end_failed"),
  );
  await assert.rejects(Promise.resolve(runtime.exec(["true"])), { code: "docker.container_paused" });
  await container.unpause();
  assert.equal((await runtime.exec(["echo", "again"])).stdout, "again\n");
});
