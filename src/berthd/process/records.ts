import { promises as fs } from "node:fs";
import { basename, join } from "node:path";
import * as z from "zod/mini";
import type { OutputFile, ProcessInfo } from "../../contract/process.ts";
import { WAIT_REASONS } from "../../contract/waiting.ts";
import type { LogStorage } from "./log-storage.ts";
import { OutputLog } from "./output-log.ts";
import { readStat } from "./process-table.ts";

/**
 * What is kept on the disk of a process besides its log, so that the next daemon can tell of it. No environment.
 */
const recordSchema = z.object({
  id: z.string().check(z.regex(/^[a-z0-9]+$/)),
  name: z.optional(z.string()),
  workspace: z.optional(z.string()),
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
      waiting: z.optional(z.object({ pid: z.int(), command: z.string(), reason: z.enum(WAIT_REASONS) })),
    }),
  ),
  /** Daemon that ran it. */
  bootId: z.string(),
  lost: z.optional(z.boolean()),
  outputFile: z.optional(z.string()),
  outputFileCut: z.optional(z.object({ at: z.int(), reason: z.enum(["limit", "disk"]) })),
});
export type ProcessRecord = z.infer<typeof recordSchema>;

const RECORD_NAME = "process.json";
/** Beside the record, where the log is kept elsewhere: a link to its directory. */
export const LOG_LINK = "log";

export async function writeRecord(directory: string, record: ProcessRecord): Promise<void> {
  await fs.mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = join(directory, `${RECORD_NAME}.new`);
  await fs.writeFile(temporary, JSON.stringify(record), { mode: 0o600 });
  await fs.rename(temporary, join(directory, RECORD_NAME));
}

/** A process of an earlier daemon: finished, or lost with it. */
export interface RecoveredProcess {
  readonly record: ProcessRecord;
  /** Of the record. */
  readonly directory: string;
  readonly log: OutputLog;
  /** It was this daemon that found it lost. */
  readonly lostNow: boolean;
}

/**
 * Reads what earlier daemons left under `names` in `directory`, ends what still runs of them (only where pid and
 * start time match), marks the rest lost, and removes what is older than `retentionMs`. In the order of their end.
 */
export async function recoverProcesses(
  directory: string,
  names: readonly string[],
  storage: LogStorage,
  retentionMs: number,
): Promise<RecoveredProcess[]> {
  const recovered = await Promise.all(
    names.map((name) => recoverOne(join(directory, name), storage, retentionMs)),
  );
  return recovered
    .filter((entry) => entry !== undefined)
    .sort((a, b) => recoveredEnd(a.record) - recoveredEnd(b.record));
}

async function recoverOne(
  directory: string,
  storage: LogStorage,
  retentionMs: number,
): Promise<RecoveredProcess | undefined> {
  const record = await readRecord(directory);
  const lostNow = record !== undefined && record.exit === undefined && record.lost !== true;
  if (lostNow) {
    await endLeftover(record);
    Object.assign(record, { lost: true, endedAt: new Date().toISOString() });
    await writeRecord(directory, record).catch(() => {
      // A full disk; the next daemon comes to the same conclusion.
    });
  }
  const options = {
    directory: await logDirectoryOf(directory),
    storage,
    limitBytes: Number.MAX_SAFE_INTEGER,
  };
  // A log that can't be read is an empty one.
  const log = await OutputLog.recover(options).catch(() => new OutputLog(options));
  // Without a readable record nothing can be said about it; what it holds is of no use to anybody.
  if (record !== undefined && Date.now() - recoveredEnd(record) <= retentionMs) {
    return { record, directory, log, lostNow };
  }
  await removeProcess(directory, log);
  return undefined;
}

async function logDirectoryOf(directory: string): Promise<string> {
  const elsewhere = await fs.readlink(join(directory, LOG_LINK)).catch(() => undefined);
  // All that is in it will be removed: it has to be one of this process.
  return elsewhere !== undefined && basename(elsewhere) === basename(directory) ? elsewhere : directory;
}

/** Removes the log, wherever it is, and the record. What can't be removed now is found by the next daemon. */
export async function removeProcess(directory: string | undefined, log: OutputLog): Promise<void> {
  const removed = await log.close({ remove: true }).then(
    () => true,
    () => false,
  );
  if (removed && directory !== undefined && directory !== log.directory) {
    await fs.rm(directory, { recursive: true, force: true }).catch(() => {});
  }
}

async function readRecord(directory: string): Promise<ProcessRecord | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await fs.readFile(join(directory, RECORD_NAME), "utf8")));
  } catch {
    return undefined;
  }
}

/** When it ended, as far as that is known. */
export function recoveredEnd(record: ProcessRecord): number {
  return Date.parse(record.endedAt ?? record.startedAt);
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

/** The file with its output; of a lost process there may be more output than the file has. */
export function recoveredFile({ record }: RecoveredProcess): OutputFile {
  const { outputFile, outputFileCut } = record;
  if (outputFile === undefined) return {};
  return { outputFile, ...(outputFileCut === undefined ? {} : { outputFileCut }) };
}

export function recoveredInfo(recovered: RecoveredProcess): ProcessInfo {
  const { record, log } = recovered;
  return {
    id: record.id,
    name: record.name,
    workspace: record.workspace,
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
    ...recoveredFile(recovered),
  };
}
