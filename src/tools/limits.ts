import { defined } from "../contract/defined.ts";
import { berthError } from "../contract/errors.ts";

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
    if (fits) continue;
    const what = field === "headShare" ? "a number from 0 to 1" : "a whole number above 0";
    throw berthError("config.invalid", {
      message: `limits.${field} has to be ${what}`,
      context: { field: `limits.${field}` },
    });
  }
  return limits;
}
