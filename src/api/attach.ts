import * as z from "zod";
import { errorBody } from "./common.ts";
import { exitStatus } from "./process-schemas.ts";

const size = z.int().min(1).max(65_535);

/** Text messages of the server. */
export const attachServerMessage = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("attached").describe("First."),
      process_id: z.string(),
      role: z.enum(["writer", "viewer"]),
      cursor: z.int().min(0).describe("Where the bytes that follow begin."),
      mode: z.enum(["exact", "tail"]).describe("tail: `from` was negative and counted from the end."),
      tty: z.object({ columns: size, rows: size }).nullable(),
    }),
    z.object({
      type: z.literal("gap"),
      from: z.int().min(0),
      to: z.int().min(0).describe("Exclusive; the bytes until there are gone."),
    }),
    z.object({
      type: z.literal("exit").describe("Strictly last, behind every byte; then the socket closes with 1000."),
      ...exitStatus.shape,
      cursor: z.int().min(0),
    }),
    z.object({
      type: z.literal("error"),
      fatal: z.boolean().describe("The socket closes behind it."),
      error: errorBody,
    }),
    z.object({
      type: z.literal("resized").describe("The writer has given the terminal another size."),
      columns: size,
      rows: size,
    }),
    z.object({
      type: z
        .literal("taken_over")
        .describe("Another one is the writer; this client is a viewer from now on."),
    }),
  ])
  .meta({ id: "AttachServerMessage" });

/** Text messages of a client. */
export const attachClientMessage = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("resize"), columns: size, rows: size }),
    z.strictObject({
      type: z.literal("signal"),
      name: z.string().min(1).max(32).describe("HUP INT QUIT ABRT USR1 USR2 TERM WINCH."),
    }),
    z.strictObject({ type: z.literal("stdin_eof") }),
    z.strictObject({
      type: z
        .literal("pause")
        .describe("No output until `resume`, for who can't stop reading a socket; viewers may, too."),
    }),
    z.strictObject({ type: z.literal("resume") }),
  ])
  .meta({ id: "AttachClientMessage" });

export type AttachServerMessage = z.infer<typeof attachServerMessage>;
export type AttachClientMessage = z.infer<typeof attachClientMessage>;
