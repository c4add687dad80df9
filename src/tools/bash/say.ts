import type { ExitStatus, OutputFile, ProcessInfo } from "../../contract/process.ts";
import { formatNumber } from "../cut.ts";

/** "340 ms", "12.4 s", "3 min 20 s". */
export function duration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1_000).toFixed(1).replace(/\.0$/, "")} s`;
  const seconds = Math.round(milliseconds / 1_000);
  return `${Math.floor(seconds / 60)} min${seconds % 60 === 0 ? "" : ` ${seconds % 60} s`}`;
}

/** How a command ended: "exit code 7, 1.2 s". */
export function ended(exit: ExitStatus): string {
  const how = exit.signal === null ? `exit code ${exit.exitCode}` : `ended by ${exit.signal}`;
  return `${exit.timedOut ? "timed out, " : ""}${how}, ${duration(exit.durationMs)}`;
}

/** Where the whole output is; undefined: nowhere. Of a command that runs it is still being written there. */
export function wholeOutput(file: OutputFile, running: boolean): string | undefined {
  if (file.outputFile === undefined) return undefined;
  const cut = file.outputFileCut;
  if (cut === undefined) {
    return running
      ? `all of the output goes to ${file.outputFile}`
      : `the whole output is in ${file.outputFile}`;
  }
  const why = cut.reason === "disk" ? "the disk took no more" : "the limit of the log was reached";
  return `the first ${formatNumber(cut.at)} bytes of the output are in ${file.outputFile} (${why})`;
}

/** The command as it was given: the text that a shell runs, or the words. */
export function commandText({ command }: Pick<ProcessInfo, "command">): string {
  const [shell = "", flag, text] = command;
  return flag === "-c" && text !== undefined && command.length === 3 && /(?:^|\/)\w*sh$/.test(shell)
    ? text
    : command.join(" ");
}

/** A process as it is spoken of: its id, and its name when it has one. */
export function called(process: { readonly id: string; readonly name?: string | undefined }): string {
  return process.name === undefined ? process.id : `${process.id} (${process.name})`;
}
