import { berthError } from "../../contract/errors.ts";
import type { ProcessInfo } from "../../contract/process.ts";

/**
 * The cursor that was asked for; negative ones count from the end.
 * @throws request.invalid: it lies behind the end of the output
 */
export function startCursor({ outputEnd }: Pick<ProcessInfo, "outputEnd">, from: number): number {
  if (from < 0) return Math.max(0, outputEnd + from);
  if (from <= outputEnd) return from;
  throw berthError("request.invalid", {
    hop: "runner",
    message: `from=${from} is behind the end of the output, which is at ${outputEnd}`,
    context: { fields: ["query.from"], outputEnd },
  });
}
