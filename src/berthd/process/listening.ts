import { promises as fs, readFileSync } from "node:fs";
import { basename } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { berthError } from "../../contract/errors.ts";
import { type ListeningPort, listeningAddress, sortedPorts } from "../../contract/listening.ts";
import type { ProcessInfo } from "../../contract/process.ts";

/** State TCP_LISTEN in /proc/net/tcp. */
const LISTENS = "0A";
/** Processes that are looked at before others have their turn. */
const READS_A_TURN = 64;
/** Milliseconds for programs that are not of these processes: a machine may have very many descriptors. */
const LOOK_MS = 250;

interface Socket {
  readonly host: string;
  readonly port: number;
  readonly inode: string;
}

interface Seen {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly command: string;
}

type Owned = Pick<ProcessInfo, "id" | "pid" | "state" | "hasOrphans">;

/**
 * What listens at a TCP port of this place, with the process of these whose tree it is of: its descendant, or one in its
 * process group or session, which it stays in when its parents have ended.
 * @throws runtime.capability_unsupported: the place has no /proc/net
 */
export async function listeningPorts(processes: readonly Owned[]): Promise<ListeningPort[]> {
  const sockets = listeningSockets();
  const own = new Map<number, string>();
  for (const { id, pid, state, hasOrphans } of processes) {
    // The number of one that has ended may be another's by now.
    if (pid !== null && (state === "running" || hasOrphans === true)) own.set(pid, id);
  }
  const all = await processTable();
  const owners = new Map<number, string | undefined>();
  for (const pid of all.keys()) owners.set(pid, ownerOf(pid, all, own));
  const ownFirst = [...all.values()].sort((a, b) => rank(owners.get(a.pid)) - rank(owners.get(b.pid)));
  const wanted = new Set(sockets.map(({ inode }) => inode));
  const holders = new Map<string, Seen>();
  let endMs: number | undefined;
  for (const seen of ownFirst) {
    if (owners.get(seen.pid) === undefined) endMs ??= performance.now() + LOOK_MS;
    if (wanted.size === 0 || (endMs !== undefined && performance.now() > endMs)) break;
    for (const inode of await socketsOf(seen.pid)) if (wanted.delete(inode)) holders.set(inode, seen);
  }
  const programs = new Map<number, string>();
  for (const seen of holders.values()) programs.set(seen.pid, await programOf(seen));
  return sortedPorts(
    sockets.map(({ host, port, inode }) => {
      const pid = holders.get(inode)?.pid ?? -1;
      return { host, port, processId: owners.get(pid), command: programs.get(pid) };
    }),
  );
}

/** Name of the program's file: the kernel's own name of a process is the one of its main thread, which programs change. */
async function programOf({ pid, command }: Seen): Promise<string> {
  const file = await fs.readlink(`/proc/${pid}/exe`).catch(() => "");
  return basename(file.replace(/ \(deleted\)$/, "")) || command;
}

function rank(owner: string | undefined): number {
  return owner === undefined ? 1 : 0;
}

function listeningSockets(): Socket[] {
  const texts = ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => {
    try {
      return readFileSync(path, "latin1");
    } catch {
      // A kernel without IPv6, or another system.
      return undefined;
    }
  });
  if (texts.every((text) => text === undefined)) {
    throw berthError("runtime.capability_unsupported", {
      hop: "berthd",
      message: "ports can't be listed in this place: it has no /proc/net/tcp",
      context: { capability: "ports" },
    });
  }
  return texts.flatMap((text = "") =>
    text.split("\n").flatMap((line) => {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
      const address = state === LISTENS ? listeningAddress(local) : undefined;
      return address === undefined ? [] : { ...address, inode };
    }),
  );
}

async function processTable(): Promise<Map<number, Seen>> {
  const table = new Map<number, Seen>();
  let reads = 0;
  for (const name of await fs.readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    if (++reads % READS_A_TURN === 0) await turn();
    try {
      const text = readFileSync(`/proc/${name}/stat`, "latin1");
      const end = text.lastIndexOf(")");
      const [, parent, group, session] = text
        .slice(end + 2)
        .split(" ")
        .map(Number);
      const command = Buffer.from(text.slice(text.indexOf("(") + 1, end), "latin1").toString("utf8");
      if (parent === undefined || group === undefined || session === undefined) continue;
      table.set(Number(name), { pid: Number(name), parent, group, session, command });
    } catch {
      // Gone.
    }
  }
  return table;
}

function ownerOf(
  pid: number,
  all: ReadonlyMap<number, Seen>,
  own: ReadonlyMap<number, string>,
): string | undefined {
  const passed = new Set<number>();
  for (let at = all.get(pid); at !== undefined && !passed.has(at.pid); at = all.get(at.parent)) {
    passed.add(at.pid);
    const id = own.get(at.pid) ?? own.get(at.group) ?? own.get(at.session);
    if (id !== undefined) return id;
  }
  return undefined;
}

/** Inodes of the sockets that a process has; none of one that is gone or another user's. */
async function socketsOf(pid: number): Promise<string[]> {
  const directory = `/proc/${pid}/fd`;
  const names = await fs.readdir(directory).catch(() => []);
  const targets = await Promise.all(names.map((name) => fs.readlink(`${directory}/${name}`).catch(() => "")));
  return targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []);
}
