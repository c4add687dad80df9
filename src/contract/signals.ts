import { berthError } from "./errors.ts";

/** The signals that can be sent to a process (SEMANTICS, Commands 14), with their Linux numbers. */
export const SIGNAL_NUMBERS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGWINCH: 28,
} as const;

export type SignalName = keyof typeof SIGNAL_NUMBERS;

/** Names of all Linux signals that can end a process, for reporting how one ended. */
const OTHER_NAMES: Record<number, string> = {
  4: "SIGILL",
  5: "SIGTRAP",
  7: "SIGBUS",
  8: "SIGFPE",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  16: "SIGSTKFLT",
  20: "SIGTSTP",
  21: "SIGTTIN",
  22: "SIGTTOU",
  23: "SIGURG",
  24: "SIGXCPU",
  25: "SIGXFSZ",
  26: "SIGVTALRM",
  27: "SIGPROF",
  29: "SIGIO",
  30: "SIGPWR",
  31: "SIGSYS",
};

const NAMES_BY_NUMBER: Record<number, string> = {
  ...OTHER_NAMES,
  ...Object.fromEntries(Object.entries(SIGNAL_NUMBERS).map(([name, number]) => [number, name])),
};

/** "SIGKILL" for 9; "SIG<n>" for numbers without a name (real-time signals). */
export function signalName(number: number): string {
  return NAMES_BY_NUMBER[number] ?? `SIG${number}`;
}

/** Number of any signal name that a process can have died of; undefined when the name is unknown. */
export function signalNumber(name: string): number | undefined {
  for (const [number, known] of Object.entries(NAMES_BY_NUMBER)) if (known === name) return Number(number);
  const match = /^SIG(\d+)$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

/**
 * Accepts "SIGTERM", "TERM", "term" and numbers of supported signals.
 * @throws process.signal_unsupported for every other one; none is ever turned into a kill.
 */
export function parseSignal(value: string | number): SignalName {
  const text = String(value).toUpperCase();
  const name = /^\d+$/.test(text) ? signalName(Number(text)) : text.startsWith("SIG") ? text : `SIG${text}`;
  if (Object.hasOwn(SIGNAL_NUMBERS, name)) return name as SignalName;
  throw berthError("process.signal_unsupported", { context: { signal: String(value) } });
}
