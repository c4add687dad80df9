import assert from "node:assert/strict";
import { closeSync, openSync, writeSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../src/contract/errors.ts";
import type { ProvisionProgress } from "../../src/contract/runtime.ts";
import { sharedSshPool } from "../../src/transports/ssh/pool.ts";
import { resolveSshTarget } from "../../src/transports/ssh/resolve.ts";
import { createSshTransport } from "../../src/transports/ssh/transport.ts";
import { smallDisk } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { knownHostsName } from "../fixtures/sshd.ts";
import { processesOf, type SshBench, sshBench, TRANSPORTS } from "./support.ts";
import { countTurns } from "./turns.ts";

const payloadOf = (own: SshBench) => join(own.user.home, ".local/state/berth/payload");

for (const transport of TRANSPORTS) {
  test(`${transport}: the first command where a daemon runs takes three round trips behind the handshake`, async (t) => {
    const own = await requireOrSkip(t, () => sshBench());
    if (own === undefined) return;
    await using _ = own;
    await (await own.open({ transport })).close();
    await using network = await countTurns(own.server.port);
    await own.server.trust(knownHostsName("127.0.0.1", network.port));
    const config = own.config({ transport, port: network.port });
    const target = await resolveSshTarget(config);
    await using ssh = createSshTransport({ target, pool: sharedSshPool() });
    await ssh.connect();
    const handshake = network.count();
    const runtime = await own.open({ transport, port: network.port });
    assert.equal((await runtime.exec(["echo", "hello"])).stdout, "hello\n");
    const first = network.count();
    assert.ok(handshake >= 4, `the handshake took ${handshake}`);
    assert.ok(first - handshake <= 3, `${first - handshake} round trips`);
    assert.equal((await runtime.exec(["echo", "hello"])).stdout, "hello\n");
    assert.ok(network.count() - first <= 1, `a warm command took ${network.count() - first}`);
  });
}

test("an upload that is cut goes on where it was, and bytes are what goes over the network", async (t) => {
  const own = await requireOrSkip(t, () => sshBench());
  if (own === undefined) return;
  await using _ = own;
  const network = await own.between({ up: { cutAfterBytes: 150_000 } });
  await assert.rejects(own.open(), (error) => isBerthError(error, "transport.disconnected"));
  await waitFor("what came is kept and the lock given back", async () => {
    const names = await readdir(payloadOf(own)).catch(() => []);
    return names.length === 1 && names[0]?.startsWith(".partial-bundle-") === true;
  });
  network.set("up", {});
  const told: ProvisionProgress[] = [];
  const runtime = await own.open({}, { onProgress: (progress) => told.push(progress) });
  assert.equal((await runtime.exec("echo here")).stdout, "here\n");
  const began = own.events.filter(({ type }) => type === "provision.upload").map(({ data }) => data);
  assert.deepEqual(
    began.map((data) => [data?.part, Number(data?.bytesThere) > 0]),
    [
      ["bundle", false],
      ["bundle", true],
    ],
  );
  const bytes = told.filter(({ phase, bytesDone }) => phase === "upload" && bytesDone !== undefined);
  assert.equal(bytes.at(-1)?.bytesDone, began[1]?.bytesTotal);
  assert.ok(Number(bytes[0]?.bytesDone) > Number(began[1]?.bytesThere));
  const { up } = network.passed();
  assert.ok(up < 150_000 + Number(began[1]?.bytesTotal), `${up} bytes went up in all`);
  assert.deepEqual(
    (await readdir(payloadOf(own))).filter((name) => name.startsWith(".")),
    [],
  );
});

test("a disk that is full in the middle of the upload: no daemon, said so, and nothing is left there", async (t) => {
  const own = await requireOrSkip(t, () => sshBench());
  if (own === undefined) return;
  await using _ = own;
  const disk = await smallDisk({ size: 12 * 1024 * 1024, mode: 0o777 });
  await using _disk = disk;
  const stateDir = join(disk.path, "state");
  let filled = false;
  const runtime = await own.open(
    { stateDir },
    {
      onProgress: ({ phase, bytesDone }) => {
        if (phase !== "upload" || bytesDone !== undefined || filled) return;
        filled = true;
        fillUp(join(disk.path, "filling"));
      },
    },
  );
  assert.equal(filled, true);
  assert.equal(runtime.capabilities.daemon, false);
  assert.match(runtime.capabilities.reasons.daemon ?? "", /space/);
  assert.equal((await runtime.exec("echo works")).stdout, "works\n");
  assert.ok(
    own.events.some(({ type, data }) => type === "provision.fallback" && data?.code === "provision.no_space"),
  );
  assert.deepEqual(await readdir(join(stateDir, "payload")), []);
});

test("many clients at once install one daemon", async (t) => {
  const own = await requireOrSkip(t, () => sshBench());
  if (own === undefined) return;
  await using _ = own;
  const runtimes = await Promise.all(Array.from({ length: 4 }, () => own.open()));
  const results = await Promise.all(runtimes.map((runtime) => runtime.exec("echo $PPID")));
  assert.equal(new Set(results.map(({ stdout }) => stdout)).size, results.length);
  const uploads = own.events.filter(({ type }) => type === "provision.upload");
  assert.equal(uploads.length, 1);
  const daemons = (await processesOf(own.user)).filter(({ commandLine }) =>
    commandLine.includes("\0serve\0"),
  );
  assert.equal(daemons.length, 1);
});

/** Writes until there is no room. */
function fillUp(path: string): void {
  const file = openSync(path, "w");
  try {
    for (const size of [1024 * 1024, 4096, 512]) {
      try {
        for (;;) writeSync(file, Buffer.alloc(size));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}

test("a state directory whose name has blanks, quotes and what a shell would run", async (t) => {
  const own = await requireOrSkip(t, () => sshBench());
  if (own === undefined) return;
  await using _ = own;
  const stateDir = join(own.user.home, 'a  b\'s "$(touch ran)" `c`');
  for (const state of ["started", "found by a look", "dialled again"]) {
    await using runtime = await own.open(
      { stateDir },
      state === "found by a look" ? { stateDirectory: join(own.stateDirectory, "2") } : {},
    );
    assert.equal(runtime.capabilities.daemon, true, state);
    assert.equal((await runtime.exec(["echo", state])).stdout, `${state}\n`);
  }
  assert.ok(!(await readdir(own.user.home)).includes("ran"));
});
