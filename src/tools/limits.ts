import { defined } from "../contract/defined.ts";
import { type BerthError, berthError } from "../contract/errors.ts";

/** What a model's context is protected by. Bytes are of UTF-8, and no character is ever split. */
export interface ToolLimits {
  /** Of one result's text. */
  readonly maxBytes: number;
  readonly maxLines: number;
  /** Of one line. */
  readonly maxLineBytes: number;
  /** Of an image. */
  readonly maxImageBytes: number;
  /** Part of the lines and bytes that the beginning of cut output gets, from 0 to 1; the end gets the rest. */
  readonly headShare: number;
}

export const DEFAULT_LIMITS: ToolLimits = {
  maxBytes: 30_000,
  maxLines: 2_000,
  maxLineBytes: 2_000,
  maxImageBytes: 5 * 1024 * 1024,
  headShare: 0.5,
};

/** The limits that hold. @throws config.invalid */
export function toolLimits(given: Partial<ToolLimits> = {}): ToolLimits {
  const limits: ToolLimits = { ...DEFAULT_LIMITS, ...defined(given) };
  for (const [field, value] of Object.entries(limits)) {
    const fits = field === "headShare" ? value >= 0 && value <= 1 : Number.isSafeInteger(value) && value >= 1;
    if (!fits) {
      throw invalid(
        `limits.${field}`,
        field === "headShare" ? "a number from 0 to 1" : "a whole number above 0",
      );
    }
  }
  return limits;
}

/** Milliseconds a command has when the model says nothing, and at most. */
const DEFAULT_TIMEOUT_MS = 120_000;
const DEFAULT_MAX_TIMEOUT_MS = 600_000;

export interface CommandTimes {
  readonly timeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly leaseMs?: number | undefined;
}

/** The times of commands that hold; one that is not given makes room for the other. @throws config.invalid */
export function commandTimes(
  given: { [Field in keyof CommandTimes]?: number | undefined } = {},
): CommandTimes {
  for (const field of ["timeoutMs", "maxTimeoutMs", "leaseMs"] as const) {
    const value = given[field] ?? 1;
    if (!Number.isSafeInteger(value) || value < 1) throw invalid(`bash.${field}`, "a whole number above 0");
  }
  const maxTimeoutMs = given.maxTimeoutMs ?? Math.max(given.timeoutMs ?? 0, DEFAULT_MAX_TIMEOUT_MS);
  const timeoutMs = given.timeoutMs ?? Math.min(maxTimeoutMs, DEFAULT_TIMEOUT_MS);
  if (timeoutMs > maxTimeoutMs) throw invalid("bash.timeoutMs", "at most bash.maxTimeoutMs");
  return { timeoutMs, maxTimeoutMs, leaseMs: given.leaseMs };
}

function invalid(field: string, what: string): BerthError {
  return berthError("config.invalid", { message: `${field} has to be ${what}`, context: { field } });
}
