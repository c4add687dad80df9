import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { isBerthError } from "../../src/contract/errors.ts";
import type { Runtime } from "../../src/contract/runtime.ts";
import { bytesOf, noise, numbered, printNumbered, refused, sha256 } from "../conformance/kit.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { processesOf, type SshBench, type SshBenchOptions, sshBench, TRANSPORTS } from "./support.ts";

type Transport = (typeof TRANSPORTS)[number];

/** What SEMANTICS promises where there is no daemon, on a real sshd by both transports. */
function each(
  title: string,
  body: (bench: SshBench, transport: Transport, t: TestContext) => Promise<void>,
  options: SshBenchOptions = {},
): void {
  for (const transport of TRANSPORTS) {
    test(`${title}: ${transport}`, async (t) => {
      const made = await requireOrSkip(t, () => sshBench(options));
      if (made === undefined) return;
      await using bench = made;
      await body(bench, transport, t);
    });
  }
}

const open = (bench: SshBench, transport: Transport) => bench.open({ transport, daemon: "never" });

/** Sessions of SFTP that sshd has opened, by its log. */
function sftpSessions(bench: SshBench): number {
  return bench.server.log().match(/subsystem.*sftp/g)?.length ?? 0;
}

each("large files go by one SFTP session, small ones and looks by a shell", async (bench, transport) => {
  const runtime = await open(bench, transport);
  const { fs } = runtime;
  const content = noise(5_000_000);
  await fs.writeFile("small", content.subarray(0, 4096));
  assert.equal(sha256(await fs.readFile("small")), sha256(content.subarray(0, 4096)));
  assert.equal(sftpSessions(bench), 0);
  assert.deepEqual(await fs.writeFile("a 'b'\n\udcff", content, { mode: 0o640 }), {
    atomic: true,
    bytes: content.length,
  });
  const path = "a 'b'\n\udcff";
  assert.equal((await fs.stat(path)).mode, 0o640);
  assert.equal(sha256(await fs.readFile(path)), sha256(content));
  const sum = await runtime.exec(["sha256sum"], { input: fs.createReadStream(path) });
  assert.equal(sum.stdout.split(" ")[0], sha256(content));
  const range = await bytesOf(fs.createReadStream(path, { start: 4_000_000, end: 4_199_999 }));
  assert.equal(sha256(range), sha256(content.subarray(4_000_000, 4_200_000)));
  assert.equal(sftpSessions(bench), 1);
});

each(
  "what can't be replaced is written in place; refusals are the errno with the path",
  async (bench, transport) => {
    const runtime = await open(bench, transport);
    const { fs } = runtime;
    const content = noise(300_000);
    await fs.writeFile("one", "old");
    await runtime.exec(["ln", "one", "two"]);
    assert.deepEqual(await fs.writeFile("two", content), { atomic: false, bytes: content.length });
    assert.equal(sha256(await fs.readFile("one")), sha256(content));
    await fs.symlink("three", "link");
    await fs.writeFile("link", content);
    assert.equal((await fs.lstat("link")).type, "symlink");
    assert.equal((await fs.stat("three")).size, content.length);
    const error = await refused(fs.readFile("/etc/shadow"), "EACCES");
    assert.equal(error.path, "/etc/shadow");
    await refused(fs.writeFile("/etc/made-by-berth", content), "EACCES");
    await refused(fs.writeFile("one/below", content), "ENOTDIR");
  },
);

each(
  "a full disk is ENOSPC, leaves the old file and no temporary",
  async (bench, transport) => {
    const runtime = await open(bench, transport);
    const { fs } = runtime;
    await fs.writeFile("d/file", "old");
    for (const bytes of [60_000, 8_000_000]) {
      await runtime.exec(`head -c 8000000 /dev/zero >filler; rm -f gap; :`);
      const error = await refused(fs.writeFile("d/file", noise(bytes)), "ENOSPC");
      assert.match(error.path ?? "", /d\/file$/);
      await runtime.exec("rm filler");
      assert.equal(await fs.readFile("d/file", "utf8"), "old");
      await waitFor("the temporary is gone", async () => (await fs.readdir("d")).length === 1);
    }
  },
  { user: { homeBytes: 4 * 1024 * 1024 } },
);

each(
  "a write that is cut in the middle leaves the old file and is transport.disconnected",
  async (bench, transport) => {
    const network = await bench.between();
    const runtime = await open(bench, transport);
    const { fs } = runtime;
    await fs.writeFile("file", "old");
    async function* cut() {
      yield noise(1_500_000);
      network.cut();
      for (;;) yield noise(100_000);
    }
    const error = await fs.writeFile("file", cut()).then(
      () => assert.fail("it was written"),
      (reason: unknown) => reason,
    );
    assert.ok(isBerthError(error, "transport.disconnected"), String(error));
    const back = await waitFor("it is reached again", () =>
      fs.readFile("file", "utf8").then(
        (text) => text,
        () => undefined,
      ),
    );
    assert.equal(back, "old");
    await fs.writeFile("file", noise(200_000));
    assert.equal((await fs.stat("file")).size, 200_000);
  },
);

each("a command's own 255 is its exit; a connection that breaks is not", async (bench, transport) => {
  const network = await bench.between();
  const runtime = await open(bench, transport);
  for (const code of [255, 125, 124, 0]) {
    assert.equal((await runtime.exec(`echo on; exit ${code}`)).exitCode, code);
  }
  const running = runtime.exec("echo started; sleep 1000").then(
    () => assert.fail("it has a result"),
    (error: unknown) => error,
  );
  await waitFor("it runs", async () =>
    (await processesOf(bench.user)).some(({ commandLine }) => commandLine === "sleep\x001000\0"),
  );
  network.cut();
  const error = await running;
  assert.ok(isBerthError(error, "transport.disconnected"), String(error));
});

each("timeouts are kept without GNU timeout", async (bench, transport) => {
  const runtime = await open(bench, transport);
  // In its place stands a program that ends nothing.
  await runtime.exec("mkdir bin; printf '#!/bin/sh\\nexec sleep 1000\\n' >bin/timeout; chmod +x bin/timeout");
  const env = { PATH: `${runtime.workdir}/bin:/usr/bin:/bin` };
  const slow = await runtime.exec(["/bin/sh", "-c", "echo before; sleep 1000"], {
    env,
    timeoutMs: 1_500,
    killGraceMs: 100,
  });
  assert.deepEqual([slow.timedOut, slow.signal, slow.stdout], [true, "SIGTERM", "before\n"]);
  const deaf = await runtime.exec(["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], {
    env,
    timeoutMs: 1_500,
    killGraceMs: 200,
  });
  assert.deepEqual([deaf.timedOut, deaf.signal], [true, "SIGKILL"]);
  assert.equal((await runtime.exec(["echo", "on"])).stdout, "on\n");
});

each(
  "100 MB of output go through, and a reader that waits makes the command wait",
  async (bench, transport) => {
    const runtime = await open(bench, transport);
    const lines = 6_250_000;
    const expected = sha256(numbered(lines));
    const { createHash } = await import("node:crypto");
    const digest = createHash("sha256");
    let bytes = 0;
    for await (const chunk of runtime.exec(printNumbered(lines))) {
      if (chunk.type !== "data") continue;
      assert.equal(chunk.stream, "stdout");
      digest.update(chunk.data);
      bytes += chunk.data.length;
    }
    assert.equal(bytes, lines * 16);
    assert.equal(digest.digest("hex"), expected);

    const endless = runtime.exec("i=0; while :; do i=$((i+1)); echo $i >progress; printf %65536d 0; done");
    const reader = endless[Symbol.asyncIterator]();
    await reader.next();
    const progress = async () => Number(await runtime.fs.readFile("progress", "utf8").catch(() => "0"));
    let last = -1;
    const stopped = await waitFor("it waits", async () => {
      const now = await progress();
      const same = now > 0 && now === last;
      last = now;
      return same ? now : undefined;
    });
    assert.ok(stopped < 2_000, `${stopped * 64} KiB are on the way to a reader that does not read`);
    await reader.return?.();
    await waitFor("it is ended", async () =>
      (await processesOf(bench.user)).every(({ commandLine }) => !commandLine.includes("progress")),
    );
  },
);

each(
  "an abort reaches a host whose sessions are all taken",
  async (bench, transport) => {
    const runtime = await bench.open({ transport, daemon: "never", maxConnections: 1 });
    await runtime.exec(["true"]);
    const abort = new AbortController();
    const sleeping = Array.from({ length: 6 }, (_, index) =>
      runtime.exec(["sleep", `100${index}`], { signal: abort.signal }).then(
        () => assert.fail("it has a result"),
        (error: unknown) => error,
      ),
    );
    const asleep = async () =>
      (await processesOf(bench.user)).filter(({ commandLine }) => /^sleep\x00100\d\x00/.test(commandLine))
        .length;
    await waitFor("the only session is taken, for which the others wait", async () => (await asleep()) === 1);
    abort.abort();
    for (const one of sleeping) assert.ok(isBerthError(await one, "operation.aborted"));
    await waitFor("all are gone", async () => (await asleep()) === 0);
    assert.equal((await runtime.exec(["echo", "on"])).stdout, "on\n");
  },
  { server: { config: ["MaxSessions 1"] } },
);

each(
  "start-up files that read stdin and print disturb neither commands nor files",
  async (bench, transport) => {
    const runtime: Runtime = await open(bench, transport);
    const content = noise(300_000);
    for (let round = 0; round < 4; round++) {
      const echoed = await runtime.exec(["cat"], { input: `line ${round}\n` });
      assert.equal(echoed.stdout, `line ${round}\n`);
    }
    await runtime.fs.writeFile("file", content);
    assert.equal(sha256(await runtime.fs.readFile("file")), sha256(content));
    assert.equal((await runtime.exec("exit 7")).exitCode, 7);
  },
  { user: { shell: "bash", startup: "echo welcome\necho trouble >&2\nread -r answer\n" } },
);

each(
  "one session and one connection are enough for commands and files",
  async (bench, transport) => {
    const runtime = await bench.open({ transport, daemon: "never", maxConnections: 1 });
    const content = noise(300_000);
    for (let round = 0; round < 2; round++) {
      await runtime.fs.writeFile("file", content);
      assert.equal((await runtime.exec(["echo", "on"])).stdout, "on\n");
      assert.equal(sha256(await runtime.fs.readFile("file")), sha256(content));
    }
  },
  { server: { config: ["MaxSessions 1"] } },
);
