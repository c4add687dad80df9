import { promises as fs } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import type { ProcessInfo } from "../../contract/process.ts";
import type { LogStorage } from "./log-storage.ts";
import { OutputLog } from "./output-log.ts";
import { readStat } from "./process-table.ts";

/**
 * What is kept on the disk of a process besides its log, so that the next daemon can tell of it. No environment.
 */
const recordSchema = z.object({
  id: z.string().check(z.regex(/^[a-z0-9]+$/)),
  name: z.optional(z.string()),
  command: z.array(z.string()),
  cwd: z.string(),
  user: z.optional(z.string()),
  pid: z.nullable(z.int()),
  startTime: z.number(),
  detached: z.boolean(),
  startedAt: z.string(),
  endedAt: z.optional(z.string()),
  exitCursor: z.optional(z.int()),
  exit: z.optional(
    z.object({
      exitCode: z.nullable(z.int()),
      signal: z.nullable(z.string()),
      timedOut: z.boolean(),
      durationMs: z.number(),
    }),
  ),
  /** Daemon that ran it. */
  bootId: z.string(),
  lost: z.optional(z.boolean()),
});
export type ProcessRecord = z.infer<typeof recordSchema>;

const RECORD_NAME = "process.json";

export async function writeRecord(directory: string, record: ProcessRecord): Promise<void> {
  await fs.mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = join(directory, `${RECORD_NAME}.new`);
  await fs.writeFile(temporary, JSON.stringify(record), { mode: 0o600 });
  await fs.rename(temporary, join(directory, RECORD_NAME));
}

/** A process of an earlier daemon: finished, or lost with it. */
export interface RecoveredProcess {
  readonly record: ProcessRecord;
  readonly log: OutputLog;
}

/**
 * Reads what earlier daemons left in `directory`, ends what still runs of them (only where pid and start time
 * match), marks the rest lost, and removes what is older than `retentionMs`.
 */
export async function recoverProcesses(
  directory: string,
  storage: LogStorage,
  retentionMs: number,
): Promise<RecoveredProcess[]> {
  const names = await fs.readdir(directory).catch(() => [] as string[]);
  const recovered = await Promise.all(
    names.map((name) => recoverOne(join(directory, name), storage, retentionMs)),
  );
  return recovered.filter((entry) => entry !== undefined);
}

async function recoverOne(
  directory: string,
  storage: LogStorage,
  retentionMs: number,
): Promise<RecoveredProcess | undefined> {
  try {
    const record = recordSchema.parse(JSON.parse(await fs.readFile(join(directory, RECORD_NAME), "utf8")));
    if (record.exit === undefined && record.lost !== true) {
      await endLeftover(record);
      Object.assign(record, { lost: true, endedAt: new Date().toISOString() });
      await writeRecord(directory, record);
    }
    if (Date.now() - Date.parse(record.endedAt ?? record.startedAt) > retentionMs) {
      await fs.rm(directory, { recursive: true, force: true });
      return undefined;
    }
    const log = await OutputLog.recover({ directory, storage, limitBytes: Number.MAX_SAFE_INTEGER });
    return { record, log };
  } catch {
    // Without a readable record nothing can be said about it; what it holds is of no use to anybody.
    await fs.rm(directory, { recursive: true, force: true }).catch(() => {});
    return undefined;
  }
}

async function endLeftover(record: ProcessRecord): Promise<void> {
  if (record.pid === null || record.startTime === 0) return;
  const stat = await readStat(record.pid);
  if (stat === undefined || stat.startTime !== record.startTime) return;
  try {
    process.kill(-record.pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

export function recoveredInfo({ record, log }: RecoveredProcess): ProcessInfo {
  return {
    id: record.id,
    name: record.name,
    command: record.command,
    cwd: record.cwd,
    user: record.user,
    pid: null,
    state: record.lost === true ? "lost" : "exited",
    tty: null,
    detached: record.detached,
    startedAt: record.startedAt,
    endedAt: record.endedAt,
    exit: record.exit,
    outputEnd: log.end,
    outputStart: log.start,
  };
}
