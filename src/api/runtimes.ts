import * as z from "zod";
import { checkReport, pageOf, pageQuery, runtimeChoice } from "./common.ts";
import type { Route } from "./route.ts";

const runtimeKind = z
  .object({
    type: z.string(),
    available: z.boolean(),
    detail: z.string().describe("Version, or why it is not available."),
    hint: z.string().nullable(),
  })
  .meta({ id: "RuntimeKind" });

export const project = z
  .object({ id: z.string(), name: z.string(), path: z.string(), trusted: z.boolean() })
  .meta({ id: "Project", description: "A git repository on the runner's machine." });

export const runtimeRoutes = [
  {
    operationId: "listRuntimes",
    method: "GET",
    path: "/v1/runtimes",
    tag: "runtimes",
    summary: "Types of runtimes, and why one is not available",
    scope: "read",
    responses: { 200: { description: "All types.", schema: z.object({ items: z.array(runtimeKind) }) } },
    errors: [],
  },
  {
    operationId: "checkRuntime",
    place: true,
    method: "POST",
    path: "/v1/runtimes/check",
    tag: "runtimes",
    summary: "Tries whether a runtime can be used, step by step",
    scope: "operate",
    body: z.strictObject({
      runtime: runtimeChoice,
      project: z
        .string()
        .min(1)
        .max(4096)
        .optional()
        .describe("Id or directory: whose berth.yaml has the name."),
    }),
    responses: { 200: { description: "Every step; a failed one is no error.", schema: checkReport } },
    errors: ["config.invalid", "runtime.type_unsupported"],
  },
  {
    operationId: "listProjects",
    method: "GET",
    path: "/v1/projects",
    tag: "projects",
    summary: "Projects that had a workspace, or were trusted",
    scope: "read",
    query: z.strictObject({ ...pageQuery }),
    responses: { 200: { description: "A page of them.", schema: pageOf(project) } },
    errors: [],
  },
  {
    operationId: "trustProject",
    method: "PUT",
    path: "/v1/projects/{project}/trust",
    tag: "projects",
    summary: "Lets the hooks of a project run, or not any more",
    scope: "admin",
    params: z.strictObject({ project: z.string().min(1).max(4096).describe("Id, or directory.") }),
    body: z.strictObject({ trusted: z.boolean() }),
    responses: { 200: { description: "The project.", schema: project } },
    errors: ["workspace.not_a_project"],
  },
] as const satisfies readonly Route[];
