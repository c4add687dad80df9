import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import { isBerthError } from "../../src/contract/errors.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import type { Place } from "../conformance/case.ts";
import { killedClient } from "../conformance/killed-client.ts";
import { numbered, outputMatching, printNumbered, readAll, sha256 } from "../conformance/kit.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { isAlive, output, waitFor } from "../fixtures/process.ts";
import { sshHost } from "../fixtures/ssh-host.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import type { ClientTask } from "./client.ts";
import { mastersOf, processesOf, type SshBench, sshBench, TRANSPORTS } from "./support.ts";

/** Numbered lines, ten a second, until there is a file. */
const TICKS = 'i=0; while ! test -e "$0"; do printf "%015d\\n" $i; i=$((i+1)); sleep 0.1; done';

function assertNumbered(bytes: Buffer): void {
  assert.equal(bytes.length % 16, 0);
  assert.ok(bytes.length > 0);
  assert.equal(sha256(bytes), sha256(numbered(bytes.length / 16)));
}

test("packets that are dropped without a word are noticed within 20 s, and all goes on when they pass again", async (t) => {
  const made = await requireOrSkip(t, () => sshHost({ node: true }));
  if (made === undefined) return;
  await using host = made;
  await using user = await sshUser();
  await using scratch = await scratchDirectory();
  await using stack = new AsyncDisposableStack();
  const lost = new Set<string>();
  const open = async (transport: (typeof TRANSPORTS)[number], daemon: "auto" | "never") =>
    stack.use(
      await openRuntime(host.server.config(user.name, { transport, daemon }), {
        stateDirectory: scratch.path,
        onEvent: ({ type }) => type === "connection.lost" && lost.add(transport),
      }),
    );
  const runtimes = await Promise.all(TRANSPORTS.map((transport) => open(transport, "auto")));
  const plain = await Promise.all(TRANSPORTS.map((transport) => open(transport, "never")));
  const end = `${user.home}/end`;
  const ticking = await Promise.all(
    runtimes.map((runtime) => runtime.spawn(["sh", "-c", TICKS, end], { detached: true })),
  );
  const reading = Promise.all(ticking.map((process) => readAll(process.output())));
  // A failure before it is awaited is told there.
  reading.catch(() => {});
  await Promise.all(ticking.map((process) => outputMatching(process, /0000002\n/)));
  const sleeping = plain.map((runtime) => settled(runtime.exec(["sleep", "1000"])));
  await waitFor("both sleep", async () => {
    const found = await processesOf(user);
    return found.filter(({ commandLine }) => commandLine.startsWith("sleep\x001000")).length === 2;
  });
  await host.dropPackets();
  const noticed = Promise.all([
    waitFor("the daemon's clients have noticed", () => lost.size === TRANSPORTS.length),
    ...sleeping,
  ]);
  // What waits for the answer of a command that may run on for ever has to be told as well.
  const late = AbortSignal.timeout(20_000);
  const outcome = await Promise.race([noticed, once(late, "abort")]);
  assert.ok(!late.aborted, `within 20 s only ${[...lost].join()} had noticed`);
  for (const error of outcome.slice(1))
    assert.ok(isBerthError(error, "transport.disconnected"), String(error));
  await host.passPackets();
  for (const runtime of [...runtimes, ...plain]) {
    const on = await waitFor("it works again", () => runtime.exec(["echo", "on"]), { deadlineMs: 40_000 });
    assert.equal(on.stdout, "on\n");
  }
  await runtimes[0]?.fs.writeFile(end, "");
  for (const seen of await reading) {
    assert.deepEqual(seen.gaps, []);
    assertNumbered(seen.all);
    assert.equal(seen.exit?.exit.exitCode, 0);
  }
});

async function settled(operation: PromiseLike<unknown>): Promise<unknown> {
  return operation.then(
    () => "it was not noticed",
    (error: unknown) => error,
  );
}

/** A client with everything below it, and OpenSSH's masters to this server, which are below nobody. */
async function allOf(pid: number, bench: SshBench): Promise<number[]> {
  const lines = (await output(["ps", "-e", "-o", "pid=,ppid="])).split("\n");
  const parents = lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const tree = [pid];
  for (const above of tree)
    tree.push(...parents.filter(([, parent]) => parent === above).map(([child]) => child));
  return [...tree, ...(await mastersOf(bench))];
}

interface Client extends AsyncDisposable {
  readonly child: ChildProcess;
  /** The next line that it says, as JSON. */
  says<T>(): Promise<T>;
}

/** A client in a process of its own, to be stopped and continued. */
function client(config: RuntimeConfig, stateDirectory: string, task: ClientTask): Client {
  const script = fileURLToPath(new URL("client.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify({ config, stateDirectory, task }));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    says: async <T>() => {
      const { value } = await lines.next();
      if (value === undefined) throw new Error("the client ended without a word");
      return JSON.parse(value) as T;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "close");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

test("a client that slept while its connection was lost goes on where it was, and nothing has ended meanwhile", async (t) => {
  const made = await requireOrSkip(t, () => sshBench());
  if (made === undefined) return;
  await using bench = made;
  const network = await bench.between();
  await using stack = new AsyncDisposableStack();
  const end = `${bench.user.home}/end`;
  const task: ClientTask = { command: ["sh", "-c", TICKS, end], leaseMs: 120_000 };
  const clients = TRANSPORTS.map((transport) =>
    stack.use(client(bench.config({ transport }), bench.stateDirectory, task)),
  );
  const started = await Promise.all(clients.map((one) => one.says<{ pid: number; cursor: number }>()));
  const all = await Promise.all(clients.map(({ child }) => allOf(child.pid ?? 0, bench)));
  const stopped = [...new Set(all.flat())];
  assert.ok(stopped.length > TRANSPORTS.length, "a master is among them");
  // The machine falls asleep: everything that keeps the connection up stops together.
  for (const pid of stopped) process.kill(pid, "SIGSTOP");
  const since = performance.now();
  network.cut();
  // Longer than both sides' keepalives; the time that passes is the state that is waited for.
  await waitFor("it has slept", () => performance.now() - since > 16_000, { everyMs: 500 });
  for (const { pid } of started) assert.ok(isAlive(pid), "what runs is not ended while its client sleeps");
  for (const pid of stopped) if (isAlive(pid)) process.kill(pid, "SIGCONT");
  const direct = await bench.open();
  await direct.fs.writeFile(end, "");
  for (const [index, one] of clients.entries()) {
    const seen = await one.says<{ bytes: number; digest: string; exitCode: number; gaps: number }>();
    assert.equal(seen.exitCode, 0, TRANSPORTS[index]);
    assert.equal(seen.gaps, 0);
    assert.ok(seen.bytes > (started[index]?.cursor ?? 0));
    assert.equal(seen.digest, sha256(numbered(seen.bytes / 16)));
  }
});

for (const transport of TRANSPORTS) {
  test(`kill -9 of the client in the middle of its output: the next one goes on at its cursor: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const count = 1_500_000;
    const place = { config: bench.config({ transport }), stateDirectory: bench.stateDirectory };
    const { id, cursor } = await killedClient(place as unknown as Place, {
      command: ["sh", "-c", printNumbered(count)],
      detached: true,
    });
    const expected = numbered(count);
    assert.ok(cursor > 0 && cursor < expected.length, `the client was at ${cursor}`);
    const runtime = await bench.open({ transport });
    const rest = await readAll((await runtime.process(id)).output({ from: cursor }), cursor);
    assert.equal(sha256(rest.all), sha256(expected.subarray(cursor)));
    assert.equal(rest.exit?.exit.exitCode, 0);
  });
}
