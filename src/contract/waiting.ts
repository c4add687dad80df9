/**
 * What keeps a process. "terminal": it reads from one, for somebody to type; "stdin": input of its command; "lock": a file
 * that another holds; "stopped": a signal stopped it; "connections": it listens, as a server does; "network": a
 * connection or an answer; "timer": it sleeps; "cpu": nothing, it computes.
 */
export const WAIT_REASONS = [
  "terminal",
  "stdin",
  "lock",
  "stopped",
  "connections",
  "network",
  "timer",
  "cpu",
] as const;

/** A process of a command's tree and what kept it, seen at one moment. */
export interface WaitingFor {
  readonly pid: number;
  /** Name of its program, without arguments. */
  readonly command: string;
  readonly reason: (typeof WAIT_REASONS)[number];
}

const DOING: Readonly<Record<WaitingFor["reason"], string>> = {
  terminal: "was waiting for somebody to type",
  stdin: "was waiting for input",
  lock: "was waiting for a file that another process has locked",
  stopped: "had been stopped by a signal",
  connections: "was waiting for connections, as a server does",
  network: "was waiting for the network, for a connection or an answer",
  timer: "was sleeping",
  cpu: "was computing",
};

/** For people and models, without a full stop: "`cat` was waiting for input". */
export function waitingText({ command, reason }: WaitingFor): string {
  return `\`${command}\` ${DOING[reason]}`;
}
