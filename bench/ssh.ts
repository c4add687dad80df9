import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Runtime } from "../src/contract/runtime.ts";
import { openRuntime } from "../src/runtimes/open.ts";
import { endAllMasters } from "../src/transports/ssh/openssh/masters.ts";
import { socketDirectoryPath } from "../src/transports/ssh/openssh/socket-directory.ts";
import { findOpenSsh } from "../src/transports/ssh/openssh-client.ts";
import { sharedSshPool } from "../src/transports/ssh/pool.ts";
import { type Conditions, type Proxy as Network, proxy } from "../test/fixtures/network.ts";
import { sshUser } from "../test/fixtures/ssh-user.ts";
import { type SshServer, sshServer } from "../test/fixtures/sshd.ts";
import { inTurns, median, rate, timed } from "./measure.ts";
import { type Bench, ms, times } from "./report.ts";
import { controlMaster, handshakeMs, plainSsh2 } from "./ssh-ways.ts";
import { BULK_COMMAND, bulkRate, exitsZero, readAll, spawnPiped } from "./ways.ts";

const TRUE = ["true"];
const DELAY_MS = 50;
const ROUND_TRIP_MS = 2 * DELAY_MS;
const PARALLEL = 200;
const WARM_IN_ROW = 5;
/** 20 Mbit/s. */
const SLOW_BYTES_PER_SECOND = 2_500_000;

/** In the mount namespace of a server's own: a host without Node. */
const HIDE_NODE = `for node in $(which -a node); do
  ! [ -x "$node" ] || mount --bind /dev/null "$(readlink -f "$node")" || exit
done`;

interface Place extends Bench {
  readonly server: SshServer;
  /** Account with an empty .bashrc. */
  readonly user: string;
  readonly stateDirectory: string;
}

/** A host by SSH, beside OpenSSH's ControlMaster and plain ssh2. Returns the version of OpenSSH. */
export async function benchSsh(bench: Bench): Promise<string> {
  const parts = [
    ["warm", warmCommands],
    ["delay", behindDelay],
    ["first", firstCommand],
    ["bulk", bulkOutput],
    ["parallel", parallelCommands],
    ["upload", uploads],
  ] as const;
  const wanted = parts.filter(([name]) => bench.wanted(name));
  const version = (await findOpenSsh())?.version ?? "";
  if (wanted.length === 0) return version;
  const stateDirectory = await mkdtemp(join(tmpdir(), "berth-bench-"));
  // Where OpenSSH's masters are kept: those of the person who runs this are left alone.
  process.env.BERTH_HOME = stateDirectory;
  try {
    await using server = await sshServer({ node: true });
    await using user = await sshUser({ startup: "" });
    for (const [, part] of wanted) await part({ ...bench, server, user: user.name, stateDirectory });
  } finally {
    await forgetConnections();
    await rm(stateDirectory, { recursive: true, force: true });
  }
  return version;
}

/** The server behind a network with these conditions in both directions. */
export async function networkTo(
  server: SshServer,
  conditions: Conditions,
): Promise<Network & { readonly port: number }> {
  const network = await proxy({
    to: { host: server.host, port: server.port },
    up: conditions,
    down: conditions,
  });
  const { port } = network.address as { port: number };
  await server.trust(`[127.0.0.1]:${port}`);
  return { ...network, port };
}

async function warmCommands({ report, turns, server, user, stateDirectory }: Place): Promise<void> {
  await using slow = await sshUser({ startup: "sleep 0.1\n" });
  for (const [name, account, target, count] of [
    ["an empty .bashrc", user, 5, Math.ceil(turns / 3)],
    ["a .bashrc of 100 ms", slow.name, 25, Math.ceil(turns / 10)],
  ] as const) {
    await using master = await controlMaster(server, account, { directory: stateDirectory });
    using plain = await plainSsh2(server, account);
    await using berth = await openRuntime(server.config(account), { stateDirectory });
    await using berth2 = await openRuntime(server.config(account, { transport: "ssh2" }), { stateDirectory });
    const seen = await inTurns(
      {
        berth: () => exitsZero(berth.exec(TRUE)),
        berth2: () => exitsZero(berth2.exec(TRUE)),
        master: () => exitsZero(spawnPiped(master.argv(TRUE))),
        plain: () => exitsZero(plain.exec("true")),
      },
      count,
      3,
      WARM_IN_ROW,
    );
    report(
      `warm \`true\`, loopback, ${name}`,
      `≥ ${target}× faster than ControlMaster`,
      `${times(seen.master / seen.berth)}: ${ms(seen.berth)}, by ssh2 ${ms(seen.berth2)}; ControlMaster ${ms(seen.master)}, plain ssh2 ${ms(seen.plain)}`,
      seen.master / seen.berth >= target,
    );
  }
}

async function behindDelay({ report, quick, server, user, stateDirectory }: Place): Promise<void> {
  await using network = await networkTo(server, { delayMs: DELAY_MS });
  await using master = await controlMaster(server, user, { directory: stateDirectory, port: network.port });
  using plain = await plainSsh2(server, user, network.port);
  await using berth = await openRuntime(server.config(user, { port: network.port }), { stateDirectory });
  const turns = quick ? 5 : 20;
  const commands = await inTurns(
    {
      berth: () => exitsZero(berth.exec(TRUE)),
      master: () => exitsZero(spawnPiped(master.argv(TRUE))),
      plain: () => exitsZero(plain.exec("true")),
    },
    turns,
  );
  report(
    `warm \`true\`, ${DELAY_MS} ms each way`,
    "≤ one round trip + 10 ms",
    `round trip + ${ms(commands.berth - ROUND_TRIP_MS)}; ControlMaster ${ms(commands.master)}, plain ssh2 ${ms(commands.plain)}`,
    commands.berth <= ROUND_TRIP_MS + 10,
  );

  const aborts: { readonly settled: number; readonly gone: number }[] = [];
  for (let turn = 0; turn < turns; turn++)
    aborts.push(await abortedSleep(berth, `1000.${process.pid}${turn}`));
  const settled = median(aborts.map((one) => one.settled));
  const gone = median(aborts.map((one) => one.gone));
  report(
    `aborted \`sleep 1000\`, ${DELAY_MS} ms each way`,
    "settles in 300 ms",
    `settled in ${ms(settled)}, gone from the host's processes after ${ms(gone)}`,
    Math.max(...aborts.map((one) => one.settled)) <= 300,
  );

  const four = new Uint8Array(4096).fill(65);
  const paths = Array.from({ length: 100 }, (_, index) => `stat-${index}`);
  await Promise.all(paths.map((path) => berth.fs.writeFile(path, "")));
  await berth.fs.writeFile("four", four);
  const sftp = await plain.sftp();
  const home = berth.workdir;
  const asked = <T>(ask: (done: (error: unknown, value?: T) => void) => void) =>
    new Promise<T | undefined>((resolve, reject) =>
      ask((error, value) => (error ? reject(error) : resolve(value))),
    );
  const files = await inTurns(
    {
      write: () => berth.fs.writeFile("four", four),
      read: () => berth.fs.readFile("four"),
      stat: () => Promise.all(paths.map((path) => berth.fs.stat(path))),
      plainWrite: async () => {
        await asked<void>((done) => sftp.writeFile(`${home}/.four`, Buffer.from(four), done));
        await asked<void>((done) => sftp.ext_openssh_rename(`${home}/.four`, `${home}/four`, done));
      },
      plainRead: () => asked((done) => sftp.readFile(`${home}/four`, done)),
      plainStat: () => Promise.all(paths.map((path) => asked((done) => sftp.stat(`${home}/${path}`, done)))),
    },
    turns,
  );
  for (const [work, seen, other] of [
    ["atomic 4 KB write", files.write, files.plainWrite],
    ["4 KB read", files.read, files.plainRead],
    ["stat of 100 paths", files.stat, files.plainStat],
  ] as const) {
    report(
      `${work}, ${DELAY_MS} ms each way`,
      "one round trip",
      `${(seen / ROUND_TRIP_MS).toFixed(2)} round trips: ${ms(seen)}; plain ssh2 ${ms(other)}`,
      seen < 1.5 * ROUND_TRIP_MS,
    );
  }
}

/** Milliseconds from the abort until the call settles, and until no process of this machine, the host, has that argument. */
async function abortedSleep(berth: Runtime, seconds: string) {
  const running = () =>
    readdirSync("/proc").some((name) => {
      try {
        return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, "utf8") === `sleep\0${seconds}\0`;
      } catch {
        // It ended while it was looked at.
        return false;
      }
    });
  const stop = new AbortController();
  const call = berth.exec(["sleep", seconds], { signal: stop.signal }).then(
    () => {},
    () => {},
  );
  while (!running()) await delay(5);
  const since = performance.now();
  stop.abort();
  await call;
  const settled = performance.now() - since;
  while (running()) await delay(2);
  return { settled, gone: performance.now() - since };
}

async function firstCommand({ report, quick, server, user, stateDirectory }: Place): Promise<void> {
  await using network = await networkTo(server, { delayMs: DELAY_MS });
  for (const transport of ["openssh", "ssh2"] as const) {
    const config = server.config(user, { port: network.port, transport });
    const first = async (): Promise<void> => {
      await using runtime = await openRuntime(config, { stateDirectory });
      await exitsZero(runtime.exec(TRUE));
    };
    // Installs and starts the daemon.
    await first();
    await forgetConnections();
    const handshakes: number[] = [];
    const whole: number[] = [];
    const plain: number[] = [];
    const host = ["-o", `HostKeyAlias=[127.0.0.1]:${network.port}`, "-p", String(network.port)];
    for (let turn = 0; turn < (quick ? 3 : 9); turn++) {
      handshakes.push(await handshakeMs(config));
      await forgetConnections();
      plain.push(await timed(() => exitsZero(spawnPiped(oneSsh(server, user, host)))));
      whole.push(await timed(first));
      await forgetConnections();
    }
    const [handshake, all] = [median(handshakes), median(whole)];
    const beyond = (all - handshake) / ROUND_TRIP_MS;
    report(
      `first command with berthd running there, ${DELAY_MS} ms each way, by ${transport}`,
      "≤ the handshake + 3 round trips",
      `handshake + ${beyond.toFixed(2)} round trips: ${ms(all)}, of which the handshake ${ms(handshake)}; \`ssh host true\` ${ms(median(plain))}`,
      beyond <= 3,
    );
  }
}

/** Every connection, also the masters that OpenSSH keeps for the next process. */
export async function forgetConnections(): Promise<void> {
  await sharedSshPool().close();
  await endAllMasters(socketDirectoryPath());
}

/** `ssh host true` without a master. */
function oneSsh(server: SshServer, user: string, options: readonly string[]): string[] {
  const [ssh, ...words] = server.argv(user, TRUE);
  return [ssh, ...options, ...words];
}

async function bulkOutput({ report, quick, server, user, stateDirectory }: Place): Promise<void> {
  await using master = await controlMaster(server, user, { directory: stateDirectory });
  using plain = await plainSsh2(server, user);
  await using berth = await openRuntime(server.config(user), { stateDirectory });
  await using berth2 = await openRuntime(server.config(user, { transport: "ssh2" }), { stateDirectory });
  const seen = { berth: [] as number[], berth2: [] as number[], ssh: [] as number[], plain: [] as number[] };
  for (let turn = 0; turn < (quick ? 1 : 3); turn++) {
    seen.ssh.push(await bulkRate((onData) => spawnPiped(master.argv(BULK_COMMAND), onData)));
    seen.berth.push(await bulkRate((onData) => readAll(berth, onData)));
    seen.berth2.push(await bulkRate((onData) => readAll(berth2, onData)));
    seen.plain.push(await bulkRate((onData) => plain.exec(BULK_COMMAND.join(" "), onData)));
  }
  const ratio = median(seen.berth) / median(seen.ssh);
  const rates = `${Math.round(median(seen.berth))} MB/s, by ssh2 ${Math.round(median(seen.berth2))}; ssh ${Math.round(median(seen.ssh))}, plain ssh2 ${Math.round(median(seen.plain))}`;
  report(
    "400 MB of stdout, loopback",
    "≥ the OpenSSH client's rate",
    `${times(ratio)}: ${rates}`,
    ratio >= 1,
  );
}

async function parallelCommands({ report, server, user, stateDirectory }: Place): Promise<void> {
  await using master = await controlMaster(server, user, { directory: stateDirectory });
  await using berth = await openRuntime(server.config(user), { stateDirectory });
  await using plain = await openRuntime(server.config(user, { daemon: "never" }), { stateDirectory });
  await rate(() => exitsZero(berth.exec(TRUE)), PARALLEL, PARALLEL);
  const ours = await rate(() => exitsZero(berth.exec(TRUE)), PARALLEL, PARALLEL);
  const without = await rate(() => exitsZero(plain.exec(TRUE)), PARALLEL, PARALLEL);
  // The same work, with what fails for want of sessions; and as many at a time as its one connection has.
  const startedMs = performance.now();
  const codes = await Promise.all(Array.from({ length: PARALLEL }, () => spawnPiped(master.argv(TRUE))));
  const succeeded = codes.filter((code) => code === 0).length;
  const theirs = succeeded / ((performance.now() - startedMs) / 1000);
  const tenAtATime = await rate(() => exitsZero(spawnPiped(master.argv(TRUE))), PARALLEL, 10);
  report(
    `${PARALLEL} parallel commands, MaxSessions 10`,
    "all succeed, ≥ 10× ControlMaster",
    `${times(ours / theirs)}: ${Math.round(ours)} a second, without daemon ${Math.round(without)}; ControlMaster ${Math.round(theirs)}, ${succeeded} of ${PARALLEL} succeed (10 at a time: ${Math.round(tenAtATime)})`,
    ours / theirs >= 10,
  );
}

async function uploads({ report, quick, stateDirectory }: Place): Promise<void> {
  const ways: readonly { node: boolean; link: string; bytesPerSecond?: number }[] = [
    { node: true, link: "loopback" },
    { node: true, link: "20 Mbit/s", bytesPerSecond: SLOW_BYTES_PER_SECOND },
    // Packed once by each machine that Berth runs on.
    { node: false, link: "loopback, its archive packed first" },
    { node: false, link: "loopback" },
    { node: false, link: "20 Mbit/s", bytesPerSecond: SLOW_BYTES_PER_SECOND },
  ];
  for (const { node, link, bytesPerSecond } of quick ? ways.slice(0, 3) : ways) {
    await using server = await sshServer(node ? { node } : { mounts: HIDE_NODE });
    await using user = await sshUser({ startup: "" });
    await using network = await networkTo(server, bytesPerSecond === undefined ? {} : { bytesPerSecond });
    const startedMs = performance.now();
    await using berth = await openRuntime(server.config(user.name, { port: network.port }), {
      stateDirectory,
    });
    await exitsZero(berth.exec(TRUE));
    const seconds = (performance.now() - startedMs) / 1000;
    const megabytes = network.passed().up / 1e6;
    report(
      `first command on a fresh host ${node ? "with" : "without"} Node, ${link}`,
      "bytes and seconds stated",
      `${megabytes.toFixed(2)} MB up, ${seconds.toFixed(1)} s`,
      true,
    );
  }
}
