import type { SshConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import type { OpenOptions } from "../../contract/runtime.ts";
import { VERSION } from "../../contract/version.ts";
import { collect } from "../../transports/collect.ts";
import { resolveSshTarget } from "../../transports/ssh/resolve.ts";
import type { SshTransport } from "../../transports/ssh/transport.ts";
import { createHandshake, type Handshake } from "../provision/handshake.ts";
import {
  type FoundDaemon,
  type FoundPath,
  type FoundState,
  listScript,
  parseList,
  parseRemoved,
  removeScript,
} from "./clean-scripts.ts";
import { hostTransport } from "./host-transport.ts";

const DEADLINE_MS = 120_000;
const HANDSHAKE_MS = 5_000;
const NOT_OF_A_PLACE = "it is Berth's own state of who runs it there, or somebody else's";

const A_BASE = "it is a project's repository, for its next workspace there";

export interface CleanOptions extends Pick<OpenOptions, "signal" | "onPrompt" | "maxWaitMs" | "onWait"> {
  /** Daemons with running processes are ended, too. Default false. */
  readonly force?: boolean;
  /** Tells what would be removed, and removes nothing. Default false. */
  readonly dryRun?: boolean;
  /** Milliseconds that a daemon has to answer. Default 5,000. */
  readonly handshakeTimeoutMs?: number;
}

export interface KeptPath {
  readonly path: string;
  readonly kind: "workspace" | "daemon" | "payload" | "other";
  /** Why, in words. */
  readonly reason: string;
}

export interface CleanReport {
  /** For people: "dev@box". */
  readonly host: string;
  readonly removed: readonly FoundPath[];
  readonly kept: readonly KeptPath[];
  /** Daemons that were ended. */
  readonly ended: number;
}

/**
 * Removes from a host what Berth put there: daemons without running processes (`force`: all of this host), payloads,
 * their state and sockets. Workspaces stay, as does everything that is not Berth's, that another host which shares the
 * directory uses, or that is of Berth's own state for somebody who runs it there; each is named. No link is followed.
 * @throws ssh.*, provision.probe_failed, operation.aborted
 */
export async function cleanSsh(config: SshConfig, options: CleanOptions = {}): Promise<CleanReport> {
  const { signal, force = false, dryRun = false } = options;
  const target = await resolveSshTarget(config, { signal });
  await using transport = hostTransport(target, options);
  await transport.connect({ signal });
  const run = async (script: string) =>
    collect(await transport.run(["/bin/sh", "-c", script], signal === undefined ? {} : { signal }), {
      deadlineMs: DEADLINE_MS,
      limitBytes: 16 * 1024 * 1024,
      ...(signal === undefined ? {} : { signal }),
    });
  const listed = await run(listScript(config));
  const found = parseList(listed.stdout);
  if (found === undefined) throw unanswered(transport, listed);
  const handshake = createHandshake(VERSION, options.handshakeTimeoutMs ?? HANDSHAKE_MS);
  const fates = await Promise.all(
    found.daemons.map((daemon) => fateOf(daemon, { transport, handshake, force, dryRun, signal })),
  );
  const plan = planOf(found, fates, force);
  const ended = fates.filter(({ ends }) => ends).length;
  if (dryRun) return { host: target.name, removed: plan.remove, kept: plan.kept, ended };
  const removal = await run(
    removeScript({
      states: found.states,
      paths: plan.remove.map(({ path }) => path),
      ending: fates.flatMap(({ ends, daemon }) => (ends === "by itself" ? daemon.pids : [])),
      kill: fates.flatMap(({ ends, daemon }) => (ends === "by signal" ? daemon.pids : [])),
    }),
  );
  const done = parseRemoved(removal.stdout);
  if (done === undefined) throw unanswered(transport, removal);
  const failed = done.failed.map(({ path, reason }): KeptPath => ({ path, reason, kind: "other" }));
  return {
    host: target.name,
    removed: plan.remove.filter(({ path }) => done.removed.includes(path)),
    kept: [...plan.kept, ...failed],
    ended,
  };
}

interface Fate {
  readonly daemon: FoundDaemon;
  /** Why it stays; undefined when its directory goes. */
  readonly stays: string | undefined;
  readonly ends: false | "by itself" | "by signal";
}

interface FateOptions {
  readonly transport: SshTransport;
  readonly handshake: Handshake;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Decides about a daemon, and asks it to end when it is to go. */
async function fateOf(daemon: FoundDaemon, options: FateOptions): Promise<Fate> {
  const { force, dryRun } = options;
  const goes: Fate = { daemon, stays: undefined, ends: false };
  if (daemon.of === "before") return goes;
  if (daemon.of === "other") {
    if (!daemon.socket) return goes;
    return { ...goes, stays: "it belongs to another host that shares this directory" };
  }
  if (!daemon.socket && daemon.pids.length === 0) return goes;
  const answer = await askToEnd(daemon, options);
  if (answer === "ends") return { ...goes, ends: "by itself" };
  if (typeof answer === "number") {
    return {
      ...goes,
      stays: `${answer} running ${answer === 1 ? "process" : "processes"}; --force ends them`,
    };
  }
  // A socket that nobody listens at is what a killed daemon leaves.
  if (daemon.pids.length === 0) return goes;
  if (force) return { ...goes, ends: dryRun ? "by itself" : "by signal" };
  const pids = daemon.pids.join(", ");
  return { ...goes, stays: `its daemon (process ${pids}) does not answer; --force ends it` };
}

/** "ends", the number of running processes that keep it, or undefined when it does not answer. */
async function askToEnd(
  { path, token, bridge }: FoundDaemon,
  { transport, handshake, force, dryRun, signal }: FateOptions,
): Promise<"ends" | number | undefined> {
  try {
    const stream = await transport.dial(`${path}/sock`, {
      ...(bridge === "" ? {} : { bridge: ["/bin/sh", "-c", `exec ${bridge} "$0"`] }),
      ...(signal === undefined ? {} : { signal }),
    });
    const client = await handshake(stream, token, signal);
    try {
      const info = await client.call<"daemon.info", { processes?: { running?: unknown } }>("daemon.info", {});
      const running = Number(info.processes?.running ?? 0);
      if (running > 0 && !force) return running;
      if (!dryRun) await client.call("daemon.shutdown", { force });
      return "ends";
    } finally {
      client.close();
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    // It is gone, stuck, or of another version: its process tells what there is.
    return undefined;
  }
}

function planOf(found: FoundState, fates: readonly Fate[], force: boolean) {
  const staying = fates.filter(({ stays }) => stays !== undefined);
  const goingDaemons = fates.filter(({ stays }) => stays === undefined).map(({ daemon }) => daemon);
  const stateOf = (path: string) => found.states.find((state) => path.startsWith(`${state}/`));
  const reasonToKeep = ({ path }: FoundPath): string | undefined => {
    if (!force && found.installing.some((base) => path.startsWith(`${base}/`))) {
      return "a Berth is installing there now";
    }
    const users = staying.filter(({ daemon }) => stateOf(daemon.path) === stateOf(path));
    const used = users.some(({ daemon }) => daemon.uses === undefined || daemon.uses.includes(path));
    return used ? "a daemon that stays uses it" : undefined;
  };
  const kept: KeptPath[] = [
    ...staying.map(
      ({ daemon: { path }, stays }): KeptPath => ({ path, kind: "daemon", reason: stays ?? "" }),
    ),
    ...found.payload.flatMap((part): KeptPath[] => {
      const reason = reasonToKeep(part);
      return reason === undefined ? [] : [{ path: part.path, kind: "payload", reason }];
    }),
    ...found.others.map((path): KeptPath => ({ path, kind: "other", reason: NOT_OF_A_PLACE })),
    ...found.workspaces.map((path): KeptPath => ({ path, kind: "workspace", reason: "it is a workspace" })),
    ...found.bases.map((path): KeptPath => ({ path, kind: "workspace", reason: A_BASE })),
  ];
  const remove: FoundPath[] = [
    ...goingDaemons,
    ...found.payload.filter((part) => reasonToKeep(part) === undefined),
    ...found.leftovers,
  ].map(({ path, bytes }) => ({ path, bytes }));
  return { kept, remove };
}

function unanswered(transport: SshTransport, result: { exitCode: number | null; stderr: string }) {
  return berthError("provision.probe_failed", {
    hop: "transport",
    message: `${transport.description} did not say what is there: exit code ${result.exitCode ?? "none"}`,
    context: { output: result.stderr.trim().split("\n").slice(-20) },
  });
}
