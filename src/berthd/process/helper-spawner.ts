import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import type { Duplex } from "node:stream";
import { getSystemErrorName } from "node:util";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type { TtySize } from "../../contract/process.ts";
import { signalName } from "../../contract/signals.ts";
import {
  encodeSpawn,
  HELPER_EVENT,
  HELPER_REQUEST,
  type HelperEvent,
  HelperEventParser,
  helperFrame,
} from "./helper-protocol.ts";
import type { SpawnEvents, SpawnedProcess, Spawner, SpawnSpec } from "./spawner.ts";

/** Where in the start of a process it failed, as the helper reports it. */
const STAGE = {
  resources: 1,
  user: 2,
  cwd: 3,
  notFound: 4,
  interpreter: 5,
  exec: 6,
  pty: 7,
  limits: 8,
} as const;

interface Child {
  readonly spec: SpawnSpec;
  readonly events: SpawnEvents;
  started: boolean;
  exited: boolean;
  readonly signals: ((delivered: boolean) => void)[];
  readonly kills: ((left: number) => void)[];
}

export interface HelperSpawnerOptions {
  readonly helperPath: string;
  /** RLIMIT_NOFILE (soft) for children: Node raises its own; 0 leaves it. */
  readonly softFileLimit: number;
}

/**
 * Starts processes by one `berth-helper spawn`, which forks a supervisor (a subreaper) for each: cheaper than a
 * fork of Node, and the tree of a process is exactly known. When the helper itself dies, all trees end with it
 * and it is started again for the next process.
 */
export class HelperSpawner implements Spawner {
  readonly processTree = "exact";
  readonly tty = true;
  readonly #options: HelperSpawnerOptions;
  readonly #children = new Map<number, Child>();
  #nextId = 1;
  #helper: ChildProcess | undefined;
  #channel: Duplex | undefined;

  constructor(options: HelperSpawnerOptions) {
    this.#options = options;
  }

  spawn(spec: SpawnSpec, events: SpawnEvents): void {
    const id = this.#nextId++;
    this.#send(encodeSpawn(id, spec, this.#options.softFileLimit));
    this.#children.set(id, { spec, events, started: false, exited: false, signals: [], kills: [] });
  }

  #send(frame: Buffer): void {
    this.#channel ??= this.#start();
    this.#channel.write(frame);
  }

  #start(): Duplex {
    const helper = spawn(this.#options.helperPath, ["spawn"], {
      stdio: ["ignore", "inherit", "inherit", "pipe"],
      env: {},
      // A session of its own: a Ctrl-C at the terminal of an embedding program is not meant for it.
      detached: true,
    });
    const channel = helper.stdio[3] as Duplex;
    const parser = new HelperEventParser();
    channel.on("data", (chunk: Buffer) => parser.push(chunk, (event) => this.#deliver(event)));
    const gone = (): void => {
      if (this.#channel === channel) this.#lose();
    };
    channel.on("close", gone);
    channel.on("error", gone);
    helper.on("error", gone);
    helper.unref();
    this.#helper = helper;
    return channel;
  }

  /** The helper ended: the trees end with it, and what was running is reported. */
  #lose(): void {
    this.#channel = undefined;
    this.#helper = undefined;
    const children = [...this.#children.values()];
    this.#children.clear();
    for (const child of children) {
      if (!child.started) {
        child.events.failed(spawnFailed("the process helper ended"));
        continue;
      }
      if (!child.exited) child.events.exited({ exitCode: null, signal: "SIGKILL" });
      this.#settle(child);
      child.events.empty();
    }
  }

  #settle(child: Child): void {
    for (const settle of child.signals.splice(0)) settle(false);
    for (const settle of child.kills.splice(0)) settle(0);
  }

  #deliver(event: HelperEvent): void {
    const child = this.#children.get(event.id);
    if (child === undefined) return;
    const { payload } = event;
    switch (event.type) {
      case HELPER_EVENT.STARTED:
        this.#started(event.id, child, payload);
        break;
      case HELPER_EVENT.FAILED:
        this.#children.delete(event.id);
        child.events.failed(startError(payload.readUInt8(0), payload.readInt32LE(1), child.spec));
        break;
      case HELPER_EVENT.EXITED:
        child.exited = true;
        child.events.exited(decodeWaitStatus(payload.readInt32LE(0)));
        break;
      case HELPER_EVENT.SIGNALLED:
        child.signals.shift()?.(payload.readInt32LE(0) === 0);
        break;
      case HELPER_EVENT.KILLED:
        child.kills.shift()?.(payload.readUInt32LE(0));
        break;
      case HELPER_EVENT.DIED:
        if (!child.exited) child.events.exited({ exitCode: null, signal: "SIGKILL" });
        this.#end(event.id, child);
        break;
      case HELPER_EVENT.EMPTY:
        this.#end(event.id, child);
        break;
    }
  }

  #end(id: number, child: Child): void {
    this.#children.delete(id);
    this.#settle(child);
    child.events.empty();
  }

  #started(id: number, child: Child, payload: Buffer): void {
    const supervisor = payload.readInt32LE(0);
    const opened: number[] = [];
    const open = (offset: number, flags: number): number | undefined => {
      const number = payload.readInt32LE(offset);
      if (number === -1) return undefined;
      // A new open file description, so that O_NONBLOCK here never reaches the child's end.
      const descriptor = openSync(`/proc/${supervisor}/fd/${number}`, flags | constants.O_NONBLOCK);
      opened.push(descriptor);
      return descriptor;
    };
    child.started = true;
    let process: SpawnedProcess;
    try {
      const stdin = open(16, constants.O_WRONLY);
      const stdout = open(20, constants.O_RDONLY);
      const stderr = open(24, constants.O_RDONLY);
      if (stdout === undefined) throw new Error("no stdout");
      process = {
        pid: payload.readInt32LE(4),
        startTime: Number(payload.readBigUInt64LE(8)),
        stdin,
        stdout,
        stderr,
        signal: (signal) => this.#signal(id, signal),
        killTree: (limitMs) => this.#killTree(id, limitMs),
        resize: (size) => this.#resize(id, size),
      };
    } catch (cause) {
      for (const descriptor of opened) closeSync(descriptor);
      this.#children.delete(id);
      this.#request(HELPER_REQUEST.KILL_TREE, id, (frame, at) => frame.writeUInt32LE(1000, at), 4);
      this.#request(HELPER_REQUEST.OPENED, id, () => {}, 0);
      child.events.failed(spawnFailed(cause instanceof Error ? cause.message : String(cause)));
      return;
    }
    this.#request(HELPER_REQUEST.OPENED, id, () => {}, 0);
    child.events.started(process);
  }

  #request(type: number, id: number, fill: (frame: Buffer, at: number) => void, bytes: number): void {
    const frame = helperFrame(type, id, bytes);
    fill(frame, frame.length - bytes);
    this.#send(frame);
  }

  #signal(id: number, signal: number): Promise<boolean> {
    const child = this.#children.get(id);
    if (child === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      child.signals.push(resolve);
      this.#request(HELPER_REQUEST.SIGNAL, id, (frame, at) => frame.writeUInt16LE(signal, at), 2);
    });
  }

  #killTree(id: number, limitMs: number): Promise<number> {
    const child = this.#children.get(id);
    if (child === undefined) return Promise.resolve(0);
    return new Promise((resolve) => {
      child.kills.push(resolve);
      this.#request(HELPER_REQUEST.KILL_TREE, id, (frame, at) => frame.writeUInt32LE(limitMs, at), 4);
    });
  }

  #resize(id: number, size: TtySize): void {
    if (!this.#children.has(id)) return;
    this.#request(
      HELPER_REQUEST.RESIZE,
      id,
      (frame, at) => frame.writeUInt16LE(size.columns, frame.writeUInt16LE(size.rows, at)),
      4,
    );
  }

  async close(): Promise<void> {
    const helper = this.#helper;
    if (helper === undefined || helper.exitCode !== null || helper.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => helper.once("exit", () => resolve()));
    // Whoever closes an embedded host waits for this, perhaps with nothing else to keep its process alive.
    helper.ref();
    // EOF on the channel makes the helper end every tree.
    this.#channel?.end();
    this.#channel?.destroy();
    await ended;
  }
}

function decodeWaitStatus(status: number): { exitCode: number | null; signal: string | null } {
  const signal = status & 0x7f;
  return signal === 0
    ? { exitCode: (status >> 8) & 0xff, signal: null }
    : { exitCode: null, signal: signalName(signal) };
}

function spawnFailed(reason: string): BerthError {
  return berthError("process.spawn_failed", { hop: "berthd", context: { reason } });
}

/** The contract's error for a failed start. */
export function startError(stage: number, errno: number, spec: SpawnSpec): BerthError {
  const name = errno === 0 ? "unknown" : getSystemErrorName(-errno);
  const command = spec.argv[0] ?? "";
  const make = (
    code: Parameters<typeof berthError>[0],
    context: Record<string, string> = { command, errno: name },
  ) => berthError(code, { hop: "berthd", context });
  switch (stage) {
    case STAGE.cwd:
      return make(name === "ENOENT" ? "process.cwd_not_found" : "process.cwd_not_accessible", {
        cwd: spec.cwd,
        errno: name,
      });
    case STAGE.notFound:
      return make("process.not_found");
    case STAGE.interpreter:
      return make("process.interpreter_not_found");
    case STAGE.exec:
      if (name === "E2BIG") return make("process.arguments_too_long");
      if (["EACCES", "EPERM", "ENOEXEC", "EISDIR"].includes(name)) return make("process.permission_denied");
      return spawnFailed(`exec: ${name}`);
    case STAGE.user:
      return make("process.user_not_permitted", { user: String(spec.user?.uid ?? ""), errno: name });
    default:
      return spawnFailed(
        `${Object.keys(STAGE).find((key) => STAGE[key as keyof typeof STAGE] === stage)}: ${name}`,
      );
  }
}
