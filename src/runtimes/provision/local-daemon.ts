import { spawn } from "node:child_process";
import { access, constants, open, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { throwIfAborted } from "../../transports/abort.ts";
import { collect } from "../../transports/collect.ts";
import type { Transport } from "../../transports/transport.ts";
import { guardEnvironment, NODE_ARGV_VARIABLE } from "../../wire/launch-environment.ts";
import type { WireClient } from "../../wire/types.ts";
import { findPayload, type Payload } from "../payload.ts";
import { PAYLOAD_PLATFORMS, type PayloadPlatform } from "../payload-manifest.ts";
import { makeRandomFile } from "../random-file.ts";
import { localRunDirectory, stateError } from "../state-directory.ts";
import type { ConnectOptions, Handshake } from "./handshake.ts";
import type { ProgressSink } from "./progress.ts";

const START_DEADLINE_MS = 20_000;
const DIAL_INTERVAL_MS = 5;
/** Before the lock is tried again, doubled up to the second. */
const RELAUNCH_MS = 20;
const MOST_RELAUNCH_MS = 1_000;
const HELPER_DEADLINE_MS = 10_000;
const LOG_TAIL_BYTES = 2_000;
const TOKEN_BYTES = 32;

/** What runs a daemon on this machine: from this installation, never copied. */
export interface LocalInstallation {
  /** argv of the Node that runs it; a script follows. */
  readonly nodeArgv: readonly string[];
  /** The daemon's script. */
  readonly entry: string;
  /** undefined where there is none for this platform. */
  readonly helper: string | undefined;
}

/**
 * The built bundle where Berth itself runs built, else the sources by Node's type stripping; so that the daemon is
 * never older than the client that starts it.
 */
export async function localInstallation(): Promise<LocalInstallation> {
  const nodeArgv = [process.execPath];
  const here = fileURLToPath(import.meta.url);
  const room = dirname(dirname(dirname(here)));
  const platform = PAYLOAD_PLATFORMS.find((name) => name === `${process.platform}-${process.arch}`);
  const isBuilt = !here.endsWith(".ts");
  const payload = isBuilt && platform !== undefined ? await builtPayload(platform) : undefined;
  if (payload !== undefined) {
    const bundle = payload.partDirectory("bundle");
    const { entry, helper } = payload.manifest;
    return { nodeArgv, entry: join(bundle, entry), helper: helper && join(bundle, helper) };
  }
  const candidates = [
    "dist/payload/PLATFORM/bundle",
    "native/build/PLATFORM",
    "native/prebuilt/PLATFORM",
  ].map((path) => join(dirname(room), path.replace("PLATFORM", platform ?? "none"), "berth-helper"));
  const entry = join(room, "berthd", isBuilt ? "main.js" : "main.ts");
  return { nodeArgv, entry, helper: await firstExecutable(candidates) };
}

/** undefined: the modules that the bundle is made of run as well, only with more to load. */
async function builtPayload(platform: PayloadPlatform): Promise<Payload | undefined> {
  try {
    return await findPayload(platform);
  } catch (error) {
    if (isBerthError(error, "payload.not_built")) return undefined;
    throw error;
  }
}

async function firstExecutable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return path;
  }
  return undefined;
}

export interface LocalDaemonOptions {
  readonly transport: Transport;
  readonly progress: ProgressSink;
  readonly handshake: Handshake;
  /** Berth's state directory, or the one that the configuration names. */
  readonly stateDirectory: string;
}

/** A way to this machine's daemon, which is started when none runs. */
export interface LocalConnector {
  /** @throws provision.no_directory, provision.start_failed, payload.not_built, wire.*, operation.aborted */
  connect(options: ConnectOptions): Promise<WireClient>;
  /** Directory of the daemon. */
  directory(): Promise<string>;
}

export function createLocalConnector(options: LocalDaemonOptions): LocalConnector {
  const { transport, progress, handshake, stateDirectory } = options;
  let directory: Promise<string> | undefined;
  let starting: Promise<unknown> = Promise.resolve();

  function runDirectory(): Promise<string> {
    directory ??= localRunDirectory(stateDirectory);
    directory.catch(() => {
      directory = undefined;
    });
    return directory;
  }

  /** undefined when no daemon answers. */
  async function dial(run: string, { signal, clientId }: ConnectOptions): Promise<WireClient | undefined> {
    try {
      const token = (await readFile(join(run, "token"), "utf8").catch(() => "")).trim();
      if (token === "") return undefined;
      const stream = await transport.dial(join(run, "sock"), signal === undefined ? {} : { signal });
      return await handshake(stream, token, signal, { clientId });
    } catch (error) {
      if (isBerthError(error, "transport.unavailable") || isBerthError(error, "transport.disconnected")) {
        return undefined;
      }
      throw error;
    }
  }

  async function connect(options: ConnectOptions): Promise<WireClient> {
    const run = await runDirectory();
    const running = await dial(run, options);
    if (running !== undefined) return running;
    const turn = starting.then(async () => (await dial(run, options)) ?? start(run, options));
    starting = turn.catch(() => {});
    return turn;
  }

  async function start(run: string, options: ConnectOptions): Promise<WireClient> {
    progress.phase("start", "starting the daemon on this machine");
    const installation = await localInstallation();
    await makeRandomFile(join(run, "token"), TOKEN_BYTES).catch((cause) => {
      throw stateError(run, cause);
    });
    let pid = await launch(installation, run, transport);
    const deadline = performance.now() + START_DEADLINE_MS;
    let relaunchMs = RELAUNCH_MS;
    let relaunchAt = performance.now() + relaunchMs;
    for (;;) {
      throwIfAborted(options.signal);
      const client = await dial(run, options);
      if (client !== undefined) {
        progress.phase("handshake", "the daemon is up");
        return client;
      }
      if (pid !== undefined && !isAlive(pid)) throw await startFailed(run, "it has ended");
      if (performance.now() > deadline) {
        throw pid === undefined ? await noAnswer(run) : await startFailed(run, "it does not answer");
      }
      await delay(DIAL_INTERVAL_MS);
      // Whoever held the lock may have been a daemon at its end, which lets go of it after its connections.
      if (pid === undefined && performance.now() > relaunchAt) {
        pid = await launch(installation, run, transport);
        relaunchMs = Math.min(relaunchMs * 2, MOST_RELAUNCH_MS);
        relaunchAt = performance.now() + relaunchMs;
      }
    }
  }

  return { connect, directory: runDirectory };
}

/** Starts it; undefined when another client's is running or starting, which holds the lock. */
async function launch(
  installation: LocalInstallation,
  run: string,
  transport: Transport,
): Promise<number | undefined> {
  const { nodeArgv, entry, helper } = installation;
  const log = join(run, "daemon.log");
  const args = ["serve", "--dir", run, "--login-env", ...(helper === undefined ? [] : ["--helper", helper])];
  const argv = [...nodeArgv, entry, ...args];
  const inherited = Object.entries(process.env).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  const env = {
    ...guardEnvironment(Object.fromEntries(inherited)),
    [NODE_ARGV_VARIABLE]: JSON.stringify(nodeArgv),
  };
  if (helper === undefined) return launchAlone(argv, env, log);
  const daemonize = [helper, "daemonize", "--lock", join(run, "lock"), "--log", log, "--", ...argv];
  const child = await transport.run(daemonize, { env, cleanEnvironment: true, cwd: "/" });
  const { exitCode, stdout, stderr } = await collect(child, { deadlineMs: HELPER_DEADLINE_MS });
  if (exitCode === 75) return undefined;
  if (exitCode !== 0) throw await startFailed(run, stderr.trim());
  return Number.parseInt(stdout, 10);
}

/** Where there is no helper the daemon itself makes sure that it is the only one. */
async function launchAlone(
  argv: readonly string[],
  env: Record<string, string>,
  log: string,
): Promise<number | undefined> {
  const output = await open(log, "a", 0o600);
  try {
    const [command = "", ...args] = argv;
    const stdio: ["ignore", number, number] = ["ignore", output.fd, output.fd];
    const child = spawn(command, args, { env, cwd: "/", detached: true, stdio });
    child.on("error", () => {});
    child.unref();
    return child.pid;
  } finally {
    await output.close();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Another client's daemon holds the lock, and is stopped or stuck. */
async function noAnswer(run: string): Promise<BerthError> {
  const log = await readFile(join(run, "daemon.log"), "utf8").catch(() => "");
  const pid = lastPid(log);
  return berthError("provision.start_failed", {
    message: `a daemon runs on this machine${pid === undefined ? "" : ` (process ${pid})`} but does not answer`,
    hint:
      pid === undefined
        ? "Look for the process `berthd serve` and end it; the next command starts another."
        : `If it is stopped, go on with it: kill -CONT ${pid}. Else end it: kill -9 ${pid}; the next command starts another.`,
    context: { reason: "it does not answer", pid, path: join(run, "daemon.log") },
  });
}

/** The process of the daemon that last said in its log that it serves. */
function lastPid(log: string): number | undefined {
  const pid = [...log.matchAll(/"pid":(\d+)/g)].at(-1)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

async function startFailed(run: string, reason: string): Promise<BerthError> {
  const log = await readFile(join(run, "daemon.log"), "utf8").catch(() => "");
  const output = log
    .slice(-LOG_TAIL_BYTES)
    .split("\n")
    .filter((line) => line.trim() !== "");
  return berthError("provision.start_failed", {
    message: `the daemon did not start on this machine: ${output.at(-1) ?? reason}`,
    context: { reason, output, path: join(run, "daemon.log") },
  });
}
