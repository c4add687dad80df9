import * as z from "zod";
import { time } from "./common.ts";
import { placeHealth } from "./places.ts";
import type { Route } from "./route.ts";

export const health = z
  .object({
    status: z.enum(["ok", "stopping"]),
    version: z.string(),
    instance_id: z.string().describe("Differs after every start."),
  })
  .meta({ id: "Health" });

export const overview = z
  .object({
    runner: z.object({
      version: z.string(),
      instance_id: z.string(),
      pid: z.int(),
      started_at: time,
      memory_bytes: z.number(),
      cpu_seconds: z.number().describe("Processor time since the start."),
      event_loop_delay_ms: z
        .number()
        .describe("How late the event loop was since the last look, at most 1 % later."),
      open_descriptors: z.int().nullable().describe("null where the system does not say."),
    }),
    places: z
      .array(
        placeHealth.extend({
          name: z.string().describe("Of the workspace."),
          project: z.string(),
          runtime: z.string().describe("Its type."),
          workspace_state: z.string(),
          running: z.int().nullable().describe("Processes that run; null while it is not connected."),
          last_event_at: time.nullable().describe("Time of the newest event of the workspace that is kept."),
        }),
      )
      .describe("One a workspace."),
    workspaces: z.record(z.string(), z.int()).describe("Number by state."),
    processes: z.record(z.string(), z.int()).describe("Number by state, in places that are connected."),
    attach_sessions: z.object({ writers: z.int(), viewers: z.int() }),
    clients: z.object({
      wire: z.int().describe("Clients of the wire protocol: the command line, and the runtime remote."),
      streams: z.int().describe("Of server-sent events and logs."),
    }),
    requests: z.object({
      total: z.int(),
      refused: z.int(),
      running: z.int(),
      p50_ms: z.number().describe("Of the newest 1,000 calls."),
      p99_ms: z.number(),
    }),
    bytes: z.object({ in: z.number(), out: z.number() }),
    events: z.object({
      sequence: z.int(),
      lag_ms: z.number().describe("How long an event takes to be on the disk."),
    }),
  })
  .meta({ id: "Overview" });

export const stats = z
  .object({
    since: time.nullable(),
    workspaces: z.record(z.string(), z.int()).describe("Workspaces there are now, by type of runtime."),
    selections: z.record(z.string(), z.int()).describe("How often a type of runtime was selected."),
    creations: z.record(z.string(), z.int()).describe("Workspaces made in all, by type of runtime."),
  })
  .meta({ id: "Stats", description: "Kept in this state directory and sent nowhere." });

export const runnerRoutes = [
  {
    operationId: "health",
    method: "GET",
    path: "/v1/health",
    tag: "runner",
    summary: "Whether the runner works",
    scope: "none",
    responses: { 200: { description: "It does.", schema: health } },
    errors: [],
  },
  {
    operationId: "document",
    method: "GET",
    path: "/v1/openapi.json",
    tag: "runner",
    summary: "This API as an OpenAPI 3.1 document",
    scope: "none",
    responses: { 200: { description: "The document.", contentType: "application/json" } },
    errors: [],
  },
  {
    operationId: "docsPage",
    method: "GET",
    path: "/v1/docs",
    tag: "runner",
    summary: "This API as a page to read",
    scope: "none",
    responses: { 200: { description: "The page.", contentType: "text/html" } },
    errors: [],
  },
  {
    operationId: "metrics",
    method: "GET",
    path: "/v1/metrics",
    tag: "runner",
    summary: "Figures for Prometheus",
    scope: "read",
    responses: { 200: { description: "Text format of Prometheus.", contentType: "text/plain" } },
    errors: [],
  },
  {
    operationId: "stats",
    method: "GET",
    path: "/v1/stats",
    tag: "runner",
    summary: "Which runtimes are used how often",
    scope: "read",
    responses: { 200: { description: "The figures.", schema: stats } },
    errors: [],
  },
  {
    operationId: "overview",
    method: "GET",
    path: "/v1/overview",
    tag: "runner",
    summary: "How runner, places, processes and sessions are now",
    description:
      "A token limited to workspaces is told of their places and processes; sums of sessions, requests and bytes are the runner's.",
    scope: "read",
    responses: { 200: { description: "As it is now.", schema: overview } },
    errors: [],
  },
] as const satisfies readonly Route[];
