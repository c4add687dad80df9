import * as z from "zod";
import { idParams, pageOf, pageQuery, time } from "./common.ts";
import type { Route } from "./route.ts";
import { token } from "./tokens.ts";

export const session = z
  .object({
    id: z.string().describe('"ses_…"'),
    token_id: z.string().describe("Token that it was made with: its scope and workspaces are the session's."),
    token_name: z.string(),
    user_agent: z.string().nullable().describe("What the browser calls itself."),
    created_at: time,
    last_used_at: time,
    expires_at: time.describe("30 days from its last use, at most 90 from the sign-in, and with its token."),
    current: z.boolean().describe("Whether this call is made by it."),
  })
  .meta({ id: "Session", description: "A browser that is signed in." });

const secret = z.string().min(1).max(128);

/** Sessions of the page: a call by one has both the cookie and, in Berth-Session, the key. */
export const sessionRoutes = [
  {
    operationId: "createSessionCode",
    exact: true,
    method: "POST",
    path: "/v1/sessions/codes",
    tag: "sessions",
    summary: "Makes a code that signs a browser in, once, within a minute",
    description: "The session has the token of this call, and its scope and workspaces.",
    scope: "read",
    responses: {
      201: {
        description: "The code; it is told in this answer alone.",
        schema: z.object({
          code: secret,
          url: z
            .string()
            .describe("Page that signs in with it: the code is in the fragment, which no server is sent."),
          expires_at: time,
        }),
      },
    },
    errors: [],
  },
  {
    operationId: "createSession",
    exact: true,
    method: "POST",
    path: "/v1/sessions",
    tag: "sessions",
    summary: "Signs in, by a code or by a token",
    description:
      "The answer sets a cookie that scripts can't read. Calls of the session have the cookie and the header `Berth-Session` with the key, \
WebSockets the key as the subprotocol `berth.session.KEY`; neither is worth anything without the other.",
    scope: "none",
    body: z.union([z.strictObject({ code: secret }), z.strictObject({ token: secret })]),
    responses: {
      201: {
        description: "The session; its key is told in this answer alone.",
        schema: z.object({ session, key: z.string() }),
      },
    },
    errors: ["session.code_over", "auth.invalid", "request.rate_limited", "store.busy"],
  },
  {
    operationId: "getCurrentSession",
    method: "GET",
    path: "/v1/sessions/current",
    tag: "sessions",
    summary: "Who this call is made by",
    scope: "read",
    responses: {
      200: {
        description: "The token, and the session unless the call is made by the token itself.",
        schema: z.object({ token, session: session.nullable() }),
      },
    },
    errors: [],
  },
  {
    operationId: "endCurrentSession",
    method: "DELETE",
    path: "/v1/sessions/current",
    tag: "sessions",
    summary: "Signs out: the session and its connections end",
    scope: "read",
    responses: { 204: { description: "It is over, and the cookie is removed." } },
    errors: ["session.unknown"],
  },
  {
    operationId: "listSessions",
    method: "GET",
    path: "/v1/sessions",
    tag: "sessions",
    summary: "Browsers that are signed in",
    description: "With the scope admin all of them, else those of the caller's own token.",
    scope: "read",
    query: z.strictObject({ ...pageQuery }),
    responses: { 200: { description: "A page of them.", schema: pageOf(session) } },
    errors: [],
  },
  {
    operationId: "deleteSession",
    method: "DELETE",
    path: "/v1/sessions/{id}",
    tag: "sessions",
    summary: "Ends a session, and its connections",
    scope: "read",
    params: idParams,
    responses: { 204: { description: "It is over." } },
    errors: ["session.unknown"],
  },
] as const satisfies readonly Route[];
