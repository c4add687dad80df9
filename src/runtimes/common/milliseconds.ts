import { berthError } from "../../contract/errors.ts";

/**
 * A number of milliseconds as the wire takes it.
 * @throws config.invalid
 */
export function milliseconds(name: string, value: number | undefined, least: number): number | undefined {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return undefined;
  if (typeof value !== "number" || !(value >= least)) {
    throw berthError("config.invalid", {
      message: `${name} has to be a number of milliseconds, at least ${least}`,
      context: { field: name },
    });
  }
  return Math.ceil(value);
}
