import { type BerthError, berthError, isBerthError, toBerthError } from "../contract/errors.ts";

/** Exit codes as of `docker exec`, `env` and `timeout`. */
export const EXIT = {
  berthFailed: 125,
  notExecutable: 126,
  notFound: 127,
  timedOut: 124,
  brokenPipe: 141,
} as const;

/** A mistake on the command line; nothing was done. */
export function usageError(message: string, hint?: string): BerthError {
  return berthError("cli.usage", { message, ...(hint === undefined ? {} : { hint }) });
}

/** Exit code of the command for an error that is not the command's own exit. */
export function exitCodeOf(error: unknown): number {
  if (isBerthError(error, "process.not_found") || isBerthError(error, "process.interpreter_not_found"))
    return EXIT.notFound;
  if (isBerthError(error, "process.permission_denied")) return EXIT.notExecutable;
  return EXIT.berthFailed;
}

/** Without what could steer the terminal: an error has words of the place in it. Its lines stay lines. */
function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, "·");
}

/** "berth: what happened [code]" and the hint on the next line, on stderr; with `--json` as an object. */
export function printError(cause: unknown, json: boolean): void {
  const error = toBerthError(cause, "client");
  if (json) {
    process.stderr.write(`${JSON.stringify({ error })}\n`);
    return;
  }
  const where = error.runtime === undefined ? "" : ` (${error.runtime})`;
  process.stderr.write(harmless(`berth: ${error.message}${where} [${error.code}]\n`));
  if (error.hint !== "") process.stderr.write(harmless(`  ${error.hint}\n`));
  if (error.code === "internal" && error.cause instanceof Error && process.env.BERTH_DEBUG) {
    process.stderr.write(`${error.cause.stack ?? ""}\n`);
  }
}
