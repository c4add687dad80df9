import * as z from "zod";
import { time } from "./common.ts";
import type { Route } from "./route.ts";

export const event = z
  .object({
    sequence: z.int(),
    time,
    type: z.string(),
    message: z.string(),
    runtime: z.string().optional(),
    workspace: z.string().optional(),
    process_id: z.string().optional(),
    source: z.string().optional().describe("Of what a daemon tells: its boot id and number."),
    cause: z.string().optional(),
    actor: z.string().optional(),
    data: z.record(z.string(), z.unknown()).optional(),
    hash: z.string().describe("Of the chain, 64 hex digits."),
  })
  .meta({ id: "Event", description: "docs/events.md describes them." });

export const eventHead = z
  .object({
    sequence: z.int(),
    hash: z.string(),
    signature: z
      .object({ algorithm: z.literal("ed25519"), public_key: z.string(), value: z.string(), signed_at: time })
      .nullable(),
  })
  .meta({ id: "EventHead" });

export const eventVerification = z
  .object({
    ok: z.boolean(),
    records: z.int(),
    first_sequence: z.int().nullable(),
    head: z.object({ sequence: z.int(), hash: z.string() }),
    broken: z
      .object({
        sequence: z.int(),
        damage: z.enum(["changed", "missing", "inserted", "reordered", "cut", "rewritten", "signature"]),
        reason: z.string(),
      })
      .nullable()
      .describe("The first record that is not as it was written."),
    signed: z
      .object({ sequence: z.int(), hash: z.string(), signed_at: time })
      .nullable()
      .describe("The newest stored signed head that the chain agrees with."),
    duration_ms: z.number(),
  })
  .meta({ id: "EventVerification" });

const filter = {
  workspace: z.string().min(1).max(300).optional().describe("Id, name, or PROJECT/NAME."),
  process: z.string().min(1).max(128).optional().describe("Id of a process."),
  type: z
    .array(z.string().min(1).max(100))
    .max(50)
    .optional()
    .describe('Dotted prefixes: "process" takes "process.started".'),
  since: time.optional(),
  until: time.optional(),
};

export const eventRoutes = [
  {
    operationId: "listEvents",
    method: "GET",
    path: "/v1/events",
    tag: "events",
    summary: "Events, as a page or live",
    headers: { "Last-Event-ID": "Number of the last event that the caller has" },
    description:
      "With `Accept: text/event-stream` they come live, from now on or behind Last-Event-ID (or `after`), with no gap and no repeat.",
    scope: "read",
    query: z.strictObject({
      ...filter,
      after: z.int().min(0).optional().describe("Only those behind this number."),
      before: z.int().min(1).optional().describe("Only those before this number."),
      order: z.enum(["oldest", "newest"]).default("oldest"),
      limit: z.int().min(1).max(1000).default(100),
    }),
    responses: {
      200: {
        description: "A page; `next` is `after` (or `before`, newest first) of the next one.",
        schema: z.object({ items: z.array(event), next: z.int().nullable() }),
        events: event,
      },
    },
    errors: ["workspace.unknown", "workspace.ambiguous"],
  },
  {
    operationId: "exportEvents",
    method: "GET",
    path: "/v1/events/export",
    tag: "events",
    summary: "The stored records as they are, one a line, to be verified elsewhere",
    scope: "admin",
    query: z.strictObject({ after: z.int().min(0).default(0) }),
    responses: {
      200: { description: "docs/events.md has the format.", contentType: "application/x-ndjson" },
    },
    errors: [],
  },
  {
    operationId: "verifyEvents",
    method: "POST",
    path: "/v1/events/verify",
    tag: "events",
    summary: "Computes the chain of all stored records anew",
    scope: "admin",
    responses: { 200: { description: "What was found.", schema: eventVerification } },
    errors: [],
  },
  {
    operationId: "eventHead",
    method: "GET",
    path: "/v1/events/head",
    tag: "events",
    summary: "Number and hash of the last record, signed where there is a key",
    scope: "read",
    responses: { 200: { description: "The end of the chain.", schema: eventHead } },
    errors: [],
  },
] as const satisfies readonly Route[];
