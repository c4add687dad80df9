import * as z from "zod";
import { isBerthError } from "../../contract/errors.ts";
import type { ExitStatus } from "../../contract/process.ts";
import { parseSignal, type SignalName } from "../../contract/signals.ts";
import { inputOf, type ToolDefinition } from "../define.ts";
import type { Commands } from "./commands.ts";
import type { Known } from "./known.ts";
import { called, ended } from "./say.ts";
import { statusFields, statusOf } from "./status.ts";

/** Signals that mean the end: when the process does not obey within the grace, KILL follows, to its whole tree. */
const ENDING: readonly SignalName[] = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT", "SIGKILL"];

export interface BashKillInput {
  readonly process: string;
  readonly signal?: string | undefined;
}

const output = z.object({
  ...statusFields,
  left: z.int().optional().describe("Processes of its tree that could not be ended"),
});
export type BashKillOutput = z.output<typeof output>;

export function bashKillTool(commands: Commands): ToolDefinition<BashKillInput, BashKillOutput> {
  return {
    name: "bash_kill",
    title: "End a background command",
    description:
      "Ends a background command with everything that it has started: by SIGTERM (or SIGINT, SIGQUIT, SIGABRT), and by SIGKILL when it does not obey within two seconds. Other signals (SIGHUP, SIGUSR1, SIGUSR2, SIGSTOP, SIGCONT) are only sent. One that has ended already is no error.",
    input: inputOf({
      process: z.string().min(1).describe("Id or name"),
      signal: z.string().optional().describe("Default SIGTERM"),
    }),
    output,
    readOnly: false,
    destructive: true,
    run: async (input, call) => {
      const signal = parseSignal(input.signal ?? "SIGTERM");
      const known = await commands.known.find(input.process, call.signal);
      const { process } = known;
      let left: number | undefined;
      if (ENDING.includes(signal)) ({ left } = await process.kill(signal));
      else await sendSignal(process, signal);
      const exit = await exitOf(known, left === 0, call.signal);
      if (exit !== undefined) known.exit = exit;
      const status =
        exit === undefined ? (ENDING.includes(signal) ? "still running" : `got ${signal}`) : ended(exit);
      const remains =
        left === undefined || left === 0 ? "" : `\n${left} of its processes could not be ended.`;
      return {
        content: `[${called(process)}: ${status}]${remains}`,
        output: {
          ...statusOf(process, exit),
          ...(left === undefined ? {} : { left }),
        },
      };
    },
  };
}

/** How it ended, undefined while it runs: of one that the conversation has started that is told, and not asked for. */
async function exitOf(known: Known, ended: boolean, signal: AbortSignal): Promise<ExitStatus | undefined> {
  const { process, owned } = known;
  const asked = process.info({ signal }).then((info) => info.exit);
  if (!owned || !ended) return await asked;
  return await Promise.race([process.exit.catch(() => asked), asked.catch(() => process.exit)]);
}

/** One that has ended meanwhile needs no signal any more. */
async function sendSignal(
  process: { signal(name: SignalName): Promise<void> },
  signal: SignalName,
): Promise<void> {
  try {
    await process.signal(signal);
  } catch (error) {
    if (!isBerthError(error, "process.finished")) throw error;
  }
}
