import { BerthError, isBerthError } from "../../contract/errors.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { type Lifecycle, record } from "./context.ts";
import { reasonOf, undo } from "./undo.ts";

/** For the whole of it: whoever waits has been waiting already. */
const DEADLINE_MS = 30_000;

/**
 * Undoes a creation that failed, and returns the error to throw. When its place can't be reached, what is there stays in
 * the journal, and the error says how it goes on.
 */
export async function rollBack(lifecycle: Lifecycle, workspace: Workspace, cause: unknown): Promise<unknown> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const { left } = await undo(lifecycle, workspace.id, { signal, maxWaitMs: 0 });
  const data = { reason: reasonOf(cause) };
  if (left.length === 0) {
    await record(lifecycle, workspace, "workspace.create_failed", `${workspace.name} was not made`, data);
    await lifecycle.registry.remove(workspace.id);
    return cause;
  }
  await record(lifecycle, workspace, "workspace.create_interrupted", `${workspace.name} is half made`, data);
  if (!isBerthError(cause)) return cause;
  const what = left.map(({ what, reason }) => `${what}: ${reason}`);
  return new BerthError(
    {
      ...cause.toJSON(),
      hint: `${cause.hint} What was made so far is written down: the same command again goes on with it, and berth gc completes or removes it.`,
      context: { ...cause.context, left: what },
    },
    { cause },
  );
}
