import { execFile } from "node:child_process";
import { promises as fs, readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Processes that are looked at before others have their turn. */
const READS_A_TURN = 64;

/** What tells one process from another that later has the same pid. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Clock ticks since boot. */
  readonly startTime: number;
  readonly state: string;
}

/** Fields of /proc/<pid>/stat; the command's name may hold blanks and parentheses. */
export function parseStat(text: string): ProcessStat | undefined {
  const end = text.lastIndexOf(")");
  if (end === -1) return undefined;
  const fields = text.slice(end + 2).split(" ");
  const pid = Number.parseInt(text, 10);
  return {
    pid,
    state: fields[0] ?? "",
    parent: Number(fields[1]),
    group: Number(fields[2]),
    startTime: Number(fields[19]),
  };
}

export async function readStat(pid: number): Promise<ProcessStat | undefined> {
  try {
    return parseStat(await fs.readFile(`/proc/${pid}/stat`, "latin1"));
  } catch {
    // Gone, or no /proc in this place.
    return undefined;
  }
}

/** A line of `ps -A -o pid=,ppid=,pgid=,stat=,lstart=`, which macOS and the BSDs have as well. */
export function parsePsLine(line: string): ProcessStat | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S)\S*\s+(\S.*)$/.exec(line);
  if (match === null) return undefined;
  const [, pid, parent, group, state = "", started = ""] = match;
  const startTime = Date.parse(started.trim());
  return { pid: Number(pid), parent: Number(parent), group: Number(group), state, startTime };
}

async function procTable(): Promise<ProcessStat[]> {
  const names = await fs.readdir("/proc").catch(() => []);
  const stats: ProcessStat[] = [];
  let reads = 0;
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    if (++reads % READS_A_TURN === 0) await turn();
    try {
      // Takes 20 µs and waits for nothing; by the pool's threads it would take as many turns of a busy machine.
      const stat = parseStat(readFileSync(`/proc/${name}/stat`, "latin1"));
      if (stat !== undefined) stats.push(stat);
    } catch {
      // Gone.
    }
  }
  return stats;
}

/** All processes by `ps`; none where there is no `ps`, or one that needs /proc. */
export async function psTable(): Promise<ProcessStat[]> {
  const columns = ["pid", "ppid", "pgid", "stat", "lstart"].flatMap((name) => ["-o", `${name}=`]);
  const env = { ...process.env, LC_ALL: "C" };
  const listed = await run("ps", ["-A", ...columns], { env, maxBuffer: 64 * 1024 * 1024 }).catch(
    () => undefined,
  );
  if (listed === undefined) return [];
  return listed.stdout.split("\n").flatMap((line) => parsePsLine(line) ?? []);
}

/** All processes that can be seen. */
export async function processTable(): Promise<ProcessStat[]> {
  const table = await procTable();
  return table.length > 0 ? table : psTable();
}

/** "best-effort" where descent can be seen, else "group": of a command, only its process group is known. */
export async function treeKnowledge(): Promise<"best-effort" | "group"> {
  return (await processTable()).length > 0 ? "best-effort" : "group";
}

/**
 * Live processes that descend from `root`, are in its group, or were known before (pid → start time) and still
 * are the same. Zombies don't count. Where no process can be seen, `root` as long as there is one of its group.
 */
export async function descendants(
  root: number,
  known: ReadonlyMap<number, number>,
): Promise<Map<number, number>> {
  const stats = await processTable();
  if (stats.length === 0) return groupLives(root) ? new Map([[root, 0]]) : new Map();
  const live = stats.filter(({ state }) => state !== "Z");
  const found = new Map<number, number>();
  for (const stat of live) {
    if (stat.pid === root || stat.group === root || known.get(stat.pid) === stat.startTime) {
      found.set(stat.pid, stat.startTime);
    }
  }
  for (let grown = true; grown; ) {
    grown = false;
    for (const stat of live) {
      if (found.has(stat.pid) || !found.has(stat.parent)) continue;
      found.set(stat.pid, stat.startTime);
      grown = true;
    }
  }
  return found;
}

function groupLives(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
