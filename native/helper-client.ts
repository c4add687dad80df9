import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { constants, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";

/**
 * The tests' own, plain speaker of the spawner protocol (docs/helper.md). It shares no code with berthd's, so that
 * a mistake made on one side can't be made the same on the other.
 */

export const EVENT = {
  STARTED: 16,
  FAILED: 17,
  EXITED: 18,
  EMPTY: 19,
  SIGNALLED: 20,
  KILLED: 21,
  DIED: 22,
} as const;
const REQUEST = { SPAWN: 1, OPENED: 2, SIGNAL: 3, KILL_TREE: 4, RESIZE: 5 } as const;
const FLAG = { stdin: 1, tty: 2, merge: 4, user: 8 } as const;
const DEADLINE_MS = 30_000;

const buildScript = fileURLToPath(new URL("build.mjs", import.meta.url));

/** The program for this machine, made first where it is missing or old. BERTH_TEST_HELPER names another build. */
export function helperProgram(): string {
  const given = process.env.BERTH_TEST_HELPER;
  if (given !== undefined) return given;
  const built = spawnSync(process.execPath, [buildScript], { encoding: "utf8" });
  const program = fileURLToPath(new URL(`build/linux-${process.arch}/berth-helper`, import.meta.url));
  if (built.status !== 0 || !existsSync(program))
    throw new Error(`build failed: ${built.stdout}${built.stderr}`);
  return program;
}

/** Polls until `state` is true or not undefined. */
export async function until<T>(
  what: string,
  state: () => T | undefined | false,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const value = state();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface SpawnSettings {
  env?: Record<string, string>;
  cwd?: string;
  stdin?: boolean;
  tty?: { rows: number; columns: number };
  merge?: boolean;
  user?: { uid: number; gid: number; groups: number[] };
  nofile?: number;
  umask?: number;
  /** Open the pipes as soon as it has started. Default true. */
  open?: boolean;
}

export function spawnPayload(argv: string[], settings: SpawnSettings = {}): Buffer {
  const env = Object.entries(settings.env ?? { PATH: process.env.PATH ?? "" });
  const groups = settings.user?.groups ?? [];
  const flags =
    (settings.stdin ? FLAG.stdin : 0) |
    (settings.tty ? FLAG.tty : 0) |
    (settings.merge ? FLAG.merge : 0) |
    (settings.user ? FLAG.user : 0);
  const nofile = Buffer.alloc(8);
  nofile.writeBigUInt64LE(BigInt(settings.nofile ?? 0));
  const u16 = (value: number): Buffer => u32(value).subarray(0, 2);
  return Buffer.concat([
    u32(flags),
    u16(settings.tty?.rows ?? 0),
    u16(settings.tty?.columns ?? 0),
    u32(settings.user?.uid ?? 0),
    u32(settings.user?.gid ?? 0),
    u32(groups.length),
    ...groups.map(u32),
    nofile,
    u32(settings.umask ?? 0xffffffff),
    Buffer.from(`${settings.cwd ?? "/"}\0`),
    u32(argv.length),
    Buffer.from(argv.map((arg) => `${arg}\0`).join("")),
    u32(env.length),
    Buffer.from(env.map(([name, value]) => `${name}=${value}\0`).join("")),
  ]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function frame(type: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([u32(5 + payload.length), Buffer.of(type), u32(id), payload]);
}

export interface Event {
  type: number;
  payload: Buffer;
}

/** One `berth-helper spawn`. Disposing it closes its channel, as the end of berthd does, and waits for its end. */
export class Helper implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly channel: Duplex;
  stderr = "";
  readonly #runs = new Map<number, Run>();
  #nextId = 1;
  #rest: Buffer = Buffer.alloc(0);

  constructor(argv: string[] = [helperProgram(), "spawn"]) {
    const [command = "", ...args] = argv;
    this.child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe", "pipe"] });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.channel = this.child.stdio[3] as Duplex;
    this.channel.on("error", () => {});
    this.channel.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  run(argv: string[], settings: SpawnSettings = {}): Run {
    return this.runPayload(spawnPayload(argv, settings), settings.open ?? true);
  }

  runPayload(payload: Buffer, open = true): Run {
    const run = new Run(this, this.#nextId++, open);
    this.#runs.set(run.id, run);
    this.channel.write(frame(REQUEST.SPAWN, run.id, payload));
    return run;
  }

  /** Exit code and signal of the helper itself. */
  async ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    await until("the helper ends", () => this.child.exitCode !== null || this.child.signalCode !== null);
    return { code: this.child.exitCode, signal: this.child.signalCode };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.destroy();
    await this.ended();
    for (const run of this.#runs.values()) run.close();
  }

  #take(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32LE(0)) {
      const length = bytes.readUInt32LE(0);
      this.#runs
        .get(bytes.readUInt32LE(5))
        ?.take({ type: bytes[4]!, payload: Buffer.from(bytes.subarray(9, 4 + length)) });
      bytes = bytes.subarray(4 + length);
    }
    this.#rest = bytes;
  }
}

/** One start, and what the helper said about it. */
export class Run {
  readonly id: number;
  readonly events: Event[] = [];
  stdin: Socket | undefined;
  readonly #helper: Helper;
  readonly #open: boolean;
  readonly #output: { chunks: Buffer[]; ended: boolean; socket: Socket }[] = [];

  constructor(helper: Helper, id: number, open: boolean) {
    this.#helper = helper;
    this.id = id;
    this.#open = open;
  }

  take(event: Event): void {
    this.events.push(event);
    if (event.type === EVENT.STARTED && this.#open) this.open();
  }

  /** The events' names so far, FAILED and EXITED with their values. */
  get story(): string[] {
    const names = Object.fromEntries(Object.entries(EVENT).map(([name, type]) => [type, name]));
    return this.events.map(({ type, payload }) => {
      if (type === EVENT.FAILED) return `FAILED ${payload[0]} ${payload.readInt32LE(1)}`;
      return type === EVENT.STARTED || type === EVENT.EMPTY
        ? names[type]!
        : `${names[type]} ${payload.readInt32LE(0)}`;
    });
  }

  find(type: number): Buffer | undefined {
    return this.events.find((event) => event.type === type)?.payload;
  }

  async until(type: number, deadlineMs?: number): Promise<Buffer> {
    const name = Object.keys(EVENT).find((key) => EVENT[key as keyof typeof EVENT] === type);
    return until(`${name} of ${this.id}; so far ${this.story.join(", ")}`, () => this.find(type), deadlineMs);
  }

  async started(): Promise<{ supervisor: number; pid: number; startTime: bigint; descriptors: number[] }> {
    const payload = await this.until(EVENT.STARTED);
    return {
      supervisor: payload.readInt32LE(0),
      pid: payload.readInt32LE(4),
      startTime: payload.readBigUInt64LE(8),
      descriptors: [16, 20, 24, 28].map((at) => payload.readInt32LE(at)),
    };
  }

  open(): void {
    const payload = this.find(EVENT.STARTED)!;
    const supervisor = payload.readInt32LE(0);
    const descriptor = (at: number, flags: number): number | undefined => {
      const number = payload.readInt32LE(at);
      return number < 0
        ? undefined
        : openSync(`/proc/${supervisor}/fd/${number}`, flags | constants.O_NONBLOCK);
    };
    const stdin = descriptor(16, constants.O_WRONLY);
    if (stdin !== undefined) this.stdin = new Socket({ fd: stdin, readable: false, writable: true });
    this.stdin?.on("error", () => {});
    for (const at of [20, 24]) {
      const fd = descriptor(at, constants.O_RDONLY);
      if (fd === undefined) continue;
      const socket = new Socket({ fd, readable: true, writable: false });
      const output = { chunks: [] as Buffer[], ended: false, socket };
      socket.on("data", (chunk: Buffer) => output.chunks.push(chunk));
      socket.on("close", () => {
        output.ended = true;
      });
      this.#output.push(output);
    }
    this.opened();
  }

  opened(): void {
    this.#request(REQUEST.OPENED, Buffer.alloc(0));
  }

  /** What stdout (0) or stderr (1) has given by now. */
  output(index = 0): string {
    return Buffer.concat(this.#output[index]?.chunks ?? []).toString();
  }

  outputEnded(index = 0): boolean {
    return this.#output[index]?.ended ?? false;
  }

  pauseOutput(): void {
    for (const { socket } of this.#output) socket.pause();
  }

  resumeOutput(): void {
    for (const { socket } of this.#output) socket.resume();
  }

  closeOutput(): void {
    for (const { socket } of this.#output) socket.destroy();
  }

  /** Both outputs, once they have ended. */
  async text(): Promise<string[]> {
    await this.until(EVENT.STARTED);
    await until(
      "the output ends",
      () => this.#output.length > 0 && this.#output.every((output) => output.ended),
    );
    return this.#output.map((_, index) => this.output(index));
  }

  /** Wait status of the command. */
  async exitStatus(deadlineMs?: number): Promise<number> {
    return (await this.until(EVENT.EXITED, deadlineMs)).readInt32LE(0);
  }

  /** The errno of the answer, 0 for success. */
  async signal(number: number, scope = 0): Promise<number> {
    return (await this.#ask(REQUEST.SIGNAL, Buffer.of(number, scope), EVENT.SIGNALLED)).readInt32LE(0);
  }

  /** How many were left. */
  async killTree(limitMs: number): Promise<number> {
    return (await this.#ask(REQUEST.KILL_TREE, u32(limitMs), EVENT.KILLED)).readUInt32LE(0);
  }

  resize(rows: number, columns: number): void {
    this.#request(REQUEST.RESIZE, Buffer.concat([u32(rows).subarray(0, 2), u32(columns).subarray(0, 2)]));
  }

  close(): void {
    this.stdin?.destroy();
    for (const { socket } of this.#output) socket.destroy();
  }

  async #ask(type: number, payload: Buffer, answer: number): Promise<Buffer> {
    const before = this.events.filter((event) => event.type === answer).length;
    this.#request(type, payload);
    return until(`the answer ${answer}; so far ${this.story.join(", ")}`, () => {
      return this.events.filter((event) => event.type === answer)[before]?.payload;
    });
  }

  #request(type: number, payload: Buffer): void {
    this.#helper.channel.write(frame(type, this.id, payload));
  }
}

/** Processes with `NAME=value` in their environment, zombies left out. */
export function processesMarked(mark: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(mark);
      } catch {
        return false;
      }
    });
}

export function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** Pids of the living children of a process. */
export function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
      } catch {
        return false;
      }
    });
}

/** Ends with what a child has printed and how it ended. */
export async function collect(
  child: ChildProcess,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("latin1");
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}
