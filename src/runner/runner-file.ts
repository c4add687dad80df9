import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** What a runner says of itself in `runner.json` of its state directory (0600). */
export interface RunnerFile {
  /** Where programs of this machine reach it. */
  readonly url: string;
  /** Where it listens for everybody, which its successor does as well. */
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** When the process began, in the kernel's ticks since boot: numbers of processes are used again. */
  readonly processStart: string | undefined;
  readonly version: string;
  readonly instanceId: string;
  /** ISO time. */
  readonly startedAt: string;
  /** Name of the machine that it runs on: home directories may be shared. */
  readonly machine: string;
  /** The lock's file that it holds: in a copy of the state directory it is another one. */
  readonly lock: string | undefined;
}

const NAME = "runner.json";

export function runnerFilePath(stateDirectory: string): string {
  return join(stateDirectory, NAME);
}

/** The file that a runner locks. */
export function lockPath(stateDirectory: string): string {
  return join(stateDirectory, "runner.lock");
}

/** Which file the lock of a state directory is: device and inode; undefined where there is none. */
export function lockIdentity(stateDirectory: string): string | undefined {
  const found = statSync(lockPath(stateDirectory), { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

/** What the file says, whoever wrote it last; undefined where there is none that can be read. */
export function readRunnerFile(stateDirectory: string): RunnerFile | undefined {
  let text: string;
  try {
    text = readFileSync(runnerFilePath(stateDirectory), "utf8");
  } catch {
    return undefined;
  }
  return parseRunnerFile(text);
}

/**
 * The runner of a state directory, if its process lives and it is the one of this directory, not of the one that this is a
 * copy of. Looks at three small files and connects to nothing: every `berth` asks this.
 */
export function runningRunner(stateDirectory: string): RunnerFile | undefined {
  const file = readRunnerFile(stateDirectory);
  if (file === undefined || !isAlive(file)) return undefined;
  return file.lock === undefined || file.lock === lockIdentity(stateDirectory) ? file : undefined;
}

/** Whether the process that wrote the file still lives, on this machine. */
export function isAlive({ pid, processStart }: Pick<RunnerFile, "pid" | "processStart">): boolean {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // Another user's process is none of this state directory.
    if ((cause as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return processStart === undefined || processStart === processStartOf(pid);
}

/** Field 22 of /proc/PID/stat; undefined where there is no /proc, or no such process. */
export function processStartOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name before it may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

export function formatRunnerFile(file: RunnerFile): string {
  const { url, host, port, pid, processStart, version, instanceId, startedAt, machine, lock } = file;
  const content = {
    url,
    host,
    port,
    pid,
    process_start: processStart,
    version,
    instance_id: instanceId,
    started_at: startedAt,
    machine,
    lock,
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function parseRunnerFile(text: string): RunnerFile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { url, host, port, pid, process_start, version, instance_id, started_at, machine, lock } =
    value as Record<string, unknown>;
  if (typeof url !== "string" || !URL.canParse(url)) return undefined;
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (typeof host !== "string" || typeof port !== "number") return undefined;
  return {
    url,
    host,
    port,
    pid,
    processStart: typeof process_start === "string" ? process_start : undefined,
    version: String(version ?? ""),
    instanceId: String(instance_id ?? ""),
    startedAt: String(started_at ?? ""),
    machine: String(machine ?? ""),
    lock: typeof lock === "string" ? lock : undefined,
  };
}
