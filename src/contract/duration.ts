import { berthError } from "./errors.ts";

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * "500ms", "1s", "1.5m", "2h", "1d" in milliseconds, rounded.
 * @throws config.invalid without a unit, for negative values and for anything else
 */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  const unit = UNIT_MS[match?.[2] ?? ""];
  if (match === null || unit === undefined) {
    throw berthError("config.invalid", {
      message: `"${text}" is not a duration`,
      hint: "Give a number with its unit: 500ms, 1s, 2m, 1h, 1d.",
    });
  }
  return Math.round(Number(match[1]) * unit);
}

/** Shortest exact form with at most one decimal: 950 → "950ms", 1500 → "1.5s", 7200000 → "2h". */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  for (const [unit, size, next] of [
    ["s", 1000, 60_000],
    ["m", 60_000, 3_600_000],
    ["h", 3_600_000, 86_400_000],
  ] as const) {
    if (ms < next) return `${Number((ms / size).toFixed(1))}${unit}`;
  }
  return `${Number((ms / 86_400_000).toFixed(1))}d`;
}
