import * as z from "zod";
import { workspaceParams } from "./common.ts";
import type { Route } from "./route.ts";

const message = z
  .looseObject({
    jsonrpc: z.literal("2.0"),
    id: z.union([z.string(), z.int()]).optional(),
    method: z.string().optional(),
  })
  .meta({
    id: "McpMessage",
    description: "One message of JSON-RPC 2.0, as the Model Context Protocol has them.",
  });

const SESSION = {
  "Mcp-Session-Id": "Of revisions before 2026-07-28: the session that the answer to `initialize` named.",
};

export const mcpRoutes = [
  {
    operationId: "mcpMessage",
    place: true,
    method: "POST",
    path: "/v1/workspaces/{workspace}/mcp",
    tag: "mcp",
    summary: "A message of a client of the Model Context Protocol (docs/mcp.md)",
    description:
      "Streamable HTTP. A token with the scope read is offered tools that change nothing. What the protocol itself refuses is answered in its own words: JSON-RPC, with the status that it has for that.",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({
      conversation: z
        .string()
        .min(1)
        .max(100)
        .optional()
        .describe(
          "Of revision 2026-07-28, which has no sessions: clients of a token that name different ones share nothing.",
        ),
    }),
    headers: SESSION,
    body: message,
    responses: {
      200: {
        description: "The answer, as JSON or as server-sent events with what comes before it.",
        contentType: "*/*",
      },
      202: { description: "It needs no answer." },
    },
    errors: ["mcp.session_unknown"],
  },
  {
    operationId: "mcpStream",
    method: "GET",
    path: "/v1/workspaces/{workspace}/mcp",
    tag: "mcp",
    summary: "What the server has to say in a session, as server-sent events",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({}),
    headers: SESSION,
    responses: { 200: { description: "Messages of JSON-RPC.", contentType: "*/*" } },
    errors: ["mcp.session_unknown"],
  },
  {
    operationId: "mcpEnd",
    method: "DELETE",
    path: "/v1/workspaces/{workspace}/mcp",
    tag: "mcp",
    summary: "Ends a session, and what it has started",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({}),
    headers: SESSION,
    responses: { 200: { description: "It has ended." } },
    errors: ["mcp.session_unknown"],
  },
] as const satisfies readonly Route[];
