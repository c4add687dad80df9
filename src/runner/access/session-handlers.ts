import { berthError } from "../../contract/errors.ts";
import type { Caller, RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { pageOf } from "../http/page.ts";
import { sessionCookie, sessionCookies } from "./cookies.ts";
import { tokenJson } from "./handlers.ts";
import type { RunnerAccess } from "./open.ts";
import { holds } from "./scopes.ts";
import type { SessionInfo } from "./sessions.ts";

type Ids =
  | "createSessionCode"
  | "createSession"
  | "getCurrentSession"
  | "endCurrentSession"
  | "listSessions"
  | "deleteSession";

/** The calls that sign browsers in and out. */
export function sessionHandlers(
  { options, emit }: Pick<RunnerContext, "options" | "emit">,
  access: Pick<RunnerAccess, "tokens" | "sessions" | "signIn">,
): Handlers<Ids> {
  const { tokens, sessions } = access;
  const ended = ({ id, token }: SessionInfo): void =>
    emit({
      type: "session.ended",
      message: `a browser of the token ${token.name} was signed out`,
      data: { session_id: id, token_id: token.id },
    });
  const end = async (info: SessionInfo): Promise<void> => {
    await sessions.end(info.id);
    ended(info);
  };

  return {
    createSessionCode: async ({ caller, origin }) => {
      const { code, expiresAt } = await sessions.promise(caller);
      const page = new URL("/sign-in", options.publicUrl ?? origin);
      page.hash = `code=${code}`;
      return { status: 201, body: { code, url: page.href, expires_at: expiresAt } };
    },
    createSession: async ({ body, headers, caller, origin }) => {
      const made = await access.signIn(body, { address: caller.address, userAgent: headers["user-agent"] });
      const { info, key, cookie, endsMs } = made;
      for (const before of await sessions.replaced(sessionCookies({ headers }))) ended(before);
      emit({
        type: "session.created",
        message: `a browser was signed in with the token ${info.token.name}`,
        actor: `token:${info.token.name}`,
        data: {
          session_id: info.id,
          token_id: info.token.id,
          address: caller.address,
          ...(info.userAgent === undefined ? {} : { user_agent: info.userAgent }),
        },
      });
      const maxAgeSeconds = Math.max(1, Math.floor((endsMs - Date.now()) / 1000));
      return {
        status: 201,
        body: { session: sessionJson(info, info.id), key },
        headers: { "set-cookie": sessionCookie(seenAt(headers, origin), cookie, maxAgeSeconds) },
      };
    },
    getCurrentSession: async ({ caller }) => {
      const { tokenId, sessionId } = caller;
      const token = tokenJson(await tokens.get(tokenId));
      const session = sessionId === undefined ? null : sessionJson(await sessions.get(sessionId), sessionId);
      return { status: 200, body: { token, session } };
    },
    endCurrentSession: async ({ caller, headers, origin }) => {
      if (caller.sessionId === undefined) {
        throw berthError("session.unknown", {
          hop: "runner",
          message: "this call is made by a token, and by no session",
          hint: "A token is revoked by `berth token revoke`.",
        });
      }
      await end(await sessions.get(caller.sessionId));
      return { status: 204, headers: { "set-cookie": sessionCookie(seenAt(headers, origin), "", 0) } };
    },
    listSessions: async ({ query, caller }) => {
      const all = (await sessions.list()).filter((info) => mayKnow(caller, info));
      const toJson = (info: SessionInfo) => sessionJson(info, caller.sessionId);
      return { status: 200, body: pageOf(all, query, ({ id }) => id, toJson) };
    },
    deleteSession: async ({ params: { id }, caller }) => {
      const info = await sessions.get(id);
      if (!mayKnow(caller, info)) throw berthError("session.unknown", { hop: "runner", context: { id } });
      await end(info);
      return { status: 204 };
    },
  };
}

/** Those of its own token, or with the scope admin all of them. */
function mayKnow(caller: Caller, { token }: SessionInfo): boolean {
  return token.id === caller.tokenId || holds(caller.scope, "admin");
}

/** Where the browser sees the page, which `admit` has allowed; behind a proxy that is not where the call came to. */
function seenAt({ origin }: { readonly origin?: string | undefined }, cameTo: string): string {
  return origin ?? cameTo;
}

function sessionJson(info: SessionInfo, current: string | undefined) {
  return {
    id: info.id,
    token_id: info.token.id,
    token_name: info.token.name,
    user_agent: info.userAgent ?? null,
    created_at: info.createdAt,
    last_used_at: info.lastUsedAt,
    expires_at: info.expiresAt,
    current: info.id === current,
  };
}
