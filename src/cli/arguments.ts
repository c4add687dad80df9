import { InvalidArgumentError } from "commander";
import { parseDuration } from "../contract/duration.ts";
import { isBerthError } from "../contract/errors.ts";

export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

export function duration(text: string): number {
  if (text === "0") return 0;
  try {
    return parseDuration(text);
  } catch (cause) {
    throw new InvalidArgumentError(isBerthError(cause) ? cause.hint : String(cause));
  }
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It has to be a number above 0.");
  return value;
}

export function wholeNumber(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError("It has to be a whole number.");
  return Number(text);
}

export function byteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text);
  if (match === null) throw new InvalidArgumentError("Give bytes, or a number with k, m, g: 512m.");
  return Math.round(Number(match[1]) * 1024 ** " kmgt".indexOf(match[2]?.toLowerCase() || " "));
}
