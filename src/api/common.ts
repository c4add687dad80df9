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

/** The error of every answer from 400 on. */
export const errorBody = z
  .object({
    code: z.string(),
    message: z.string(),
    hint: z.string(),
    retryable: z.boolean(),
    hop: z.enum(["client", "runner", "transport", "berthd"]).optional(),
    runtime: z.string().optional(),
    context: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]))
      .optional(),
  })
  .meta({ id: "Error", description: "docs/errors.md lists the codes." });

export const errorResponse = z
  .object({ error: errorBody.extend({ request_id: z.string() }) })
  .meta({ id: "ErrorResponse" });

export const checkReport = z
  .object({
    ok: z.boolean(),
    runtime: z.string(),
    steps: z.array(
      z.object({
        name: z.string(),
        ok: z.boolean(),
        duration_ms: z.number(),
        detail: z.string(),
        code: z.string().optional(),
        hint: z.string().optional(),
      }),
    ),
  })
  .meta({ id: "CheckReport" });
