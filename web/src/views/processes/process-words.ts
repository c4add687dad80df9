import type { Process } from "../../state/store.ts";
import { shortDuration } from "../../ui/format.ts";

const CONTROL = /[\x00-\x1f\x7f]/;

/** A word as one would write it in a shell, on one line. To be read and copied; nothing is run by it. */
function shownWord(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  if (!CONTROL.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  const escaped = word
    .replaceAll("\\", "\\\\")
    .replaceAll("'", "\\'")
    .replaceAll("\n", "\\n")
    .replaceAll("\t", "\\t")
    .replaceAll("\r", "\\r")
    .replaceAll(/[\x00-\x1f\x7f]/g, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `$'${escaped}'`;
}

/** A command as a shell would read it; of one that a shell runs, its script. */
export function commandText(command: readonly string[]): string {
  const [shell = "", flag, script, ...rest] = command;
  if (flag === "-c" && script !== undefined && rest.length === 0 && /(?:^|\/)(?:ba|da|z|k|a)?sh$/.test(shell))
    return script;
  return command.map(shownWord).join(" ");
}

export type ProcessKind = "terminal" | "background" | "command";

/** A command is bound to whoever reads it; what is in the background runs until it ends. */
export function kindOf({ tty, detached }: Pick<Process, "tty" | "detached">): ProcessKind {
  if (tty !== null) return "terminal";
  return detached ? "background" : "command";
}

export const SIGNALS = [
  { name: "HUP", meaning: "terminal closed, or read settings again" },
  { name: "INT", meaning: "interrupt, as Ctrl-C" },
  { name: "QUIT", meaning: "quit with a core dump" },
  { name: "TERM", meaning: "end in order" },
  { name: "KILL", meaning: "end at once" },
  { name: "STOP", meaning: "pause" },
  { name: "CONT", meaning: "go on" },
  { name: "USR1", meaning: "the program's own" },
  { name: "USR2", meaning: "the program's own" },
] as const;

const DEATHS: Readonly<Record<string, string>> = {
  SIGABRT: "it aborted itself",
  SIGBUS: "bad memory access",
  SIGFPE: "bad arithmetic",
  SIGHUP: "its terminal or client was gone",
  SIGILL: "bad instruction",
  SIGINT: "interrupted",
  SIGKILL: "killed",
  SIGPIPE: "nobody read its output",
  SIGSEGV: "bad memory access",
  SIGTERM: "asked to end",
  SIGXCPU: "its limit of processor time",
};

interface StateWords {
  readonly tone: "good" | "warn" | "bad" | "accent" | "soft";
  readonly text: string;
  /** What may have happened, and what to do. */
  readonly advice?: string | undefined;
}

type Stated = Pick<Process, "state" | "exit" | "has_orphans">;

/** State of a process in words, and what its end means. */
export function stateWords({ state, exit, has_orphans: hasOrphans }: Stated): StateWords {
  if (state === "running") return { tone: "accent", text: "running" };
  if (state === "lost")
    return {
      tone: "bad",
      text: "lost",
      advice:
        "The daemon that ran it ended, and the process with it. Its output up to then is still there. Run it again; the workspace's events say when the place was lost.",
    };
  if (exit === null) return { tone: "soft", text: "ended" };
  if (exit.timed_out) {
    const waiting = exit.waiting && ` It was waiting: ${exit.waiting.command} (${exit.waiting.reason}).`;
    return {
      tone: "bad",
      text: `timed out after ${shortDuration(exit.duration_ms)}`,
      advice: `It took longer than its limit and was ended.${waiting ?? ""} Give it more time, or run it in the background.`,
    };
  }
  if (exit.signal !== null) return { tone: "bad", text: exit.signal, advice: signalAdvice(exit.signal) };
  if (exit.exit_code === 0)
    return {
      tone: "good",
      text: "succeeded",
      advice: hasOrphans ? "Processes that it started are still running." : undefined,
    };
  return { tone: "bad", text: `exit ${exit.exit_code}`, advice: exitAdvice(exit.exit_code ?? 0) };
}

function signalAdvice(signal: string): string {
  const meaning = DEATHS[signal];
  const text = `Ended by ${signal}${meaning === undefined ? "" : `: ${meaning}`}.`;
  return signal === "SIGKILL"
    ? `${text} If nobody did that, the place may have run out of memory: look at its limits.`
    : text;
}

/** What shells and systems mean by an exit code (POSIX 2.8.2), where they mean something. */
function exitAdvice(code: number): string | undefined {
  if (code === 126)
    return "The command was found but could not be executed: it may lack the permission (chmod +x).";
  if (code === 127) return "The shell did not find a command: check its name and the PATH of the place.";
  if (code === 124) return "124 is what timeout(1) ends with when its time is over.";
  if (code === 130) return "130 is how shells tell of an interrupt (SIGINT).";
  if (code === 137) return "137 is how shells tell of SIGKILL: the place may have run out of memory.";
  if (code === 143) return "143 is how shells tell of SIGTERM: it was asked to end.";
  return undefined;
}

/** Milliseconds that it ran until it ended, or until now. */
export function ranFor({ started_at, ended_at, exit }: Process, now: number): number {
  if (exit !== null) return exit.duration_ms;
  return Math.max(0, (ended_at === null ? now : Date.parse(ended_at)) - Date.parse(started_at));
}

/** Digits that stay where they are while time goes on: "7.2 s", "4 min 07 s", "3 h 05 min". */
export function runDuration(ms: number): string {
  if (ms < 60_000) return shortDuration(ms);
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${two(Math.floor(seconds / 3600) % 24)} h`;
}

export const STATES = ["running", "succeeded", "failed", "lost"] as const;
export type StateFilter = (typeof STATES)[number] | "all";

/** Running ones first, each part with the newest first; those that the filter leaves. */
export function shownProcesses(
  all: readonly Process[],
  { text, state }: { readonly text: string; readonly state: StateFilter },
): { readonly running: readonly Process[]; readonly ended: readonly Process[] } {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter((process) => {
    if (state !== "all" && stateGroup(process) !== state) return false;
    const hay = [
      process.name ?? "",
      commandText(process.command),
      process.id,
      String(process.pid ?? ""),
      process.cwd,
    ]
      .join("\n")
      .toLowerCase();
    return words.every((word) => hay.includes(word));
  });
  const newest = (one: Process, other: Process) =>
    Date.parse(other.started_at) - Date.parse(one.started_at) || (one.id < other.id ? -1 : 1);
  return {
    running: found.filter(({ state }) => state === "running").sort(newest),
    ended: found.filter(({ state }) => state !== "running").sort(newest),
  };
}

function stateGroup({ state, exit }: Process): (typeof STATES)[number] {
  if (state === "running" || state === "lost") return state;
  return exit?.exit_code === 0 && !exit.timed_out ? "succeeded" : "failed";
}

/** Environment as `NAME=value` lines; what is no such line is told. */
export function environmentOf(text: string): {
  readonly env: Readonly<Record<string, string>>;
  readonly problem?: string;
} {
  const env: Record<string, string> = {};
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const [, name, value] = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      return { env, problem: `“${line.trim().slice(0, 40)}” is not NAME=value` };
    env[name] = value;
  }
  return { env };
}

/** Milliseconds of "30", "30 s", "5 min", "1.5 h"; undefined for what is no duration. */
export function durationMs(text: string): number | undefined {
  const [, digits, unit = "s"] = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)?\s*$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 }[unit];
  const ms = digits === undefined || factor === undefined ? 0 : Math.round(Number(digits) * factor);
  return ms >= 1 && ms <= Number.MAX_SAFE_INTEGER ? ms : undefined;
}

/** Ports of this machine that a text names by an address such as http://localhost:3000. */
export function portsIn(text: string): number[] {
  const found = text.matchAll(/\bhttps?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):(\d{1,5})\b/gi);
  const ports = [...found].map((match) => Number(match[1])).filter((port) => port >= 1 && port <= 65_535);
  return [...new Set(ports)];
}
