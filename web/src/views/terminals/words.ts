import type { Process } from "../../state/store.ts";
import { shortDuration } from "../../ui/format.ts";
import { visible } from "../../ui/visible.ts";

/** "ended with code 0 after 3 min". */
export function endWords(exit: NonNullable<Process["exit"]>): string {
  const after = ` after ${shortDuration(exit.duration_ms)}`;
  if (exit.timed_out) return `timed out${after}`;
  return exit.signal === null
    ? `ended with code ${exit.exit_code}${after}`
    : `ended by ${exit.signal}${after}`;
}

/** What a terminal is called: by its name, else by its command. */
export function terminalName({ name, command, id }: Pick<Process, "name" | "command" | "id">): string {
  if (name !== null) return visible(name);
  const [program = id, ...rest] = command;
  const base = program.slice(program.lastIndexOf("/") + 1);
  const script = rest[0] === "-c" ? rest[1] : undefined;
  const words = (script ?? [base, ...rest].join(" ")).replaceAll(/\s+/g, " ");
  return visible(words.length > 40 ? `${words.slice(0, 39)}…` : words);
}

/** The name, or the first of NAME-2, NAME-3, … that no running process has. */
export function freeName(base: string, processes: readonly Pick<Process, "name" | "state">[]): string {
  const taken = new Set(processes.flatMap(({ name, state }) => (state === "running" ? [name] : [])));
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? base : `${base}-${number}`;
    if (!taken.has(candidate)) return candidate;
  }
}

/** Why what was typed goes nowhere. */
export type Refusal = "opening" | "viewer" | "lost" | "ended";

export const REFUSALS: Readonly<Record<Refusal, string>> = {
  opening: "Not sent: the terminal is still being opened. Type it again in a moment.",
  viewer: "Not sent: somebody else types here. Take over to type.",
  lost: "Not sent: the connection is lost. Type it again when it is back.",
  ended: "Not sent: the command has ended.",
};
