import * as z from "zod";
import { formatNumber } from "../cut.ts";
import { type Done, inputOf, type RunningCall, type ToolDefinition } from "../define.ts";
import { advice } from "./advice.ts";
import { requireForeground, startInBackground } from "./background.ts";
import type { Commands } from "./commands.ts";
import { cutAbove, present } from "./present.ts";
import type { Ran } from "./run.ts";
import { called, ended, wholeOutput } from "./say.ts";
import { exitFields, statusFields } from "./status.ts";

export interface BashInput {
  readonly command: string;
  readonly description?: string | undefined;
  readonly timeout_ms?: number | undefined;
  readonly cwd?: string | undefined;
  readonly background?: boolean | undefined;
  readonly name?: string | undefined;
  readonly tty?: boolean | undefined;
  readonly stays?: boolean | undefined;
  readonly wait_for?: string | undefined;
}

const output = z.object({
  ...statusFields,
  output: z
    .string()
    .describe("What the command wrote, both streams in the order written, as the model is shown it"),
  cut: z.boolean().describe("`output` is not everything"),
  output_bytes: z.number().describe("Bytes written in all"),
  output_file: z.string().optional().describe("Path in the place of all that was written"),
  cursor: z.number().optional().describe("Of a background command: where the next look begins"),
  found: z.boolean().optional().describe("What was waited for has come"),
});
export type BashOutput = z.output<typeof output>;

export function bashTool(commands: Commands): ToolDefinition<BashInput, BashOutput> {
  return {
    name: "bash",
    title: "Run a command",
    description: describe(commands),
    input: inputSchema(commands),
    output,
    readOnly: false,
    destructive: true,
    run: (input, call) =>
      input.background === true
        ? startInBackground(commands, input, call)
        : runCommand(commands, input, call),
  };
}

/** A field that means nothing in the place is not offered. */
function inputSchema({ context, maxTimeoutMs, timeoutMs, canFollow }: Commands): z.ZodType<BashInput> {
  const { daemon } = context.runtime.capabilities;
  const all = inputOf({
    command: z.string().min(1).describe("What the shell runs"),
    description: z.string().optional().describe("What it does, in 5 to 10 words, for people"),
    timeout_ms: z
      .int()
      .min(1)
      .max(maxTimeoutMs)
      .optional()
      .describe(`Milliseconds until it is ended. Default ${timeoutMs}`),
    cwd: z
      .string()
      .min(1)
      .optional()
      .describe(`Directory to run in, inside of ${context.root}, which is the default`),
    background: z
      .boolean()
      .optional()
      .describe("Return at once and let it run on, with no timeout: servers, watchers, whatever takes long"),
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
      .optional()
      .describe("With background: a name to speak of it by, instead of its id"),
    wait_for: z
      .string()
      .min(1)
      .optional()
      .describe(
        "With background: a regular expression; return when the output matches it, the command ends, or timeout_ms is over",
      ),
    tty: z.boolean().optional().describe("With background: give it a terminal"),
    stays: z.boolean().optional().describe("With background: it runs on when this conversation ends"),
  });
  if (!canFollow) return all.pick({ command: true, description: true, timeout_ms: true, cwd: true });
  return daemon ? all : all.omit({ stays: true });
}

function describe(commands: Commands): string {
  const { context, shell, timeoutMs, maxTimeoutMs, canFollow } = commands;
  const { maxBytes, maxLines } = context.limits;
  const { tty } = context.runtime.capabilities;
  const lines = [
    `Runs a command in ${shell.name === "bash" ? "bash" : "sh (POSIX; there is no bash here)"}, on ${context.runtime.description}, in ${context.root}. Every call is a shell of its own: cd and variables don't carry over.`,
    `stdout and stderr come together, in the order written; the last line says how the command ended. Output above ${formatNumber(maxBytes)} bytes or ${formatNumber(maxLines)} lines is cut in the middle${commands.canKeepOutput ? ", and a file with all of it is named, for file_read and grep" : ""}.`,
    `Nobody can type: stdin is empty, there is no terminal, no pager and no editor. Use options that ask nothing. A command is ended after ${formatNumber(timeoutMs)} ms unless timeout_ms says otherwise (at most ${formatNumber(maxTimeoutMs)}).`,
  ];
  if (canFollow) {
    lines.push(
      `With background: true it runs on by itself with its input open: bash_output reads what it writes, bash_input types, bash_kill ends it${tty ? "; tty: true gives it a terminal" : ""}. It ends with this conversation${context.runtime.capabilities.daemon ? ", unless stays: true" : ""}.`,
    );
  } else {
    lines.push("Background commands are not available here: a command has to end within its timeout.");
  }
  return lines.join("\n");
}

async function runCommand(
  commands: Commands,
  input: BashInput,
  call: RunningCall,
): Promise<Done<BashOutput>> {
  requireForeground(input);
  const ran = await commands.foreground.run(input, call);
  if (ran.moved !== undefined) {
    const { process } = ran.moved;
    await commands.known.add(process, ran.outputBytes, process.found.detached);
  }
  commands.allow(ran.file);
  const { context } = commands;
  const note = wholeOutput(ran.file ?? {}, ran.exit === undefined) ?? lostNote(commands, ran);
  const { text, cut } = present(context, ran.pieces, note);
  const status = statusText(ran);
  const said = ran.exit === undefined ? moved(ran) : adviceOf(commands, input, ran, ran.exit, text);
  return {
    content: [text === "" ? "(no output)" : text, `[${status}]`, ...(said === undefined ? [] : [said])].join(
      "\n",
    ),
    output: {
      output: text,
      cut,
      output_bytes: ran.outputBytes,
      ...(ran.file?.outputFile === undefined ? {} : { output_file: ran.file.outputFile }),
      ...exitFields(ran.exit),
      ...(ran.processId === undefined ? {} : { process: ran.processId }),
    },
  };
}

function statusText({ exit, processId }: Ran): string {
  return exit === undefined ? `moved to the background, where it goes on as ${processId}` : ended(exit);
}

function moved({ moved }: Ran): string | undefined {
  if (moved === undefined) return undefined;
  return `bash_output with process: "${called(moved.process)}" goes on with what it writes from here.`;
}

/** Without the daemon nothing is kept; short output needs nothing. */
function lostNote(commands: Commands, { outputBytes }: Ran): string | undefined {
  if (commands.canKeepOutput || outputBytes <= cutAbove(commands.context)) return undefined;
  return "nothing keeps the rest here: write it to a file, or ask for less";
}

function adviceOf(
  commands: Commands,
  input: BashInput,
  ran: Ran,
  exit: NonNullable<Ran["exit"]>,
  text: string,
): string | undefined {
  return advice({
    command: input.command,
    exit,
    output: text,
    openLine: !(ran.pieces.tail ?? ran.pieces.head).endsWith("\n"),
    timeoutMs: input.timeout_ms ?? commands.timeoutMs,
    maxTimeoutMs: commands.maxTimeoutMs,
    silentMs: ran.silentMs,
    background: commands.canFollow,
    tty: commands.canFollow && commands.context.runtime.capabilities.tty,
  });
}
