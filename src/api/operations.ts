import * as z from "zod";
import { errorBody, idParams, pageOf, pageQuery, time, waitQuery } from "./common.ts";
import type { Route } from "./route.ts";
import { deleteReport, initResult, pullReport, workspace } from "./workspace-schemas.ts";

export const operationProgress = z
  .object({
    step: z.string(),
    message: z.string(),
    bytes_done: z.number().optional(),
    bytes_total: z.number().optional(),
  })
  .meta({ id: "OperationProgress" });

export const operationResult = z
  .object({
    workspace: workspace.optional().describe("Of create, fork, rename, stop and start."),
    init: initResult.optional().describe("Of init."),
    deletion: deleteReport.optional().describe("Of delete."),
    transfer: pullReport.optional().describe("Of pull and push."),
    files: z.array(z.string()).optional().describe("Of apply: the files that it changes."),
  })
  .meta({ id: "OperationResult" });

export const operationKind = z.enum([
  "create",
  "init",
  "fork",
  "rename",
  "stop",
  "start",
  "delete",
  "pull",
  "push",
  "apply",
]);

export const operationState = z
  .enum(["running", "succeeded", "failed", "cancelled", "interrupted"])
  .describe("interrupted: the runner ended before it; the error says how to go on.");

export const operation = z
  .object({
    id: z.string().describe('"op_…"'),
    kind: operationKind,
    state: operationState,
    workspace: z.string().nullable().describe("Id of the workspace, once it has one."),
    workspace_name: z.string(),
    created_at: time,
    ended_at: time.nullable(),
    progress: operationProgress.nullable().describe("The newest step."),
    result: operationResult.nullable(),
    error: errorBody.nullable(),
  })
  .meta({ id: "Operation", description: "Something that takes a while; kept for a day after its end." });

/** What `…/progress` sends, by the name of the event. */
export const operationEvent = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("progress"), progress: operationProgress }),
    z.object({
      type: z.literal("output"),
      stream: z.enum(["stdout", "stderr"]),
      text: z.string().describe("Of the set-up hook."),
    }),
    z.object({ type: z.literal("end"), operation }),
  ])
  .meta({ id: "OperationEvent" });

export const operationRoutes = [
  {
    operationId: "listOperations",
    method: "GET",
    path: "/v1/operations",
    tag: "operations",
    summary: "Operations, the newest first",
    scope: "read",
    query: z.strictObject({
      ...pageQuery,
      workspace: z.string().min(1).max(300).optional(),
      state: operationState.optional(),
    }),
    responses: { 200: { description: "A page of them.", schema: pageOf(operation) } },
    errors: [],
  },
  {
    operationId: "getOperation",
    method: "GET",
    path: "/v1/operations/{id}",
    tag: "operations",
    summary: "An operation; waits for its end when asked to",
    scope: "read",
    params: idParams,
    query: z.strictObject({ ...waitQuery }),
    responses: { 200: { description: "The operation.", schema: operation } },
    errors: ["operation.unknown"],
  },
  {
    operationId: "followOperation",
    method: "GET",
    path: "/v1/operations/{id}/progress",
    tag: "operations",
    summary: "Progress and output of an operation as server-sent events, until its end",
    scope: "read",
    params: idParams,
    responses: {
      200: {
        description: "Events progress, output, end.",
        contentType: "text/event-stream",
        events: operationEvent,
      },
    },
    errors: ["operation.unknown"],
  },
  {
    operationId: "cancelOperation",
    method: "POST",
    path: "/v1/operations/{id}/cancel",
    tag: "operations",
    summary: "Ends an operation; one that has ended stays as it is",
    scope: "operate",
    params: idParams,
    query: z.strictObject({ ...waitQuery }),
    responses: { 200: { description: "The operation.", schema: operation } },
    errors: ["operation.unknown"],
  },
] as const satisfies readonly Route[];
