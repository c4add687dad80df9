import { berthError } from "../contract/errors.ts";
import type { Workspace } from "../contract/workspace.ts";
import type { Workspaces } from "../workspaces/api.ts";
import type { Caller } from "./context.ts";

/**
 * The workspace that a selector (id, name, PROJECT/NAME) means for a caller. For one that is limited to workspaces there
 * are no others: neither does a name of theirs make its own ambiguous, nor is an answer different where one exists.
 * @throws workspace.unknown, workspace.ambiguous
 */
export async function workspaceOf(
  workspaces: Pick<Workspaces, "get">,
  selector: string,
  { workspaces: known }: Pick<Caller, "workspaces">,
): Promise<Workspace> {
  if (known === undefined) return await workspaces.get(selector, { directory: null });
  const unknown = () => berthError("workspace.unknown", { hop: "runner", context: { name: selector } });
  if (known.has(selector)) return await workspaces.get(selector, { directory: null });
  const found = await Promise.all(
    [...known].map((id) => workspaces.get(id, { directory: null }).catch(() => undefined)),
  );
  const fitting = found.filter(
    (workspace) =>
      workspace !== undefined &&
      known.has(workspace.id) &&
      (workspace.name === selector || `${workspace.project.name}/${workspace.name}` === selector),
  );
  const [first, second] = fitting;
  if (first === undefined) throw unknown();
  if (second === undefined) return first;
  throw berthError("workspace.ambiguous", {
    hop: "runner",
    context: { name: selector, candidates: fitting.map((one) => `${one?.project.name}/${one?.name}`) },
  });
}
