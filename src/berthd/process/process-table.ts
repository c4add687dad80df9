import { promises as fs } from "node:fs";

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

/**
 * Live processes that descend from `root`, are in its group, or were known before (pid → start time) and still
 * are the same. Zombies don't count. Empty where there is no /proc.
 */
export async function descendants(
  root: number,
  known: ReadonlyMap<number, number>,
): Promise<Map<number, number>> {
  const names = await fs.readdir("/proc").catch(() => []);
  const stats = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((name) => readStat(Number(name))),
  );
  const live = stats.filter((stat): stat is ProcessStat => stat !== undefined && stat.state !== "Z");
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
