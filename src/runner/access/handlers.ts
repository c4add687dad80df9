import { berthError } from "../../contract/errors.ts";
import type { Caller, RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { pageOf } from "../http/page.ts";
import type { RunnerAccess } from "./open.ts";
import type { TokenInfo } from "./tokens.ts";

type Ids = "listTokens" | "createToken" | "deleteToken";

/** The calls that make, list and revoke tokens. */
export function tokenHandlers(
  context: Pick<RunnerContext, "workspace" | "emit">,
  { tokens }: Pick<RunnerAccess, "tokens">,
): Handlers<Ids> {
  return {
    listTokens: async ({ query }) => {
      return { status: 200, body: pageOf(await tokens.list(), query, ({ id }) => id, tokenJson) };
    },
    createToken: async ({ body, caller }) => {
      const { name, scope, expires_in_ms } = body;
      if (scope === "admin" && body.workspaces !== undefined) {
        throw berthError("request.invalid", {
          hop: "runner",
          message: "a token with the scope admin can't be limited to workspaces: it manages the runner",
          hint: "Leave the workspaces out, or choose the scope operate.",
        });
      }
      const workspaces = body.workspaces && (await idsOf(context, body.workspaces, caller));
      const { info, token } = await tokens.create({ name, scope, workspaces, expiresInMs: expires_in_ms });
      context.emit({
        type: "token.created",
        message: `the token ${name} was made, with the scope ${scope}`,
        data: aboutToken(info),
      });
      return { status: 201, body: { token: tokenJson(info), secret: token } };
    },
    deleteToken: async ({ params }) => {
      const info = await tokens.remove(params.id);
      context.emit({
        type: "token.revoked",
        message: `the token ${info.name} was revoked`,
        data: aboutToken(info),
      });
      return { status: 204 };
    },
  };
}

async function idsOf(
  context: Pick<RunnerContext, "workspace">,
  selectors: readonly string[],
  caller: Caller,
): Promise<string[]> {
  const found: string[] = [];
  for (const selector of selectors) found.push((await context.workspace(selector, caller)).id);
  return [...new Set(found)];
}

function aboutToken({ id, name, scope, workspaces, expiresAt }: TokenInfo): Record<string, unknown> {
  return {
    token_id: id,
    name,
    scope,
    ...(workspaces === undefined ? {} : { workspaces: [...workspaces] }),
    ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
  };
}

/** As the API tells it: never the token itself. */
export function tokenJson(info: TokenInfo) {
  return {
    id: info.id,
    name: info.name,
    scope: info.scope,
    workspaces: info.workspaces === undefined ? null : [...info.workspaces],
    created_at: info.createdAt,
    expires_at: info.expiresAt ?? null,
    last_used_at: info.lastUsedAt ?? null,
  };
}
