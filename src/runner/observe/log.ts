import { type Logger, pino, stdSerializers } from "pino";
import { isBerthError } from "../../contract/errors.ts";
import { MASKED, Secrets } from "../../contract/mask.ts";

/** Where lines go, each with its end: a file, or standard error. */
export interface LogTarget {
  write(line: string): void;
}

export interface LogOptions {
  readonly logTo: LogTarget;
  /** "json": a record a line, for programs. "text": for a person at a terminal. */
  readonly logFormat: "json" | "text";
  /** "trace", "debug", "info", "warn", "error", "fatal" or "silent". Default "info". */
  readonly logLevel?: string | undefined;
}

/** Whatever follows the word Bearer: no line should hold one, and none does. */
const BEARER = /(?<=\bbearer )[^\s"\\]+/gi;

/**
 * The runner's log. Lines say what was done, for how long and with how many bytes, and never hold values of the
 * environment, bodies, queries or tokens; what is secret is masked in them all the same.
 */
export function createLog(
  { logTo, logFormat, logLevel = "info" }: LogOptions,
  secrets: Secrets = new Secrets(),
): Logger {
  const write = (line: string): void => {
    const masked = secrets.json(line).replace(BEARER, MASKED);
    logTo.write(logFormat === "json" ? masked : readable(masked));
  };
  return pino(
    {
      level: logLevel,
      base: null,
      messageKey: "message",
      errorKey: "error",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      serializers: { error: serializedError, err: serializedError },
    },
    { write },
  );
}

/** Of Berth's errors code, message and hint; their context and causes may be long. */
function serializedError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  if (!isBerthError(error)) return stdSerializers.err(error);
  const { code, message, hint } = error;
  return { code, message, hint };
}

/** `12:03:04.567 warn  message  key=value …` */
function readable(line: string): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { time, level, message, ...rest } = record;
  const pairs = Object.entries(rest).map(([key, value]) => `${key}=${plain(value)}`);
  const clock = String(time).slice(11, 23);
  const text = [clock, String(level).padEnd(5), String(message ?? ""), ...pairs].join(" ");
  // What came from elsewhere must not steer the terminal.
  return `${text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "·")}\n`;
}

function plain(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[^\s"=]+$/.test(text) ? text : typeof value === "string" ? JSON.stringify(value) : text;
}
