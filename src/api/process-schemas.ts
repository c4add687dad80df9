import * as z from "zod";
import { WAIT_REASONS } from "../contract/waiting.ts";
import { path, time } from "./common.ts";

export const exitStatus = z
  .object({
    exit_code: z.int().nullable().describe("null after death by signal."),
    signal: z.string().nullable(),
    timed_out: z.boolean(),
    duration_ms: z.number(),
    waiting: z
      .object({
        pid: z.int(),
        command: z.string().describe("Name of its program."),
        reason: z.enum(WAIT_REASONS),
      })
      .nullable()
      .describe("What a process of a command that timed out was waiting for, where that could be seen."),
  })
  .meta({ id: "ExitStatus" });

/** Where the output is as a file, of what was started with `keep_output`. */
export const outputFileFields = {
  output_file: z.string().nullable().describe("Absolute path in the place, of what `keep_output` keeps."),
  output_file_cut: z
    .object({ at: z.int(), reason: z.enum(["limit", "disk"]) })
    .nullable()
    .describe("The file ends at this cursor, though the output went on."),
};

export const ttySize = z
  .object({ columns: z.int().min(1).max(65_535), rows: z.int().min(1).max(65_535) })
  .meta({ id: "TtySize" });

export const process = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    workspace: z.string().describe("Id of the workspace that it is in."),
    command: z.array(z.string()),
    cwd: z.string(),
    user: z.string().nullable(),
    pid: z.int().nullable(),
    state: z.enum(["running", "exited", "lost"]),
    tty: ttySize.nullable(),
    tty_sizes: z
      .array(z.object({ cursor: z.int(), ...ttySize.shape }))
      .optional()
      .describe(
        "Sizes that the terminal had, each from its cursor on; not in lists. As it was is how its output is read.",
      ),
    detached: z.boolean(),
    started_at: time,
    ended_at: time.nullable(),
    exit: exitStatus.nullable(),
    output_start: z.int().describe("Cursor of the first byte that is still held."),
    output_end: z.int().describe("Cursor of the log's end."),
    has_orphans: z.boolean().describe("Children of the ended command live on."),
    ...outputFileFields,
  })
  .meta({ id: "Process", description: "Holds no environment values and no output." });

const word = z.string().regex(/^[^\0]*$/, { message: "has no NUL" });

/** An argv never meets a shell; a string runs in /bin/sh -c, or in `shell`. */
export const command = z
  .union([z.array(word).min(1).max(100_000), word.min(1)])
  .meta({ description: "An argv never meets a shell; a string runs in /bin/sh -c, or in `shell`." });

/** Fields of everything that starts a command. */
export const commandFields = {
  command,
  cwd: path.optional().describe("Default: the workspace's directory."),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
      z.union([word, z.null(), z.strictObject({ secret: word })]),
    )
    .optional()
    .describe(
      "Added to the place's environment; null removes a variable. `{ secret }` is masked in every event, log, error and answer but the command's own output, until the runner ends.",
    ),
  user: z.string().min(1).max(256).optional(),
  timeout_ms: z.int().min(1).optional().describe("Then TERM, `kill_grace_ms`, KILL."),
  kill_grace_ms: z.int().min(0).optional().describe("Default 2,000."),
  shell: z.string().min(1).max(4096).optional(),
  stderr: z.enum(["separate", "merge"]).optional().describe("merge: the same pipe as stdout."),
  drain_ms: z.int().min(0).max(60_000).optional(),
  overflow: z.enum(["pause", "drop"]).optional(),
  log_limit_bytes: z.int().min(1).optional().describe("Default 256 MiB."),
  keep_output: z
    .strictObject({ above_bytes: z.int().min(0) })
    .optional()
    .describe("Output that is longer is also a file of the place: `output_file`."),
};

/** Bytes in JSON: text where they are UTF-8 (what is not becomes U+FFFD), or base64. */
export const encoding = z.enum(["text", "base64"]).default("text");
