import type { ExitStatus, OutputFile } from "../../contract/process.ts";
import { formatNumber } from "../cut.ts";
import type { Done, RunningCall } from "../define.ts";
import type { BashOutput } from "./bash.ts";
import type { Commands } from "./commands.ts";
import type { Known } from "./known.ts";
import { type Looked, look, type WaitFor } from "./look.ts";
import { keptBytes, present } from "./present.ts";
import { called, duration, ended, wholeOutput } from "./say.ts";
import { statusOf } from "./status.ts";

export interface ReportOptions {
  readonly wait: WaitFor | undefined;
  readonly timeoutMs: number;
  readonly call: RunningCall;
  /** Cursor to look from. Default: where the conversation has looked last, which moves on then. */
  readonly from?: number | undefined;
}

/** What a process has written since the conversation looked last, and how it stands. */
export async function commandReport(
  commands: Commands,
  known: Known,
  options: ReportOptions,
): Promise<Done<BashOutput>> {
  const { context } = commands;
  const { process } = known;
  const { call, wait, timeoutMs } = options;
  const looked = await look(process, {
    from: options.from ?? known.cursor,
    opened: (options.from ?? 0) > 0,
    wait,
    timeoutMs,
    signal: call.signal,
    keptBytes: keptBytes(context),
    masked: context.options.maskOutput !== false,
  });
  known.cursor = Math.max(known.cursor, looked.cursor);
  const exit = looked.exit ?? known.exit;
  if (looked.exit !== undefined) known.exit = looked.exit;
  const { text, cut, file } = await shown(commands, known, looked, call.signal);
  const status = looked.lost
    ? "lost: the daemon of the place was restarted"
    : exit === undefined
      ? "running"
      : ended(exit);
  const notes = [waitNote(looked, wait, timeoutMs, exit), goneNote(looked)].filter((note) => note !== "");
  return {
    content: [text === "" ? "(no new output)" : text, `[${called(process)}: ${status}]`, ...notes].join("\n"),
    output: {
      ...statusOf(process, exit, exit === undefined && !looked.lost),
      output: text,
      cut,
      output_bytes: looked.cursor,
      cursor: looked.cursor,
      ...(file?.outputFile === undefined ? {} : { output_file: file.outputFile }),
      ...(looked.found === undefined ? {} : { found: looked.found }),
    },
  };
}

/** The text, and where the whole is when it was cut; that costs a round trip more only then. */
async function shown(commands: Commands, known: Known, looked: Looked, signal: AbortSignal) {
  const first = present(commands.context, looked.pieces, undefined);
  if (!first.cut || !commands.canKeepOutput) return { ...first, file: looked.file };
  const file: OutputFile = looked.file ?? (await known.process.info({ signal }));
  commands.allow(file);
  return { ...present(commands.context, looked.pieces, wholeOutput(file, known.exit === undefined)), file };
}

function waitNote(
  { found, lost }: Looked,
  wait: WaitFor | undefined,
  timeoutMs: number,
  exit: ExitStatus | undefined,
): string {
  if (wait === undefined || found === true || lost)
    return found === true && typeof wait === "object" ? "wait_for matches." : "";
  if (exit !== undefined) return typeof wait === "object" ? "It ended, and wait_for does not match." : "";
  const what = typeof wait === "object" ? "a match of wait_for" : wait === "exit" ? "its end" : "output";
  return `Waited ${duration(timeoutMs)} for ${what}.`;
}

function goneNote({ gone }: Looked): string {
  return gone === 0 ? "" : `${formatNumber(gone)} bytes of it are gone: it wrote more than its log keeps.`;
}
