import * as z from "zod";
import type { ProcessInfo } from "../../contract/process.ts";
import { firstBytes, formatNumber, shorten } from "../cut.ts";
import { type Done, inputOf, type RunningCall, type ToolDefinition } from "../define.ts";
import type { Commands } from "./commands.ts";
import type { WaitFor } from "./look.ts";
import { commandReport } from "./report.ts";
import { commandText, duration, ended } from "./say.ts";
import { optionalStatusFields, statusFields, statusOf } from "./status.ts";

const DEFAULT_WAIT_MS = 30_000;
/** Of a command in the list. */
const MAX_COMMAND_BYTES = 200;

const listed = z.object({
  ...statusFields,
  command: z.string(),
  started_at: z.string(),
  output_bytes: z.number(),
  unread_bytes: z.number().optional().describe("Written since this conversation looked last"),
});

const output = z.object({
  ...optionalStatusFields,
  output: z.string().optional().describe("What was written since the last look, as the model is shown it"),
  cut: z.boolean().optional().describe("`output` is not all of that"),
  output_bytes: z.number().optional().describe("Bytes written until here"),
  output_file: z.string().optional().describe("Path in the place of all that was written"),
  cursor: z.number().optional().describe("Where the next look begins"),
  found: z.boolean().optional().describe("What was waited for has come"),
  processes: z.array(listed).optional().describe("When no process was named"),
});
export type BashOutputOutput = z.output<typeof output>;

/** What every tool takes that waits for output. */
export function waitFields({ maxTimeoutMs }: Commands) {
  return {
    wait_for: z
      .string()
      .min(1)
      .optional()
      .describe("A regular expression: wait until new output matches it, or the process ends"),
    wait: z
      .enum(["output", "exit"])
      .optional()
      .describe('"output": wait until it has written something and pauses. "exit": until it ends'),
    timeout_ms: z
      .int()
      .min(1)
      .max(maxTimeoutMs)
      .optional()
      .describe(`Milliseconds to wait at most. Default ${DEFAULT_WAIT_MS}`),
  };
}

export interface WaitInput {
  readonly wait_for?: string | undefined;
  readonly wait?: "output" | "exit" | undefined;
  readonly timeout_ms?: number | undefined;
}

export function waitOf({ wait_for, wait, timeout_ms }: WaitInput): {
  wait: WaitFor | undefined;
  timeoutMs: number;
} {
  return {
    wait: wait_for === undefined ? wait : { pattern: wait_for },
    timeoutMs: timeout_ms ?? DEFAULT_WAIT_MS,
  };
}

export interface BashOutputInput extends WaitInput {
  readonly process?: string | undefined;
  readonly from?: number | undefined;
}

export function bashOutputTool(commands: Commands): ToolDefinition<BashOutputInput, BashOutputOutput> {
  return {
    name: "bash_output",
    title: "Output of a background command",
    description: [
      "Reads what a background command has written since you looked last, and says whether it runs or how it ended.",
      "Returns at once, unless it is to wait: for a pattern, for output, or for the end; never longer than timeout_ms. Wait instead of asking again and again.",
      "Without a process it lists what runs in the place, and what this conversation has started.",
    ].join("\n"),
    input: inputOf({
      process: z.string().min(1).optional().describe("Id or name"),
      ...waitFields(commands),
      from: z
        .int()
        .min(0)
        .optional()
        .describe("Read again from this byte of its output on, 0 is its beginning"),
    }),
    output,
    readOnly: true,
    destructive: false,
    run: async (input, call) => {
      if (input.process === undefined) return await list(commands, call);
      const known = await commands.known.find(input.process, call.signal);
      return await commandReport(commands, known, { ...waitOf(input), call, from: input.from });
    },
  };
}

async function list(commands: Commands, call: RunningCall): Promise<Done<BashOutputOutput>> {
  const all = await commands.context.runtime.processes({ signal: call.signal });
  const shown = all.filter(({ id, state }) => state === "running" || commands.known.get(id) !== undefined);
  const processes = shown.map((info) => {
    const known = commands.known.get(info.id);
    return {
      ...statusOf(info, info.exit, info.state === "running"),
      command: shortCommand(commandText(info)),
      started_at: info.startedAt,
      output_bytes: info.outputEnd,
      ...(known === undefined ? {} : { unread_bytes: Math.max(0, info.outputEnd - known.cursor) }),
    };
  });
  const lines = shown.map((info, index) =>
    listLine(info, processes[index]?.unread_bytes, processes[index]?.command ?? ""),
  );
  return {
    content: lines.length === 0 ? "(nothing runs)" : shorten(lines.join("\n"), commands.context.limits).text,
    output: { processes },
  };
}

function listLine(info: ProcessInfo, unread: number | undefined, command: string): string {
  const since = duration(Math.max(0, Date.now() - Date.parse(info.startedAt)));
  const state =
    info.exit === undefined ? (info.state === "lost" ? "lost" : `running for ${since}`) : ended(info.exit);
  const name = info.name === undefined ? "" : ` (${info.name})`;
  const news = unread === undefined || unread === 0 ? "" : `, ${formatNumber(unread)} bytes not read yet`;
  return `${info.id}${name}: ${state}${news}: ${command}`;
}

function shortCommand(command: string): string {
  const line = command.replaceAll(/\s*\n\s*/g, " ⏎ ");
  const short = firstBytes(line, MAX_COMMAND_BYTES);
  return short === line ? line : `${short}…`;
}
