import * as z from "zod";
import { idParams, pageOf, pageQuery, time } from "./common.ts";
import type { Route } from "./route.ts";

export const TOKEN_NAME = /^[A-Za-z0-9][A-Za-z0-9 ._@:/+-]*$/;

const scope = z.enum(["read", "operate", "admin"]);

export const token = z
  .object({
    id: z.string().describe('"tok_…"'),
    name: z.string(),
    scope,
    workspaces: z.array(z.string()).nullable().describe("Ids that it is limited to; null: all."),
    created_at: time,
    expires_at: time.nullable(),
    last_used_at: time.nullable(),
  })
  .meta({ id: "Token", description: "Never holds the token itself." });

export const tokenRoutes = [
  {
    operationId: "listTokens",
    method: "GET",
    path: "/v1/tokens",
    tag: "tokens",
    summary: "Tokens that are valid",
    scope: "admin",
    query: z.strictObject({ ...pageQuery }),
    responses: { 200: { description: "A page of them.", schema: pageOf(token) } },
    errors: [],
  },
  {
    operationId: "createToken",
    exact: true,
    method: "POST",
    path: "/v1/tokens",
    tag: "tokens",
    summary: "Makes a token; it is told once, in this answer",
    scope: "admin",
    body: z
      .strictObject({
        name: z.string().max(64).regex(TOKEN_NAME, { message: "is letters, digits, spaces and ._@:/+-" }),
        scope,
        workspaces: z
          .array(z.string().min(1).max(300))
          .min(1)
          .max(1000)
          .optional()
          .describe("Ids or names that it is limited to. Default: all."),
        expires_in_ms: z.int().min(1000).optional().describe("Default: never."),
      })
      .meta({
        examples: [{ name: "ci", scope: "operate", workspaces: ["fix-login"], expires_in_ms: 2_592_000_000 }],
      }),
    responses: {
      201: { description: "The token.", schema: z.object({ token, secret: z.string() }) },
    },
    errors: ["token.name_taken", "workspace.unknown", "workspace.ambiguous"],
  },
  {
    operationId: "deleteToken",
    method: "DELETE",
    path: "/v1/tokens/{id}",
    tag: "tokens",
    summary: "Revokes a token; its connections end",
    scope: "admin",
    params: idParams,
    responses: { 204: { description: "It is not valid any more." } },
    errors: ["token.unknown"],
  },
] as const satisfies readonly Route[];
