import type { ErrorCode } from "../../contract/error-registry.ts";
import { signalName } from "../../contract/signals.ts";
import type { Launcher } from "./tools.ts";

/** What the end marker of a command says. */
export interface Outcome {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** What launcher or shell said. */
  readonly said: string;
  /** Exit status as the shell saw it. */
  readonly status: number;
}

/**
 * Reads `SAID STATUS`. Only where launcher or shell said so is a status above 128 a death by signal; a command may
 * as well exit with that number, and then it is its exit.
 */
export function parseOutcome(text: string, launcher: Launcher): Outcome {
  const space = text.lastIndexOf(" ");
  const said = text.slice(0, Math.max(0, space)).trim();
  const status = Number(text.slice(space + 1));
  const signal = deathBy(said, status, launcher);
  return {
    exitCode: signal === undefined ? status : null,
    signal: signal === undefined ? null : signalName(signal),
    said,
    status,
  };
}

function deathBy(said: string, status: number, launcher: Launcher): number | undefined {
  if (launcher === "wait") {
    // util-linux exits with the low byte of the raw wait status: the signal, and 128 more with a core dump.
    return /did not exit normally/.test(said) ? status & 0x7f : undefined;
  }
  if (launcher === "time") {
    const match = /terminated by signal (\d+)/.exec(said);
    return match === null ? undefined : Number(match[1]);
  }
  return said !== "" && status > 128 ? status - 128 : undefined;
}

/**
 * Why the command never ran, from what was said by the shell or launcher that tried: glibc, musl and BSD name the
 * errno alike. bash refuses
 * to set a few names, such as UID. `ran` tells that exec was reached with a file that exists, so that a missing file is its interpreter.
 */
export function startFailure(said: string, status: number, ran: boolean): ErrorCode {
  if (/argument list too long/i.test(said)) return "process.arguments_too_long";
  if (/read-?only|is read only/i.test(said)) return "process.env_invalid";
  if (/bad interpreter|interpreter/i.test(said)) return "process.interpreter_not_found";
  if (/permission denied|operation not permitted|is a directory/i.test(said))
    return "process.permission_denied";
  if (/not found|no such file/i.test(said) || (ran && status === 127)) {
    return ran ? "process.interpreter_not_found" : "process.not_found";
  }
  return "process.spawn_failed";
}
