import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { isBerthError } from "../../src/contract/errors.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { times } from "../faults/bench.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { connectionsIn, processesOf, sshBench, TRANSPORTS, WAYS } from "./support.ts";

for (const way of WAYS) {
  test(`200 commands at once against sshd as it comes: ${way.title}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const runtime = await bench.open({ transport: way.transport, daemon: way.daemon });
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        runtime.exec(["sh", "-c", `echo ${index}; echo error ${index} >&2; exit ${index}`]),
      ),
    );
    results.forEach(({ stdout, stderr, exitCode }, index) => {
      assert.deepEqual([stdout, stderr, exitCode], [`${index}\n`, `error ${index}\n`, index]);
    });
    const connections = connectionsIn(bench.server.log());
    assert.ok(connections <= 4, `${connections} connections were made`);
    assert.doesNotMatch(bench.server.log(), /drop connection|MaxStartups/);
  });

  test(`150 commands, each aborted: all have ended, and commands run as before: ${way.title}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const runtime = await bench.open({ transport: way.transport, daemon: way.daemon });
    await runtime.exec(["true"]);
    const outcomes = await Promise.all(
      Array.from({ length: 150 }, (_, index) =>
        runtime.exec(["sleep", "1000"], { signal: AbortSignal.timeout(20 + index * 5) }).then(
          () => "it ended",
          (error: unknown) => (isBerthError(error) ? error.code : String(error)),
        ),
      ),
    );
    assert.deepEqual([...new Set(outcomes)], ["operation.aborted"]);
    await waitFor("none is left on the host", async () => {
      const left = await processesOf(bench.user);
      return !left.some(({ commandLine }) => commandLine.startsWith("sleep\0"));
    });
    assert.equal((await runtime.exec(["echo", "on"])).stdout, "on\n");
  });

  test(`many runtimes of one host share its connections: ${way.title}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const extra = { transport: way.transport, daemon: way.daemon };
    // The first one installs the daemon.
    await bench.open(extra);
    const runtimes = await Promise.all(Array.from({ length: 15 }, () => bench.open(extra)));
    const results = await Promise.all(runtimes.map((runtime) => runtime.exec(["id", "-un"])));
    assert.ok(results.every(({ stdout }) => stdout.trim() === bench.user.name));
    const connections = connectionsIn(bench.server.log());
    assert.ok(connections <= 4, `${connections} connections were made`);
  });
}

for (const transport of TRANSPORTS) {
  test(`a host that is down is tried as often by thirty that wait as by one: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    let connections = 0;
    const listener = createServer((socket) => {
      connections++;
      socket.on("error", () => {});
      socket.destroy();
    }).listen(0, "127.0.0.1");
    await once(listener, "listening");
    try {
      const address = listener.address();
      assert.ok(address !== null && typeof address === "object");
      const seconds = times(4, 30);
      const signal = AbortSignal.timeout(seconds * 1_000);
      const waits: number[] = [];
      const opening = Array.from({ length: 30 }, () =>
        openRuntime(bench.config({ transport, port: address.port }), {
          stateDirectory: bench.stateDirectory,
          signal,
          onWait: (milliseconds) => waits.push(milliseconds),
        }).then(
          () => assert.fail("it was opened"),
          (error: unknown) => error,
        ),
      );
      for (const error of await Promise.all(opening)) {
        assert.ok(isBerthError(error), String(error));
        assert.match(error.code, /^(operation\.aborted|ssh\.(waiting|handshake_failed))$/);
      }
      assert.ok(waits.length > 0 && waits.every((wait) => wait >= 0 && wait <= 12_000), waits.join());
      // At 0, 1, 3, 7, 14, 24 s, each wait up to a fifth shorter: by 4 s at most three, by 30 s at most eight.
      assert.ok(connections >= 2 && connections <= times(3, 8), `${connections} in ${seconds} s`);
    } finally {
      listener.close();
    }
  });

  test(`a runtime whose host goes down tries it gently, says when, and works when it is up: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const network = await bench.between();
    const runtime = await bench.open({ transport, daemon: "never" }, { maxWaitMs: 0 });
    await runtime.exec(["true"]);
    network.refuse(true);
    network.cut();
    const failures = await Promise.all(
      Array.from({ length: 30 }, () =>
        runtime.exec(["true"]).then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    );
    for (const error of failures) {
      assert.ok(isBerthError(error), String(error));
      assert.match(error.code, /^(transport\.disconnected|ssh\.(waiting|handshake_failed))$/);
      assert.equal(error.retryable, true);
    }
    network.refuse(false);
    const on = await waitFor("it works again", () => runtime.exec(["echo", "on"]), { everyMs: 100 });
    assert.equal(on.stdout, "on\n");
  });

  test(`a command that exits 255 and an abort are no failures of the connection: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const runtime = await bench.open({ transport, daemon: "never" }, { maxWaitMs: 0 });
    for (let turn = 0; turn < 4; turn++) {
      assert.equal((await runtime.exec("exit 255")).exitCode, 255);
      const signal = AbortSignal.timeout(50);
      await assert.rejects(Promise.resolve(runtime.exec(["sleep", "1000"], { signal })), (error) =>
        isBerthError(error, "operation.aborted"),
      );
    }
    assert.equal((await runtime.exec(["echo", "on"])).stdout, "on\n");
    assert.equal(connectionsIn(bench.server.log()), 1);
  });
}
