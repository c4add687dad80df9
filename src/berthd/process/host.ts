import { promises as fs } from "node:fs";
import { join } from "node:path";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import type { ProcessInfo } from "../../contract/process.ts";
import type { Params } from "../../wire/messages.ts";
import { createProcess } from "./create-process.ts";
import { EventLog } from "./event-log.ts";
import { FinishedProcesses } from "./finished.ts";
import type { HostedProcess } from "./hosted-process.ts";
import { KeptFiles } from "./kept-files.ts";
import { Lease } from "./lease.ts";
import { logDirectory } from "./log-directory.ts";
import { LogStorage } from "./log-storage.ts";
import type { ManagedProcess } from "./process.ts";
import { endedEvent, exitedEvent, leaseEvent, lostEvent, startedEvent } from "./process-events.ts";
import { newProcessId } from "./process-id.ts";
import { RecordKeeper } from "./record-keeper.ts";
import { type RecoveredProcess, recoveredInfo, recoverProcesses, removeProcess } from "./records.ts";
import { SpawnQueue } from "./spawn-queue.ts";
import type { Spawner } from "./spawner.ts";
import { StartRequests } from "./start-requests.ts";
import { findUser, type PlaceUser } from "./users.ts";

const MAX_PROCESSES = 10_000;

export interface ProcessHostOptions {
  /** For records and logs; undefined keeps everything in memory (an embedded host without a state directory). */
  readonly directory: string | undefined;
  /** For the files of `keepOutput`; undefined: none are kept. */
  readonly keptDirectory?: string | undefined;
  readonly bootId: string;
  readonly spawner: Spawner;
  /** Environment of the place's user; a start waits for it. */
  readonly baseEnvironment: Promise<Readonly<Record<string, string>>>;
  readonly daemonUser: PlaceUser;
  readonly retentionMs?: number;
  /** Default 10,000. */
  readonly maxProcesses?: number;
  /** Nobody can read the logs once this host is closed: they are removed. Default false. */
  readonly removesLogs?: boolean;
  readonly log: (message: string, data: Record<string, unknown>) => void;
}

/** All processes of a daemon: starts them once, finds them by id or name, and lets them go in time. */
export class ProcessHost {
  readonly #options: ProcessHostOptions;
  readonly #storage: LogStorage;
  readonly #kept: KeptFiles | undefined;
  readonly #records: RecordKeeper;
  readonly #queue = new SpawnQueue();
  /** What happened to the processes, for those who ask. */
  readonly events = new EventLog();
  readonly #processes = new Map<string, HostedProcess>();
  /** Live ones by their workspace and name. */
  readonly #names = new Map<string, HostedProcess>();
  readonly #requests = new StartRequests<HostedProcess>();
  readonly #finished: FinishedProcesses;
  /** Removed ones with children that live on. */
  readonly #orphaned = new Set<HostedProcess>();
  readonly #clients = new Map<string, number>();
  /** Names in the directory before this host puts its own there. */
  readonly #found: Promise<string[]>;
  readonly #ready: Promise<void>;
  #closed = false;

  constructor(options: ProcessHostOptions) {
    this.#options = options;
    this.#storage = new LogStorage();
    this.#records = new RecordKeeper({
      bootId: options.bootId,
      isKnown: (hosted) => this.#processes.has(hosted.process.id),
      log: options.log,
    });
    this.#finished = new FinishedProcesses({
      retentionMs: options.retentionMs,
      forget: (hosted) => this.#forget(hosted),
    });
    this.#storage.evictFinished = (disk) => this.#finished.evict(disk);
    const { directory, keptDirectory } = options;
    if (keptDirectory !== undefined) {
      const kept = new KeptFiles(keptDirectory, this.#storage);
      this.#kept = kept;
      this.#storage.evictKept = (disk) => kept.evict(disk);
    }
    this.#found = directory === undefined ? Promise.resolve([]) : fs.readdir(directory).catch(() => []);
    this.#ready = directory === undefined ? Promise.resolve() : this.#recover(directory);
  }

  get spawner(): Spawner {
    return this.#options.spawner;
  }

  get storage(): LogStorage {
    return this.#storage;
  }

  async #recover(directory: string): Promise<void> {
    const names = await this.#found;
    const { recoveredRetentionMs } = this.#finished;
    for (const entry of await recoverProcesses(directory, names, this.#storage, recoveredRetentionMs)) {
      this.#finished.addRecovered(entry);
      if (entry.lostNow) this.events.append(lostEvent(entry));
    }
  }

  // --- start ---

  /** Starts a process, or returns the one that this request started before, or the live one of this name. */
  async start(params: Params<"process.start">, clientId: string): Promise<HostedProcess> {
    return await this.#requests.once(params.requestId, () => this.#start(params, clientId));
  }

  async #start(params: Params<"process.start">, clientId: string): Promise<HostedProcess> {
    const user = params.user === undefined ? undefined : await findUser(params.user);
    const base = await this.#options.baseEnvironment;
    const logs =
      params.logDirectory === undefined
        ? this.#options.directory
        : await logDirectory(params.logDirectory, this.#options.daemonUser);
    // What is recovered is what was there before; a new process must not be taken for it.
    await this.#found;
    if (this.#closed) throw fail("runtime.closed", {});
    // From here to where the name is taken nothing is awaited: two starts of one name would both find it free.
    const self = user ?? this.#options.daemonUser;
    const command =
      params.shellLookup && params.command[0] === "$SHELL"
        ? [self.shell, ...params.command.slice(1)]
        : params.command;
    const { name, workspace } = params;
    if (name !== undefined) {
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) throw fail("process.name_invalid", { name });
      const live = this.#names.get(nameIn(workspace, name));
      if (live !== undefined) return this.#sameCommand(live, name, command);
    }
    if (params.command.some((word) => word.includes("\0"))) throw fail("process.argument_invalid", {});
    const limit = this.#options.maxProcesses ?? MAX_PROCESSES;
    if (this.#processes.size >= limit && !this.#finished.forgetOne()) throw fail("process.limit", {});
    const id = newProcessId((taken) => this.#processes.has(taken) || this.#finished.knows(taken));
    this.#checkUser(user, params.user);
    const directory = this.#options.directory === undefined ? undefined : join(this.#options.directory, id);
    const process = createProcess({
      id,
      params,
      command,
      base,
      user,
      daemonUser: this.#options.daemonUser,
      records: this.#options.directory,
      logs,
      storage: this.#storage,
      kept: this.#kept,
    });
    process.detached = params.detached;
    const hosted: HostedProcess = {
      process,
      owner: clientId,
      keptByOwner: params.keptBy === "client",
      directory,
      inputs: new Map(),
      lease: new Lease(
        process,
        params.leaseMs,
        (step) => {
          this.#options.log("lease", { id, step });
          this.events.append(leaseEvent(hosted, step));
        },
        (left) => this.events.append(endedEvent(hosted, "lease", left)),
      ),
      readers: 0,
      delivered: false,
      persisted: false,
      recording: Promise.resolve(),
    };
    if (name !== undefined) this.#names.set(nameIn(workspace, name), hosted);
    this.#processes.set(id, hosted);
    process.onChange(() => this.#changed(hosted));
    process.onTimeoutEnd = (left) => this.events.append(endedEvent(hosted, "timeout", left));
    this.#queue.run(() => this.#spawn(process));
    const started = await process.whenStarted;
    if (!started.ok) {
      this.#processes.delete(id);
      this.#releaseName(hosted);
      process.dispose();
      await removeProcess(directory, process.log);
      throw started.error;
    }
    this.events.append(startedEvent(hosted));
    // What is to outlive its client is on record before its start is answered, as with `detach`.
    if (params.detached && !process.finished) await this.#records.write(hosted);
    else if (!process.finished) this.#records.writeSoon(hosted);
    this.#countIfAlone(hosted);
    return hosted;
  }

  #spawn(process: ManagedProcess): void {
    try {
      if (this.#closed) throw fail("runtime.closed", {});
      process.starting();
      this.#options.spawner.spawn(process.spec, process);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      process.failed(isBerthError(cause) ? cause : fail("process.spawn_failed", { reason }));
    }
  }

  /** `spawn` of a live name returns it if it is the same command. */
  async #sameCommand(live: HostedProcess, name: string, command: readonly string[]): Promise<HostedProcess> {
    const { argv } = live.process.spec;
    const same = argv.length === command.length && argv.every((word, index) => word === command[index]);
    if (!same) throw fail("process.name_conflict", { name });
    const started = await live.process.whenStarted;
    if (!started.ok) throw started.error;
    return live;
  }

  #checkUser(user: PlaceUser | undefined, text: string | undefined): void {
    const { daemonUser } = this.#options;
    if (user === undefined || daemonUser.uid === 0 || user.uid === daemonUser.uid) return;
    throw fail("process.user_not_permitted", { user: text ?? "" });
  }

  // --- find ---

  /**
   * A process of this daemon by id or name; a finished one keeps its name until another takes it. With `workspace`
   * only what was started in it; else any id, and names of processes outside of all workspaces.
   */
  async find(idOrName: string, workspace?: string): Promise<HostedProcess | RecoveredProcess> {
    await this.#ready;
    const byId = this.#processes.get(idOrName) ?? this.#finished.findRecovered(idOrName);
    if (byId !== undefined && (workspace === undefined || workspaceOf(byId) === workspace)) return byId;
    const byName =
      this.#names.get(nameIn(workspace, idOrName)) ?? this.#finished.findByName(idOrName, workspace);
    if (byName !== undefined) return byName;
    const removed = this.#finished.wasRemoved(idOrName, workspace);
    throw fail(removed ? "process.reaped" : "process.unknown", { id: idOrName });
  }

  /** One that can be signalled, resized, written to. @throws process.lost, process.finished, process.reaping */
  async findLive(idOrName: string, workspace?: string): Promise<HostedProcess> {
    const found = await this.find(idOrName, workspace);
    if (!("process" in found)) {
      throw fail(found.record.lost === true ? "process.lost" : "process.finished", { id: found.record.id });
    }
    const started = await found.process.whenStarted;
    if (!started.ok) throw started.error;
    if (found.process.ended) throw fail("process.finished", { id: found.process.id });
    if (found.lease.reaping) throw fail("process.reaping", { id: found.process.id });
    return found;
  }

  /** With `workspace` only what was started in it. */
  async list(workspace?: string): Promise<ProcessInfo[]> {
    await this.#ready;
    const all = [
      ...[...this.#finished.recovered()].map(recoveredInfo),
      ...[...this.#processes.values()].map((hosted) => hosted.process.info()),
    ];
    return workspace === undefined ? all : all.filter((info) => info.workspace === workspace);
  }

  get running(): number {
    let count = 0;
    for (const hosted of this.#processes.values()) if (!hosted.process.finished) count++;
    return count;
  }

  /** Trees that still have something in them: a daemon must not exit before they are empty. */
  get busy(): boolean {
    if (this.#orphaned.size > 0) return true;
    for (const hosted of this.#processes.values()) if (!hosted.process.treeEmpty) return true;
    return false;
  }

  get size(): number {
    return this.#processes.size;
  }

  // --- interest ---

  clientConnected(clientId: string): void {
    this.#clients.set(clientId, (this.#clients.get(clientId) ?? 0) + 1);
    for (const hosted of this.#processes.values()) {
      if (hosted.keptByOwner && hosted.owner === clientId) hosted.lease.hold();
    }
  }

  clientGone(clientId: string): void {
    const count = (this.#clients.get(clientId) ?? 1) - 1;
    if (count > 0) this.#clients.set(clientId, count);
    else {
      this.#clients.delete(clientId);
      for (const hosted of this.#processes.values()) {
        if (hosted.owner === clientId) this.#countIfAlone(hosted);
      }
    }
  }

  readerOpened(hosted: HostedProcess): void {
    hosted.readers++;
    hosted.lease.hold();
  }

  readerClosed(hosted: HostedProcess): void {
    hosted.readers--;
    this.#countIfAlone(hosted);
    if (hosted.delivered && !hosted.persisted) this.#storage.unschedule(hosted.process.log);
  }

  /** The lease counts when neither a reader nor an owner that keeps it is there. */
  #countIfAlone({ readers, keptByOwner, owner, lease }: HostedProcess): void {
    if (readers === 0 && !(keptByOwner && this.#clients.has(owner))) lease.release();
  }

  // --- end of life ---

  #changed(hosted: HostedProcess): void {
    const { process } = hosted;
    if (process.treeEmpty && this.#orphaned.delete(hosted)) process.dispose();
    if (!process.finished || this.#finished.has(hosted) || !this.#processes.has(process.id)) return;
    this.#finished.add(hosted);
    this.events.append(exitedEvent(hosted));
    hosted.lease.hold();
    this.#releaseName(hosted);
    if (hosted.persisted) void this.#records.write(hosted);
    else this.#records.writeSoon(hosted);
  }

  #releaseName({ process }: HostedProcess): void {
    if (process.name === undefined) return;
    const key = nameIn(process.workspace, process.name);
    if (this.#names.get(key)?.process === process) this.#names.delete(key);
  }

  async #forget(hosted: HostedProcess): Promise<void> {
    const { process } = hosted;
    this.#finished.removed(hosted);
    this.#processes.delete(process.id);
    this.#requests.forget(hosted);
    if (process.treeEmpty) process.dispose();
    else this.#orphaned.add(hosted);
    await hosted.recording;
    await removeProcess(hosted.directory, process.log);
  }

  /** @throws process.running, process.unknown */
  async remove(idOrName: string, workspace?: string): Promise<void> {
    const found = await this.find(idOrName, workspace);
    if ("process" in found) {
      if (!found.process.finished) throw fail("process.running", { id: found.process.id });
      await found.process.end({ signal: "SIGKILL" });
      await this.#forget(found);
      await this.#kept?.remove(found.process.id);
    } else {
      await this.#finished.forgetRecovered(found);
      await this.#kept?.remove(found.record.id);
    }
  }

  /** `detach` has to be on record before it is answered. */
  async detach(idOrName: string, workspace?: string): Promise<void> {
    const hosted = await this.findLive(idOrName, workspace);
    hosted.process.detached = true;
    hosted.lease.hold();
    await this.#records.write(hosted);
  }

  /**
   * Its timeout and the readers that it waits for are given up, and without `keepsLease` its lease, too. One that has
   * ended is given as it is.
   * @throws process.finished when its timeout has begun to end it
   */
  async toBackground({
    id,
    workspace,
    keepsLease,
    leaseMs,
  }: Params<"process.detach">): Promise<HostedProcess> {
    const hosted = await this.find(id, workspace);
    if (!("process" in hosted)) return await this.findLive(id, workspace);
    const { process } = hosted;
    const started = await process.whenStarted;
    if (!started.ok) throw started.error;
    if (!process.toBackground()) {
      throw berthError("process.finished", {
        hop: "berthd",
        message: `the time of process ${process.id} was over: it is being ended`,
        context: { id: process.id },
      });
    }
    if (process.ended) return hosted;
    if (keepsLease) {
      if (leaseMs !== undefined) hosted.lease.milliseconds = leaseMs;
    } else {
      process.detached = true;
      hosted.lease.hold();
    }
    await this.#records.write(hosted);
    return hosted;
  }

  /** Ends every tree; logs and records stay. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#records.close();
    this.#finished.close();
    await Promise.all(
      [...this.#processes.values()].map((hosted) => hosted.process.end({ signal: "SIGKILL" })),
    );
    await this.#options.spawner.close();
    await Promise.all([...this.#processes.values()].map((hosted) => hosted.recording));
    await Promise.all(
      [...this.#processes.values()].map((hosted) =>
        this.#options.removesLogs === true || (hosted.delivered && !hosted.persisted)
          ? removeProcess(hosted.directory, hosted.process.log)
          : hosted.process.log.close({ remove: false }),
      ),
    );
    for (const hosted of [...this.#processes.values(), ...this.#orphaned]) hosted.process.dispose();
    this.#kept?.close();
    this.#storage.close();
  }
}

/** Names are of a workspace, or outside of all. No name has a slash. */
function nameIn(workspace: string | undefined, name: string): string {
  return `${workspace ?? ""}/${name}`;
}

function workspaceOf(found: HostedProcess | RecoveredProcess): string | undefined {
  return "process" in found ? found.process.workspace : found.record.workspace;
}

function fail(code: Parameters<typeof berthError>[0], context: Record<string, string>): BerthError {
  return berthError(code, { hop: "berthd", context });
}
