import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { isBerthError } from "../../src/contract/errors.ts";
import type { OutputChunk } from "../../src/contract/process.ts";
import { noise, numbered, outputMatching, printNumbered, readAll, sha256 } from "../conformance/kit.ts";
import { times } from "../faults/bench.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import type { Proxy as FaultyNetwork } from "../fixtures/network.ts";
import { waitFor } from "../fixtures/process.ts";
import { connectionsIn, processesOf, seeded, sshBench, TRANSPORTS, WAYS } from "./support.ts";

/** 100 MB. */
const COUNT = 6_250_000;
const EXPECTED = numbered(COUNT);
const DIGEST = sha256(EXPECTED);

/** Cuts the connection once, when so many further bytes have come from the host. */
async function cutOnce(network: FaultyNetwork, bytes: number, signal: AbortSignal): Promise<void> {
  const before = network.passed().down;
  await waitFor("the byte has come", () => signal.aborted || network.passed().down - before >= bytes, {
    deadlineMs: 120_000,
    everyMs: 1,
  });
  network.cut();
}

for (const transport of TRANSPORTS) {
  test(`100 MB of output go on where they were when the connection is cut: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const network = await bench.between();
    const runtime = await bench.open({ transport });
    await runtime.exec(["true"]);
    for (let turn = 0; turn < times(2, 50); turn++) {
      const at = Math.floor(seeded(turn)() * EXPECTED.length);
      const ended = new AbortController();
      const cut = cutOnce(network, at, ended.signal);
      const seen = await readAll(runtime.exec(printNumbered(COUNT)));
      ended.abort();
      await cut;
      assert.deepEqual(seen.gaps, [], `cut at ${at}`);
      assert.equal(seen.all.length, EXPECTED.length, `cut at ${at}`);
      assert.equal(sha256(seen.all), DIGEST, `cut at ${at}`);
      assert.equal(seen.exit?.exit.exitCode, 0);
      assert.ok(connectionsIn(bench.server.log()) >= turn + 2, "it was cut and made again");
    }
  });

  test(`without a daemon what was cut off is an error and never a short output: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const network = await bench.between();
    const runtime = await bench.open({ transport, daemon: "never" });
    for (let turn = 0; turn < times(2, 20); turn++) {
      const at = Math.floor(seeded(100 + turn)() * 20_000_000);
      const ended = new AbortController();
      const cut = cutOnce(network, at, ended.signal);
      const parts: Uint8Array[] = [];
      let last: OutputChunk | undefined;
      const reading = async (): Promise<void> => {
        for await (const chunk of runtime.exec(printNumbered(COUNT))) {
          last = chunk;
          if (chunk.type === "data") parts.push(chunk.data);
        }
      };
      await assert.rejects(reading(), (error) => isBerthError(error, "transport.disconnected"));
      ended.abort();
      await cut;
      assert.equal(last?.type, "data", "no exit is told");
      const all = Buffer.concat(parts);
      assert.ok(all.equals(EXPECTED.subarray(0, all.length)), `what came until the cut at ${at} is right`);
      assert.equal((await runtime.exec(["echo", "on"])).stdout, "on\n");
    }
    await waitFor("nobody writes on", async () => {
      const left = await processesOf(bench.user);
      return !left.some(({ commandLine }) => commandLine.startsWith("awk"));
    });
  });

  test(`sshd restarts with all its sessions while processes run: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const runtime = await bench.open({ transport });
    const started = await runtime.spawn("echo ready; read -r line; echo $line; exit 7", { stdin: "pipe" });
    await outputMatching(started, /ready/);
    const detached = await runtime.spawn("echo ready; exec sleep 1234", { detached: true });
    await outputMatching(detached, /ready/);
    await bench.server.stop();
    await bench.server.dropSessions();
    await bench.server.start();
    const again = await runtime.process(detached.id);
    assert.equal((await again.info()).state, "running");
    assert.equal((await again.info()).pid, detached.pid);
    await started.stdin.write("after the restart\n");
    const seen = await readAll(started.output());
    assert.equal(seen.all.toString(), "ready\nafter the restart\n");
    assert.equal(seen.exit?.exit.exitCode, 7);
    await again.kill("SIGKILL");
  });
}

for (const transport of TRANSPORTS) {
  test(`a connection that is cut again and again: nothing is lost, and the host is not hammered: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const network = await bench.between();
    const runtime = await bench.open({ transport });
    const count = times(60, 300);
    const ticking = readAll(
      runtime.exec(`i=0; while [ $i -lt ${count} ]; do printf "%015d\\n" $i; i=$((i+1)); sleep 0.1; done`),
    );
    const since = performance.now();
    const timer = setInterval(() => {
      if (performance.now() - since < count * 50) network.cut();
    }, 400);
    const seen = await ticking.finally(() => clearInterval(timer));
    assert.deepEqual(seen.gaps, []);
    assert.equal(sha256(seen.all), sha256(numbered(count)));
    const connections = connectionsIn(bench.server.log());
    // The waits between connections that do not last grow as those between failures do: 1, 2, 4, 7, 10 s.
    assert.ok(connections >= 2 && connections <= times(5, 8), `${connections} connections`);
  });

  test(`forwarded ports work again when the connection was cut: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const network = await bench.between();
    const runtime = await bench.open({ transport });
    const echo = createServer((socket) => void socket.pipe(socket)).listen(0, "127.0.0.1");
    await once(echo, "listening");
    try {
      const address = echo.address();
      assert.ok(address !== null && typeof address === "object");
      await using there = await runtime.forward(address.port);
      await using back = await runtime.reverseForward(address.port);
      const ports = [there.localPort, back.remotePort];
      for (const port of ports) await throughAndBack(port);
      network.cut();
      for (const port of ports) {
        await waitFor("it works again", async () => {
          await throughAndBack(port);
          return true;
        });
      }
    } finally {
      echo.close();
    }
  });
}

async function throughAndBack(port: number): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1" });
  const content = noise(500_000);
  socket.end(content);
  assert.equal(sha256(Buffer.concat(await socket.toArray())), sha256(content));
}

for (const way of WAYS) {
  test(`a write that is cut in the middle leaves the old file: ${way.title}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const network = await bench.between();
    const runtime = await bench.open({ transport: way.transport, daemon: way.daemon });
    const old = noise(1_000_000);
    const content = noise(20_000_000);
    await runtime.fs.writeFile("directory/file", old);
    for (let turn = 0; turn < times(2, 20); turn++) {
      const before = network.passed().up;
      const after = Math.floor(seeded(200 + turn)() * content.length * 0.9);
      const writing = runtime.fs.writeFile("directory/file", content).then(
        () => "written",
        (error) => error,
      );
      await waitFor("so much is under way", () => network.passed().up - before >= after, { everyMs: 1 });
      network.cut();
      const result = await writing;
      const there = sha256(await runtime.fs.readFile("directory/file"));
      if (result === "written") {
        // With the daemon the write may be made again on a new connection.
        assert.equal(there, sha256(content));
        await runtime.fs.writeFile("directory/file", old);
      } else {
        assert.ok(isBerthError(result, "transport.disconnected"), String(result));
        assert.equal(there, sha256(old));
      }
    }
    await runtime.fs.writeFile("directory/file", "new");
    assert.equal(await runtime.fs.readFile("directory/file", "utf8"), "new");
    if (way.daemon === "auto") {
      await waitFor("no temporary is left", async () => {
        const names = await runtime.fs.readdir("directory");
        return names.map(({ name }) => name).join() === "file";
      });
    }
  });
}
