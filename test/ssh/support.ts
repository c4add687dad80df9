import { createHash } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SshConfig } from "../../src/contract/config-ssh.ts";
import type { BerthEventInput } from "../../src/contract/events.ts";
import type { OpenOptions, Runtime } from "../../src/contract/runtime.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { type Proxy as FaultyNetwork, type ProxyOptions, proxy } from "../fixtures/network.ts";
import { type SshUserOptions, sshUser } from "../fixtures/ssh-user.ts";
import { knownHostsName, type SshServer, type SshServerOptions, sshServer } from "../fixtures/sshd.ts";
import type { OrdinaryUser } from "../fixtures/user.ts";

export const TRANSPORTS = ["openssh", "ssh2"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** With the daemon, and by plain commands. */
export const DAEMONS = ["auto", "never"] as const;

/** Every way in which a command can get to a host. */
export const WAYS = TRANSPORTS.flatMap((transport) =>
  DAEMONS.map((daemon) => ({
    transport,
    daemon,
    title: `${transport}, ${daemon === "auto" ? "with the daemon" : "without a daemon"}`,
  })),
);

export interface SshBenchOptions {
  server?: SshServerOptions;
  user?: SshUserOptions;
}

/** A real sshd with an account of the test's own, and what a client keeps about it. */
export interface SshBench extends AsyncDisposable {
  readonly server: SshServer;
  readonly user: OrdinaryUser;
  /** Of this machine's client. */
  readonly stateDirectory: string;
  /** A directory of this machine that is removed with the bench. */
  readonly directory: string;
  readonly events: readonly BerthEventInput[];
  config(extra?: Partial<SshConfig>): SshConfig;
  /** Opens it for the rest of the test. */
  open(extra?: Partial<SshConfig>, options?: OpenOptions): Promise<Runtime>;
  /** Puts a network with faults between clients to come and sshd: its port stands in the configuration from now on. */
  between(conditions?: Omit<ProxyOptions, "to">): Promise<FaultyNetwork>;
}

/** @throws FixtureUnavailable */
export async function sshBench(options: SshBenchOptions = {}): Promise<SshBench> {
  await using failed = new AsyncDisposableStack();
  const scratch = failed.use(await scratchDirectory());
  const server = failed.use(await sshServer({ node: true, ...options.server }));
  const user = failed.use(await sshUser(options.user));
  const stateDirectory = join(scratch.path, "state");
  await mkdir(stateDirectory, { mode: 0o700 });
  // The sockets of OpenSSH's masters are the bench's own.
  const home = process.env.BERTH_HOME;
  process.env.BERTH_HOME = stateDirectory;
  failed.defer(() => {
    if (home === undefined) delete process.env.BERTH_HOME;
    else process.env.BERTH_HOME = home;
  });
  const events: BerthEventInput[] = [];
  const stack = failed.move();
  let port = server.port;
  const config: SshBench["config"] = (extra = {}) => server.config(user.name, { port, ...extra });
  return {
    server,
    user,
    stateDirectory,
    directory: scratch.path,
    events,
    config,
    open: async (extra = {}, openOptions = {}) =>
      stack.use(
        await openRuntime(config(extra), {
          stateDirectory,
          onEvent: (event) => events.push(event),
          ...openOptions,
        }),
      ),
    between: async (conditions = {}) => {
      const made = stack.use(await proxy({ ...conditions, to: { port: server.port, host: server.host } }));
      if ("path" in made.address) throw new Error("the proxy listens on a port");
      port = made.address.port;
      await server.trust(knownHostsName("127.0.0.1", port));
      return made;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** How many connections were made, by what sshd logged. */
export function connectionsIn(log: string): number {
  return log.match(/^Connection from /gm)?.length ?? 0;
}

/** What the kernel tells about a process that anybody may read. */
export interface SeenProcess {
  readonly pid: number;
  readonly commandLine: string;
}

/** Command lines of all processes of this machine, which is both sides. */
export async function commandLines(): Promise<SeenProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const seen = await Promise.all(
    pids.map(async (pid) => ({
      pid: Number(pid),
      // A process may end while it is looked at.
      commandLine: await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
    })),
  );
  return seen;
}

/** Processes that an account has: pid, and words of the command line. */
export async function processesOf(user: OrdinaryUser): Promise<SeenProcess[]> {
  const all = await commandLines();
  const owned = await Promise.all(
    all.map(async (seen) => {
      const status = await readFile(`/proc/${seen.pid}/status`, "utf8").catch(() => "");
      return new RegExp(`^Uid:\\t${user.uid}\\t`, "m").test(status) && !/^State:\tZ/m.test(status);
    }),
  );
  return all.filter((_, index) => owned[index]);
}

/** pids of OpenSSH's masters of a bench's clients: they are nobody's children. */
export async function mastersOf(bench: SshBench): Promise<number[]> {
  const all = await commandLines();
  return all
    .filter(
      ({ commandLine }) => /^(\S*\/)?ssh\0/.test(commandLine) && commandLine.includes(bench.stateDirectory),
    )
    .map(({ pid }) => pid);
}

/** Numbers from 0 to below 1 that are the same again for the same seed. */
export function seeded(seed: number): () => number {
  let turn = 0;
  return () => createHash("sha256").update(`${seed} ${turn++}`).digest().readUInt32LE() / 2 ** 32;
}
