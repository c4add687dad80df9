import * as z from "zod";

/** How a command stands, in every structured result that tells of one. */
export const statusFields = {
  process: z.string().optional().describe("Id of the process"),
  name: z.string().optional(),
  running: z.boolean(),
  exit_code: z.int().nullable().describe("null while it runs, and when a signal ended it"),
  signal: z.string().nullable().describe("Signal that ended it"),
  timed_out: z.boolean().describe("It was ended as its time was over"),
  duration_ms: z.number().nullable().describe("From start to end"),
};
