import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { ProvisionProgress } from "../../src/contract/runtime.ts";
import { checkRuntime } from "../../src/runtimes/check.ts";
import { noise, readAll, refused, sha256 } from "../conformance/kit.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { run } from "../fixtures/process.ts";
import { sshBench, TRANSPORTS, WAYS } from "./support.ts";

/** A host without bash: seen by this sshd's sessions only. */
const NO_BASH = 'touch "$0/nothing" && chmod 600 "$0/nothing" && mount --bind "$0/nothing" /usr/bin/bash';
const NOEXEC_TMP =
  "mount -t tmpfs -o noexec,mode=1777 berth-test /tmp && mount -t tmpfs -o noexec,mode=1777 berth-test /var/tmp && mount -t tmpfs -o noexec,mode=1777 berth-test /dev/shm";

for (const transport of TRANSPORTS) {
  test(`a home that cannot be written, or a /tmp where nothing can be executed: the daemon runs: ${transport}`, async (t) => {
    const places = [{ user: { readOnlyHome: true } }, { server: { mounts: NOEXEC_TMP } }];
    for (const place of places) {
      const made = await requireOrSkip(t, () => sshBench(place));
      if (made === undefined) return;
      await using bench = made;
      const runtime = await bench.open({ transport, workdir: "/tmp" });
      assert.equal((await runtime.exec(["id", "-un"])).stdout.trim(), bench.user.name);
      assert.equal(runtime.capabilities.daemon, true, runtime.capabilities.reasons.daemon);
      const file = `/tmp/${bench.user.name}`;
      await runtime.fs.writeFile(file, "content");
      assert.equal(await runtime.fs.readFile(file, "utf8"), "content");
      await runtime.fs.rm(file);
    }
  });

  test(`both at once: it works without the daemon, and says why: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () =>
      sshBench({ server: { mounts: NOEXEC_TMP }, user: { readOnlyHome: true } }),
    );
    if (made === undefined) return;
    await using bench = made;
    const runtime = await bench.open({ transport, workdir: "/tmp" });
    assert.equal(runtime.capabilities.daemon, false);
    assert.match(runtime.capabilities.reasons.daemon ?? "", /noexec/);
    assert.ok(bench.events.some(({ type }) => type === "provision.fallback"));
    assert.equal((await runtime.exec(["id", "-un"])).stdout.trim(), bench.user.name);
    await runtime.fs.writeFile("/tmp/file", "content");
    assert.equal(await runtime.fs.readFile("/tmp/file", "utf8"), "content");
    await refused(runtime.spawn(["true"]), "runtime.capability_unsupported");
  });

  test(`a home that is full in the middle of the upload: what was put there is removed, and it works: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench({ user: { homeBytes: 100 * 1024 } }));
    if (made === undefined) return;
    await using bench = made;
    const runtime = await bench.open({ transport });
    assert.equal((await runtime.exec(["echo", "on"])).stdout, "on\n");
    assert.deepEqual(
      (await readdir(bench.user.home, { recursive: true })).filter((name) =>
        /\.(tar|gz|part|tmp)/.test(name),
      ),
      [],
    );
    const free = (await run(["df", "--output=avail", "-B1", bench.user.home])).stdout
      .toString()
      .split("\n")[1];
    assert.ok(runtime.capabilities.daemon || Number(free) > 50 * 1024, `${free} bytes are free`);
  });

  test(`a disk that fills while the daemon is put there: it is told, and it works when there is room: ${transport}`, async (t) => {
    const size = 24 * 1024 * 1024;
    const made = await requireOrSkip(t, () => sshBench({ user: { homeBytes: size } }));
    if (made === undefined) return;
    await using bench = made;
    const stateDir = join(bench.user.home, "state");
    const fill = join(bench.user.home, "fill");
    let filled = false;
    const onProgress = ({ phase }: ProvisionProgress): void => {
      if (phase !== "upload" || filled) return;
      filled = true;
      assert.throws(() => writeFileSync(fill, Buffer.alloc(size)), { code: "ENOSPC" });
    };
    const first = await bench.open({ transport, stateDir }, { onProgress });
    assert.ok(filled, "it was being put there");
    assert.equal(first.capabilities.daemon, false);
    const fallback = bench.events.find(({ type }) => type === "provision.fallback");
    assert.equal(fallback?.data?.code, "provision.no_space", fallback?.message);
    assert.equal((await first.exec(["echo", "on"])).stdout, "on\n");
    await first.close();
    await rm(fill);
    const second = await bench.open({ transport, stateDir });
    assert.equal(second.capabilities.daemon, true, second.capabilities.reasons.daemon);
    assert.equal((await second.exec(["echo", "on"])).stdout, "on\n");
  });

  test(`an account whose shell is nologin is told in the server's words: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench({ user: { shell: "/usr/sbin/nologin" } }));
    if (made === undefined) return;
    await using bench = made;
    const error = await refused(bench.open({ transport }, { maxWaitMs: 0 }), "ssh.no_shell");
    assert.match(`${error.message} ${error.hint} ${JSON.stringify(error.context)}`, /not available/);
  });

  test(`an account whose shell does not exist is not let in: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench({ user: { shell: "/nonexistent" } }));
    if (made === undefined) return;
    await using bench = made;
    await refused(bench.open({ transport }, { maxWaitMs: 0 }), "ssh.auth_failed");
  });

  test(`a server that runs another command than the asked one has no shell: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () =>
      sshBench({ server: { config: ["ForceCommand echo only backups here"] } }),
    );
    if (made === undefined) return;
    await using bench = made;
    const error = await refused(bench.open({ transport }, { maxWaitMs: 0 }), "ssh.no_shell");
    assert.match(`${error.message} ${error.hint} ${JSON.stringify(error.context)}`, /only backups here/);
  });

  test(`forwarding is forbidden: the daemon is reached over its bridge: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () =>
      sshBench({ server: { config: ["AllowStreamLocalForwarding no", "AllowTcpForwarding no"] } }),
    );
    if (made === undefined) return;
    await using bench = made;
    const runtime = await bench.open({ transport });
    assert.equal(runtime.capabilities.daemon, true);
    const input = noise(3_000_000);
    const { stdoutBytes } = await runtime.exec(["cat"], { input, maxCaptureBytes: 4_000_000 });
    assert.equal(sha256(stdoutBytes), sha256(input));
    // A daemon that is known is dialled by forwarding first.
    const started = await runtime.spawn("read -r line; echo $line", { stdin: "pipe" });
    await bench.server.dropSessions();
    await started.stdin.write("over the bridge\n");
    assert.equal((await readAll(started.output())).all.toString(), "over the bridge\n");
    assert.match(bench.server.log(), /refused streamlocal|open failed|streamlocal/i);
    const report = await checkRuntime(bench.config({ transport }), { stateDirectory: bench.stateDirectory });
    assert.equal(report.ok, true, JSON.stringify(report));
    const step = report.steps.find(({ name }) => name === "forwarding");
    assert.match(`${step?.detail} ${step?.hint}`, /over the daemon's bridge .*AllowStreamLocalForwarding/);
  });
}

for (const way of WAYS) {
  test(`a host without bash: ${way.title}`, async (t) => {
    const made = await requireOrSkip(t, () =>
      sshBench({ server: { mounts: NO_BASH }, user: { shell: "dash" } }),
    );
    if (made === undefined) return;
    await using bench = made;
    const runtime = await bench.open({ transport: way.transport, daemon: way.daemon });
    const there = await runtime.exec("test -x /usr/bin/bash");
    assert.equal(there.exitCode, 1, "this host has no bash");
    assert.equal((await runtime.exec("echo $0")).stdout, "/bin/sh\n");
  });

  test(`a server with one session at a time: ${way.title}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench({ server: { config: ["MaxSessions 1"] } }));
    if (made === undefined) return;
    await using bench = made;
    const runtime = await bench.open({ transport: way.transport, daemon: way.daemon });
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        runtime.exec(["sh", "-c", `sleep 0.05; echo ${index}; exit 255`]),
      ),
    );
    assert.deepEqual(
      results.map(({ stdout, exitCode }) => `${stdout.trim()} ${exitCode}`),
      results.map((_, index) => `${index} 255`),
    );
    await runtime.fs.writeFile("file", "content");
    assert.equal(await runtime.fs.readFile("file", "utf8"), "content");
  });
}

for (const transport of TRANSPORTS) {
  test(`a server that wants new keys after each megabyte: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench({ server: { config: ["RekeyLimit 1M"] } }));
    if (made === undefined) return;
    await using bench = made;
    const runtime = await bench.open({ transport });
    const content = noise(4_000_000);
    await runtime.fs.writeFile("file", content);
    assert.equal(sha256(await runtime.fs.readFile("file")), sha256(content));
    const { stdoutBytes } = await runtime.exec(["cat", "file"], { maxCaptureBytes: 5_000_000 });
    assert.equal(sha256(stdoutBytes), sha256(content));
  });

  test(`a server without SFTP: files are moved by the shell: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench({ server: { sftp: false } }));
    if (made === undefined) return;
    await using bench = made;
    const runtime = await bench.open({ transport, daemon: "never" });
    const content = noise(2_000_000);
    await runtime.fs.writeFile("directory/a 'file'", content, { mode: 0o640 });
    assert.equal(sha256(await runtime.fs.readFile("directory/a 'file'")), sha256(content));
    assert.equal((await runtime.fs.stat("directory/a 'file'")).mode, 0o640);
    const report = await runtime.check();
    assert.equal(report.ok, true);
    assert.match(report.steps.map(({ detail, hint }) => `${detail} ${hint}`).join("\n"), /sftp/i);
  });

  test(`a server that opens no session at all says so: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench({ server: { config: ["MaxSessions 0"] } }));
    if (made === undefined) return;
    await using bench = made;
    await refused(bench.open({ transport }, { maxWaitMs: 0 }), "ssh.sessions_refused");
  });
}
