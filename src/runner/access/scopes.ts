import type { Route, Scope } from "../../api/route.ts";
import { berthError } from "../../contract/errors.ts";
import type { Caller } from "../context.ts";

const RANK: Readonly<Record<Scope, number>> = { read: 0, operate: 1, admin: 2 };

/**
 * Calls that are of no workspace and that a token limited to workspaces may make all the same: they tell nothing of the
 * others, or only list what the token may know.
 */
const FOR_LIMITED: ReadonlySet<string> = new Set([
  "document",
  "docsPage",
  "health",
  "listRuntimes",
  "listWorkspaces",
  "overview",
  "listAllProcesses",
  "listOperations",
  "listEvents",
  "createSessionCode",
  "getCurrentSession",
  "endCurrentSession",
  "listSessions",
  "deleteSession",
  "eventHead",
]);
/** Things by an id of their own, each of a workspace, which its handler asks for. */
const OF_WORKSPACES =
  /^\/v1\/(?:workspaces\/\{workspace\}|processes\/\{id\}|operations\/\{id\}|forwards\/\{id\})(?:\/|$)/;
/**
 * Calls on a workspace that reach out of it: a fork is another one, a configuration says what of this machine is in it (and
 * which programs run here to get there), and the project's own repository and checkout are the user's.
 */
const REACH_OUT: ReadonlySet<string> = new Set([
  "forkWorkspace",
  "setConfig",
  "pullWorkspace",
  "applyWorkspace",
]);

/** Whether a scope holds another one. */
export function holds(scope: Scope, needed: Scope): boolean {
  return RANK[scope] >= RANK[needed];
}

/**
 * Whether the caller may make this call at all; whether it may know the workspace is another question
 * (`RunnerContext.workspace`).
 * @throws auth.forbidden
 */
export function authorize(
  route: Pick<Route, "operationId" | "path" | "scope">,
  caller: Pick<Caller, "scope" | "workspaces">,
): void {
  const { scope, operationId, path } = route;
  if (scope === "none") return;
  if (!holds(caller.scope, scope)) throw berthError("auth.forbidden", { hop: "runner", context: { scope } });
  if (caller.workspaces === undefined || FOR_LIMITED.has(operationId)) return;
  if (OF_WORKSPACES.test(path) && !REACH_OUT.has(operationId)) return;
  throw berthError("auth.forbidden", {
    hop: "runner",
    message: "the token is limited to workspaces, and this call reaches out of them",
    hint: "Make one without the limit: berth token create NAME --scope SCOPE",
    context: { scope },
  });
}
