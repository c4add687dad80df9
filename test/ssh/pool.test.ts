import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { isBerthError } from "../../src/contract/errors.ts";
import { collect } from "../../src/transports/collect.ts";
import { createSshPool } from "../../src/transports/ssh/pool.ts";
import { resolveSshTarget } from "../../src/transports/ssh/resolve.ts";
import { createSshTransport, type SshTransport } from "../../src/transports/ssh/transport.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { run, waitFor } from "../fixtures/process.ts";
import { withPlace } from "./place.ts";
import { sshBench, TRANSPORTS } from "./support.ts";

async function echo(transport: SshTransport, text: string): Promise<string> {
  return (await collect(await transport.run(["echo", text]))).stdout;
}

async function archiveOf(directory: string): Promise<Readable> {
  return Readable.from([(await run(["tar", "-C", directory, "-cf", "-", "."])).stdout]);
}

function connectionsIn(log: string): number {
  return log.match(/^Connection from /gm)?.length ?? 0;
}

for (const name of TRANSPORTS) {
  for (const [config, most] of [
    [[], 4],
    [["MaxSessions 1"], 4],
  ] as const) {
    test(`200 commands at once all succeed: ${config.join() || "sshd's defaults"}, ${name}`, async (t) => {
      await withPlace(t, name, { server: { config } }, async ({ bench, transport, pool, target }) => {
        const outputs = await Promise.all(
          Array.from({ length: 200 }, (_, index) => echo(transport, `${index}`)),
        );
        assert.deepEqual(
          outputs,
          outputs.map((_, index) => `${index}\n`),
        );
        assert.ok(connectionsIn(bench.server.log()) <= most);
        const { sessions, queued, state, consecutiveFailures } = pool.health(target);
        assert.deepEqual([sessions, queued, state, consecutiveFailures], [0, 0, "healthy", 0]);
      });
    });
  }

  test(`sessions that hold on wait for each other, and what ends them does not: ${name}`, async (t) => {
    const config = ["MaxSessions 2"];
    await withPlace(t, name, { server: { config } }, async ({ bench, pool }) => {
      const target = await resolveSshTarget(bench.config({ transport: name, maxConnections: 2 }));
      await using transport = createSshTransport({ target, pool });
      const held = await Promise.all(Array.from({ length: 4 }, () => transport.run(["cat"])));
      const waiting = echo(transport, "waited");
      await waitFor("it waits", () => pool.health(target).queued === 1);
      const urgent = await collect(await transport.run(["echo", "urgent"], { urgent: true }));
      assert.equal(urgent.stdout, "urgent\n");
      assert.equal(await Promise.race([waiting, Promise.resolve("waits")]), "waits");
      held[0]?.stdin.end();
      assert.equal(await waiting, "waited\n");
      for (const process of held) process.stdin.end();
      for (const process of held) assert.equal((await collect(process)).exitCode, 0);
    });
  });

  test(`that sshd refuses further connections is no failure of the commands that wait: ${name}`, async (t) => {
    const config = ["MaxStartups 2", "MaxSessions 2"];
    await withPlace(t, name, { server: { config } }, async ({ bench, transport, pool, target }) => {
      await transport.connect();
      const { host, port } = bench.server;
      const strangers = await Promise.all(
        [1, 2].map(async () => {
          const socket = connect({ host, port });
          await once(socket, "data");
          return socket;
        }),
      );
      const outputs = await Promise.all(
        Array.from({ length: 40 }, (_, index) => echo(transport, `${index}`)),
      );
      assert.equal(outputs.length, 40);
      assert.equal(pool.health(target).consecutiveFailures, 0);
      for (const socket of strangers) socket.destroy();
    });
  });

  test(`a connection that was cut is made anew by the next command: ${name}`, async (t) => {
    await withPlace(t, name, {}, async ({ bench, transport, pool, target }) => {
      const cat = await transport.run(["cat"]);
      await bench.server.dropSessions();
      await assert.rejects(cat.exit, (error) => isBerthError(error, "transport.disconnected"));
      assert.equal(await echo(transport, "on"), "on\n");
      const { connections, lastError } = pool.health(target);
      assert.deepEqual([connections, lastError?.code], [1, "transport.disconnected"]);
    });
  });

  test(`a host that is down is told with the state, and works when it is up: ${name}`, async (t) => {
    await withPlace(t, name, {}, async ({ bench, pool, target }) => {
      await bench.server.stop();
      const waits: number[] = [];
      await using hasty = createSshTransport({ target, pool, maxWaitMs: 0 });
      await using patient = createSshTransport({ target, pool, onWait: (ms) => waits.push(ms) });
      await assert.rejects(hasty.connect(), (error) => isBerthError(error, "ssh.connection_refused"));
      await assert.rejects(hasty.connect(), (error) => {
        assert.ok(isBerthError(error, "ssh.waiting"));
        assert.ok(Date.parse(String(error.context.retryAt)) > Date.now() - 1_000);
        return true;
      });
      assert.equal(pool.health(target).state, "unhealthy");
      const connecting = patient.connect();
      await waitFor("it waits", () => waits.length > 0);
      await bench.server.start();
      assert.equal((await connecting).transport, name);
      assert.equal(await echo(hasty, "on"), "on\n");
    });
  });

  test(`a server that says nothing is given up in time: ${name}`, async (t) => {
    await withPlace(t, name, {}, async ({ bench, pool }) => {
      await bench.between({ down: { silentAfterBytes: 0 } });
      const target = await resolveSshTarget(bench.config({ transport: name, connectTimeoutMs: 500 }));
      await using transport = createSshTransport({ target, pool, maxWaitMs: 0 });
      await assert.rejects(transport.connect(), (error) => isBerthError(error, "ssh.connect_timeout"));
    });
  });

  test(`an archive is unpacked there, and what fails is told: ${name}`, async (t) => {
    await withPlace(t, name, {}, async ({ bench, transport }) => {
      const source = join(bench.directory, "source");
      await mkdir(source);
      const content = randomBytes(3_000_000);
      await writeFile(join(source, "file"), content);
      await transport.put(await archiveOf(source), bench.user.home);
      assert.deepEqual(await readFile(join(bench.user.home, "file")), content);
      await assert.rejects(transport.put(await archiveOf(source), "/proc"), (error) => {
        assert.ok(isBerthError(error, "transport.unavailable"), String(error));
        assert.match(error.message, /could not be unpacked in \/proc/);
        return true;
      });
    });
  });

  test(`a socket is dialled by forwarding, or by a bridge where that is forbidden: ${name}`, async (t) => {
    for (const config of [[], ["AllowStreamLocalForwarding no"]]) {
      await withPlace(t, name, { server: { config, node: true } }, async ({ bench, transport }) => {
        const path = join(bench.user.home, "sock");
        const listen = `require("net").createServer((s) => s.pipe(s)).listen(process.argv[1])`;
        const server = await transport.run(["node", "-e", listen, path]);
        await waitFor("it listens", async () => (await run(["test", "-S", path])).exitCode === 0);
        const bridge = [
          "node",
          "-e",
          `const s = require("net").connect(process.argv[1]); process.stdin.pipe(s).pipe(process.stdout)`,
        ];
        for (let turn = 0; turn < 3; turn++) {
          const stream = await transport.dial(path, { bridge });
          stream.end("there and back");
          const text = Buffer.concat(await stream.toArray()).toString();
          assert.equal(text, "there and back");
        }
        if (config.length > 0) {
          await assert.rejects(transport.dial(path), (error) =>
            isBerthError(error, "ssh.forwarding_refused"),
          );
        } else {
          const nowhere = join(bench.user.home, "nothing");
          await assert.rejects(transport.dial(nowhere), (error) =>
            isBerthError(error, "transport.unavailable"),
          );
        }
        server.close();
      });
    }
  });

  test(`a closed transport ends what is its own, and leaves the connection to the others: ${name}`, async (t) => {
    await withPlace(t, name, {}, async ({ pool, target, transport, bench }) => {
      const other = createSshTransport({ target, pool });
      const cat = await transport.run(["cat"]);
      const theirs = await other.run(["cat"]);
      await transport.close();
      await cat.exit.catch(() => {});
      await assert.rejects(transport.run(["true"]), (error) => isBerthError(error, "runtime.closed"));
      assert.equal((await collect(theirs, { input: "still here" })).stdout, "still here");
      assert.equal(connectionsIn(bench.server.log()), 1);
      await other.close();
    });
  });

  test(`a program ends although its pool still has the connection: ${name}`, async (t) => {
    await withPlace(t, name, {}, async ({ bench }) => {
      const source = join(import.meta.dirname, "..", "..", "src", "transports");
      const program = `
        import { collect } from ${JSON.stringify(join(source, "collect.ts"))};
        import { sharedSshPool } from ${JSON.stringify(join(source, "ssh", "pool.ts"))};
        import { resolveSshTarget } from ${JSON.stringify(join(source, "ssh", "resolve.ts"))};
        import { createSshTransport } from ${JSON.stringify(join(source, "ssh", "transport.ts"))};
        const target = await resolveSshTarget(JSON.parse(process.argv[1]));
        const transport = createSshTransport({ target, pool: sharedSshPool() });
        const { stdout } = await collect(await transport.run(["echo", "on"]));
        process.stdout.write(stdout + sharedSshPool().health(target).connections);`;
      const config = JSON.stringify(bench.config({ transport: name }));
      const argv = [process.execPath, "--input-type=module", "-e", program, config] as const;
      // The connection stays for 60 s.
      const ended = await run([...argv], { deadlineMs: 30_000 });
      assert.deepEqual([ended.stdout.toString(), ended.exitCode], ["on\n1", 0], ended.stderr.toString());
    });
  });
}

test("a password is typed once: the transport changes for it, and further connections and later ones ask nobody", async (t) => {
  const config = ["PasswordAuthentication yes", "PubkeyAuthentication no", "MaxSessions 1"];
  const made = await requireOrSkip(t, () =>
    sshBench({ server: { config }, user: { password: "right one" } }),
  );
  if (made === undefined) return;
  await using bench = made;
  await using pool = createSshPool();
  const { identityFile: _, ...withoutKey } = bench.config({ transport: "auto" });
  const target = await resolveSshTarget(withoutKey);
  const prompts: string[] = [];
  await using transport = createSshTransport({
    target,
    pool,
    onPrompt: async ({ kind }) => {
      prompts.push(kind);
      return "right one";
    },
  });
  const { transport: chosen, reason } = await transport.connect();
  assert.equal(chosen, "ssh2");
  assert.match(reason, /^OpenSSH cannot ask through this program/);
  const held = await Promise.all([1, 2, 3].map(() => transport.run(["cat"])));
  assert.equal(pool.health(target).connections, 3);
  await bench.server.dropSessions();
  for (const process of held) await process.exit.catch(() => {});
  assert.equal(await echo(transport, "on"), "on\n");
  assert.deepEqual(prompts, ["password"]);
  const refusals = bench.server.log().match(/^Connection closed by authenticating user/gm)?.length ?? 0;
  assert.ok(refusals <= 1, "OpenSSH tries once, and is not tried again");
});
