import * as z from "zod";
import type { ExitStatus } from "../../contract/process.ts";

/** How a command stands, in every structured result that tells of one. */
export const statusFields = {
  process: z.string().optional().describe("Id of the process"),
  name: z.string().optional(),
  running: z.boolean(),
  exit_code: z.int().nullable().describe("null while it runs, and when a signal ended it"),
  signal: z.string().nullable().describe("Signal that ended it"),
  timed_out: z.boolean().describe("It was ended as its time was over"),
  duration_ms: z.number().nullable().describe("From start to end"),
};

/** The same where no command may be told of. */
export const optionalStatusFields = z.object(statusFields).partial().shape;

interface Named {
  readonly id: string;
  readonly name?: string | undefined;
}

/** The fields of a command. `running`: unless it is told, one without an exit runs. */
export function statusOf(command: Named, exit: ExitStatus | undefined, running = exit === undefined) {
  return {
    process: command.id,
    ...(command.name === undefined ? {} : { name: command.name }),
    ...exitFields(exit, running),
  };
}

/** Those that tell whether and how it ended. */
export function exitFields(exit: ExitStatus | undefined, running = exit === undefined) {
  return {
    running,
    exit_code: exit?.exitCode ?? null,
    signal: exit?.signal ?? null,
    timed_out: exit?.timedOut ?? false,
    duration_ms: exit === undefined ? null : Math.round(exit.durationMs),
  };
}
