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
