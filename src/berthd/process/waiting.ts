import { promises as fs } from "node:fs";
import { basename } from "node:path";
import { WAIT_REASONS, type WaitingFor } from "../../contract/waiting.ts";
import { processTable } from "./process-table.ts";

type Reason = WaitingFor["reason"];

/** How long a look may take; the command is ended that much later. */
const LOOK_LIMIT_MS = 500;
/** Processes of one tree that are looked at, the newest first. */
const MAX_LOOKS = 100;
const MAX_POLLED = 1024;
const FCNTL_WAITS_FOR_LOCK = [7 /* F_SETLKW */, 38 /* F_OFD_SETLKW */];
const READABLE = 1; // POLLIN, EPOLLIN
/** States in /proc/net/tcp. */
const TCP_LISTEN = "0A";

type Call =
  | "read"
  | "poll"
  | "select"
  | "epoll"
  | "accept"
  | "connect"
  | "receive"
  | "sleep"
  | "flock"
  | "fcntl";

/** Numbers of system calls (Linux: asm/unistd_64.h; asm-generic/unistd.h). */
const CALLS: Readonly<Record<string, ReadonlyMap<number, Call>>> = {
  x64: new Map<number, Call>([
    [0, "read"],
    [7, "poll"],
    [17, "read"],
    [19, "read"],
    [23, "select"],
    [35, "sleep"],
    [42, "connect"],
    [43, "accept"],
    [45, "receive"],
    [47, "receive"],
    [72, "fcntl"],
    [73, "flock"],
    [230, "sleep"],
    [232, "epoll"],
    [270, "select"],
    [271, "poll"],
    [281, "epoll"],
    [288, "accept"],
    [441, "epoll"],
  ]),
  arm64: new Map<number, Call>([
    [22, "epoll"],
    [25, "fcntl"],
    [32, "flock"],
    [63, "read"],
    [65, "read"],
    [67, "read"],
    [72, "select"],
    [73, "poll"],
    [101, "sleep"],
    [115, "sleep"],
    [202, "accept"],
    [203, "connect"],
    [207, "receive"],
    [212, "receive"],
    [242, "accept"],
    [441, "epoll"],
  ]),
};

/**
 * What a process and its descendants are waiting for at this moment, by what the kernel says of them; undefined when that
 * can't be known (no /proc, no permission) or says nothing, as with a lock between threads.
 */
export async function waitingOf(root: number, hasInput: boolean): Promise<WaitingFor | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, LOOK_LIMIT_MS, undefined);
  });
  try {
    return await Promise.race([look(root, hasInput), limit]);
  } catch {
    // It ended meanwhile.
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

async function look(root: number, hasInput: boolean): Promise<WaitingFor | undefined> {
  const pids = (await treeOf(root)).slice(0, MAX_LOOKS);
  const input = hasInput ? await linkOf(root, 0) : undefined;
  const reasons = await Promise.all(pids.map((pid) => reasonOf(pid, input).catch(() => undefined)));
  // Of a tree the one is told that says most.
  for (const reason of WAIT_REASONS) {
    const index = reasons.indexOf(reason);
    const pid = pids[index];
    if (pid === undefined) continue;
    const [word = ""] = (await fs.readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0", 1);
    return { pid, command: basename(word), reason };
  }
  return undefined;
}

/** The process, its group and all that descends from them, the newest first. */
async function treeOf(root: number): Promise<number[]> {
  const stats = (await processTable()).filter(({ state }) => state !== "Z");
  const found = new Map(
    stats.filter(({ pid, group }) => pid === root || group === root).map((stat) => [stat.pid, stat]),
  );
  for (let grown = true; grown; ) {
    grown = false;
    for (const stat of stats) {
      if (found.has(stat.pid) || !found.has(stat.parent)) continue;
      found.set(stat.pid, stat);
      grown = true;
    }
  }
  return [...found.values()].sort((a, b) => b.startTime - a.startTime || b.pid - a.pid).map(({ pid }) => pid);
}

async function reasonOf(pid: number, input: string | undefined): Promise<Reason | undefined> {
  // "running", or the number of the call, its six arguments, stack and program pointer.
  const text = (await fs.readFile(`/proc/${pid}/syscall`, "latin1")).trim();
  const [number = "", ...words] = text.split(" ");
  const state = await stateOf(pid);
  if (state === "T") return "stopped";
  if (number === "running") return state === "R" ? "cpu" : undefined;
  const call = CALLS[process.arch]?.get(Number(number));
  const args = words.map((word) => BigInt(word));
  switch (call) {
    case undefined:
      return undefined;
    case "sleep":
      return "timer";
    case "flock":
      return "lock";
    case "fcntl":
      return FCNTL_WAITS_FOR_LOCK.includes(Number(args[1])) ? "lock" : undefined;
    case "accept":
      return "connections";
    case "connect":
      return "network";
    default:
      return await reasonOfFiles(pid, await readFrom(pid, call, args), input);
  }
}

async function stateOf(pid: number): Promise<string> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, "latin1");
  return stat[stat.lastIndexOf(")") + 2] ?? "";
}

/** Descriptors that the call waits to read from. */
async function readFrom(pid: number, call: Call, args: readonly bigint[]): Promise<number[]> {
  const [first = 0n, second = 0n] = args;
  if (call === "read" || call === "receive") return [Number(first)];
  if (call === "epoll") {
    const info = await fs.readFile(`/proc/${pid}/fdinfo/${first}`, "latin1");
    return [...info.matchAll(/^tfd:\s*(\d+)\s+events:\s*([0-9a-f]+)/gm)].flatMap(([, fd, events = "0"]) =>
      Number.parseInt(events, 16) & READABLE ? [Number(fd)] : [],
    );
  }
  if (call === "poll") {
    const count = Math.min(Number(second), MAX_POLLED);
    // struct pollfd { int fd; short events; short revents; }
    const polled = await memory(pid, first, count * 8);
    return Array.from({ length: count }, (_, index) => index * 8).flatMap((at) =>
      polled.readInt16LE(at + 4) & READABLE ? [polled.readInt32LE(at)] : [],
    );
  }
  const count = Math.min(Number(first), MAX_POLLED);
  if (second === 0n) return [];
  const bits = await memory(pid, second, Math.ceil(count / 8));
  return Array.from({ length: count }, (_, fd) => fd).filter((fd) => ((bits[fd >> 3] ?? 0) >> (fd & 7)) & 1);
}

async function memory(pid: number, address: bigint, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 0) return buffer;
  const file = await fs.open(`/proc/${pid}/mem`, "r");
  try {
    await file.read({ buffer, position: address });
    return buffer;
  } finally {
    await file.close();
  }
}

async function reasonOfFiles(
  pid: number,
  descriptors: readonly number[],
  input: string | undefined,
): Promise<Reason | undefined> {
  const links = await Promise.all(descriptors.map((descriptor) => linkOf(pid, descriptor)));
  if (links.some((link) => link !== undefined && /^\/dev\/(tty|pts\/\d+|console)$/.test(link)))
    return "terminal";
  if (input !== undefined && links.includes(input)) return "stdin";
  const sockets = links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link ?? "")?.[1] ?? []);
  if (sockets.length === 0) return undefined;
  const states = await tcpStates(pid);
  if (sockets.some((inode) => states.get(inode) === TCP_LISTEN)) return "connections";
  return sockets.some((inode) => states.has(inode)) ? "network" : undefined;
}

async function linkOf(pid: number, descriptor: number): Promise<string | undefined> {
  return await fs.readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => undefined);
}

/** State of each TCP socket by its inode, in the network of the process. */
async function tcpStates(pid: number): Promise<Map<string, string>> {
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => fs.readFile(`/proc/${pid}/net/${name}`, "latin1").catch(() => "")),
  );
  const states = new Map<string, string>();
  for (const line of tables.join("\n").split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields[9] !== undefined && fields[3] !== undefined) states.set(fields[9], fields[3]);
  }
  return states;
}
