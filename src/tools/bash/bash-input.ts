import * as z from "zod";
import { berthError } from "../../contract/errors.ts";
import type { Process } from "../../contract/process.ts";
import { inputOf, type ToolDefinition } from "../define.ts";
import { type WaitInput, waitFields, waitOf } from "./bash-output.ts";
import type { Commands } from "./commands.ts";
import { KEY_NAMES, keyPress } from "./keys.ts";
import { commandReport } from "./report.ts";
import { called } from "./say.ts";
import { optionalStatusFields } from "./status.ts";

export interface BashInputInput extends WaitInput {
  readonly process: string;
  readonly text?: string | undefined;
  readonly keys?: readonly string[] | undefined;
  readonly eof?: boolean | undefined;
}

const output = z.object({
  ...optionalStatusFields,
  sent_bytes: z.number(),
  output: z.string().optional().describe("When it was waited for: what was written since the last look"),
  cut: z.boolean().optional(),
  output_bytes: z.number().optional(),
  output_file: z.string().optional(),
  cursor: z.number().optional(),
  found: z.boolean().optional(),
});
export type BashInputOutput = z.output<typeof output>;

export function bashInputTool(commands: Commands): ToolDefinition<BashInputInput, BashInputOutput> {
  const { tty } = commands.context.runtime.capabilities;
  return {
    name: "bash_input",
    title: "Input for a background command",
    description: [
      `Types into a background command: text as it is (end a line with \\n${tty ? ", in a terminal by the key enter" : ""}), then keys, then the end of input. With wait_for or wait it also returns the new output, as bash_output does.`,
      `Keys: ${tty ? KEY_NAMES : "enter, tab, space, ctrl-c, ctrl-d"}.`,
    ].join("\n"),
    input: inputOf({
      process: z.string().min(1).describe("Id or name"),
      text: z.string().min(1).optional().describe("Sent as it is"),
      keys: z.array(z.string()).min(1).max(100).optional().describe("Names of keys, in order"),
      eof: z.boolean().optional().describe("There is no more input"),
      ...waitFields(commands),
    }),
    output,
    readOnly: false,
    destructive: true,
    run: async (input, call) => {
      if (input.text === undefined && input.keys === undefined && input.eof !== true) {
        throw berthError("tool.input_invalid", {
          message: "the input does not fit bash_input: one of text, keys and eof is needed",
        });
      }
      const known = await commands.known.find(input.process, call.signal);
      const sent = await type(known.process, input);
      const waiting = waitOf(input);
      if (waiting.wait !== undefined) {
        const report = await commandReport(commands, known, { ...waiting, call });
        return { content: report.content, output: { ...report.output, sent_bytes: sent } };
      }
      return {
        content: `[${called(known.process)}: input was sent]`,
        output: { process: known.process.id, sent_bytes: sent },
      };
    },
  };
}

/** Bytes that were sent. @throws tool.input_invalid before anything is sent, process.finished, process.stdin_closed */
async function type(process: Process, { text, keys, eof }: BashInputInput): Promise<number> {
  const presses = (keys ?? []).map((key) => keyPress(key, process.tty !== null));
  if (eof === true) presses.push({ type: "end" });
  let sent = 0;
  const write = async (bytes: string) => {
    await process.stdin.write(bytes);
    sent += Buffer.byteLength(bytes);
  };
  if (text !== undefined) await write(text);
  for (const press of presses) {
    if (press.type === "bytes") await write(press.bytes);
    else if (press.type === "signal") await process.signal(press.signal);
    else await process.stdin.end();
  }
  // What the place does not take (its input is closed) is told now and not lost.
  await process.stdin.flush();
  return sent;
}
