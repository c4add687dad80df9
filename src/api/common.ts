import * as z from "zod";

/** A point in time, ISO 8601 in UTC. */
export const time = z.iso.datetime({ offset: true });

/** Query of everything that may take long: the answer waits for the end, at most so long. */
export const waitQuery = {
  wait_ms: z
    .int()
    .min(0)
    .max(60_000)
    .default(0)
    .describe("Wait so many milliseconds for the end before the answer."),
};

/** Query of lists. */
export const pageQuery = {
  limit: z.int().min(1).max(1000).default(100).describe("Items at most."),
  cursor: z.string().min(1).max(1024).optional().describe("`next` of the page before."),
};

/** A page of a list: `next` is the cursor of the one behind it, null at the end. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), next: z.string().nullable() });

export const workspaceParams = z.strictObject({
  workspace: z.string().min(1).max(300).describe("Id, name, or PROJECT/NAME with the slash as %2F."),
});

export const idParams = z.strictObject({ id: z.string().min(1).max(128) });

/** A path in the place; relative ones start at the workdir, `~/` is the home directory. */
export const path = z
  .string()
  .min(1)
  .max(16_384)
  .regex(/^[^\0]*$/, { message: "has no NUL" });

export const port = z.int().min(1).max(65_535);

/** A configuration as in berth.yaml, its fields named as there; checked by the runner's own schema of its type. */
export const runtimeConfig = z
  .looseObject({ type: z.string().min(1).max(64) })
  .meta({ id: "RuntimeConfig", description: "Fields and meanings are those of berth.yaml." });

/** Configuration, name of berth.yaml, or URI. */
export const runtimeChoice = z.union([z.string().min(1).max(4096), runtimeConfig]);

/** Details of an error, for programs. */
const errorContext = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]),
);

/** The error of every answer from 400 on. */
export const errorBody = z
  .object({
    code: z.string(),
    message: z.string(),
    hint: z.string(),
    retryable: z.boolean(),
    hop: z.enum(["client", "runner", "transport", "berthd"]).optional(),
    runtime: z.string().optional(),
    context: errorContext.optional(),
  })
  .meta({ id: "Error", description: "docs/errors.md lists the codes." });

export const errorResponse = z
  .object({ error: errorBody.extend({ request_id: z.string() }) })
  .meta({ id: "ErrorResponse" });

export const checkStep = z
  .object({
    name: z.string(),
    ok: z.boolean(),
    duration_ms: z.number(),
    detail: z.string(),
    code: z.string().optional().describe("Of a step that failed."),
    hint: z.string().optional().describe("What to do; also advice for a step that is ok."),
    context: errorContext
      .optional()
      .describe(
        "Of the error of a step that failed: of ssh.host_key_unknown `host`, `fingerprint` and `keyType`.",
      ),
  })
  .meta({ id: "CheckStep" });

export const checkReport = z
  .object({ ok: z.boolean(), runtime: z.string(), steps: z.array(checkStep) })
  .meta({ id: "CheckReport" });

/** What a check tells while it runs, by the name of the event. */
export const checkEvent = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("started"), name: z.string().describe("Of the step that begins.") }),
    z.object({ type: z.literal("step"), step: checkStep }),
    z.object({ type: z.literal("end"), report: checkReport }),
  ])
  .meta({ id: "CheckEvent" });

/** Answers of a check. */
export const CHECK_RESPONSES = {
  200: {
    description: "Every step; a failed one is no error. As events: started, step, end.",
    schema: checkReport,
    events: checkEvent,
  },
} as const;

export const CHECK_DESCRIPTION =
  "With `Accept: text/event-stream` it is told live which step begins and how it ended; the report is the last event, " +
  "and a caller that leaves ends the check.";
