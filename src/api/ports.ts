import * as z from "zod";
import { idParams, pageOf, pageQuery, port, time, workspaceParams } from "./common.ts";
import type { Route } from "./route.ts";

export const forward = z
  .object({
    id: z.string().describe('"fwd_…"'),
    workspace: z.string().describe("Id of the workspace."),
    local_host: z.string(),
    local_port: port,
    remote_host: z.string().nullable(),
    remote_port: port,
    connections: z.int().describe("Open now."),
    connections_total: z.int(),
    bytes_in: z.number().describe("Into the place."),
    bytes_out: z.number(),
    created_at: time,
  })
  .meta({ id: "Forward", description: "A port of the runner's machine that leads into the place." });

export const preview = z
  .object({
    workspace: z.string().describe("Id of the workspace."),
    port,
    url: z.string().describe("The address; a browser needs the cookie that `open_url` sets."),
    open_url: z.string().nullable().describe("Opens it once; told only to who makes it."),
    expires_at: time.nullable().describe("Of `open_url`."),
    created_at: time,
  })
  .meta({ id: "Preview" });

export const listeningPort = z
  .object({
    port,
    host: z.string().describe("Address that it listens at: 127.0.0.1, 0.0.0.0, ::1, ::."),
    process_id: z
      .string()
      .nullable()
      .describe("The process of Berth whose it is; null: another one's, or not known."),
    command: z.string().nullable().describe("Name of the program; null where it may not be seen."),
  })
  .meta({ id: "ListeningPort" });

export const portRoutes = [
  {
    operationId: "listPorts",
    place: true,
    method: "GET",
    path: "/v1/workspaces/{workspace}/ports",
    tag: "ports",
    summary: "What listens in the place, by TCP",
    description: "Servers that are not Berth's as well; without a daemon no process is told.",
    scope: "operate",
    params: workspaceParams,
    responses: {
      200: { description: "As it is now, by port.", schema: z.object({ items: z.array(listeningPort) }) },
    },
    errors: ["runtime.capability_unsupported", "wire.feature_unknown"],
  },
  {
    operationId: "createForward",
    place: true,
    method: "POST",
    path: "/v1/workspaces/{workspace}/forwards",
    tag: "ports",
    summary: "Lets a port of the runner's machine lead to a port of the place",
    scope: "operate",
    params: workspaceParams,
    body: z.strictObject({
      remote_port: port,
      local_port: z.int().min(0).max(65_535).default(0).describe("0: any free one."),
      local_host: z.string().min(1).max(255).default("127.0.0.1").describe("An address of loopback."),
      remote_host: z
        .string()
        .min(1)
        .max(255)
        .optional()
        .describe("Default: 127.0.0.1 of the place, then ::1."),
    }),
    responses: { 201: { description: "It listens.", schema: forward } },
    errors: ["port.in_use", "port.invalid", "forward.limit", "runtime.capability_unsupported"],
    idempotent: true,
  },
  {
    operationId: "listForwards",
    method: "GET",
    path: "/v1/workspaces/{workspace}/forwards",
    tag: "ports",
    summary: "Forwards of a workspace",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({ ...pageQuery }),
    responses: { 200: { description: "A page of them.", schema: pageOf(forward) } },
    errors: [],
  },
  {
    operationId: "deleteForward",
    method: "DELETE",
    path: "/v1/forwards/{id}",
    tag: "ports",
    summary: "Ends a forward",
    scope: "operate",
    params: idParams,
    responses: { 204: { description: "It is gone." } },
    errors: ["forward.unknown"],
  },
  {
    operationId: "createPreview",
    method: "POST",
    path: "/v1/workspaces/{workspace}/previews",
    tag: "ports",
    summary: "An address for a port of the place, and a link that opens it once",
    scope: "operate",
    exact: true,
    params: workspaceParams,
    body: z.strictObject({
      port,
      path: z
        .string()
        .max(4096)
        .regex(/^\/(?![/\\])[!-~]*$/, { message: "is a path of the application, such as /app?x=1" })
        .default("/")
        .describe("Where `open_url` leads."),
      host: z
        .enum(["localhost", "preview"])
        .default("localhost")
        .describe("What the application gets as Host: localhost with its port, or the preview's own."),
    }),
    responses: { 201: { description: "The address.", schema: preview } },
    errors: ["runtime.capability_unsupported"],
  },
  {
    operationId: "listPreviews",
    method: "GET",
    path: "/v1/workspaces/{workspace}/previews",
    tag: "ports",
    summary: "Previews of a workspace",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({ ...pageQuery }),
    responses: { 200: { description: "A page of them.", schema: pageOf(preview) } },
    errors: [],
  },
  {
    operationId: "deletePreview",
    method: "DELETE",
    path: "/v1/workspaces/{workspace}/previews",
    tag: "ports",
    summary: "Ends a preview: its address, its cookies and what is open of it",
    scope: "operate",
    params: workspaceParams,
    query: z.strictObject({ port }),
    responses: { 204: { description: "There is nothing at the address." } },
    errors: ["preview.unknown"],
  },
] as const satisfies readonly Route[];
