import { type Attach, type AttachOptions, createAttach } from "../attach/upgrade.ts";
import type { RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { controlHandlers } from "./control.ts";
import { listHandlers } from "./lists.ts";
import { outputHandlers } from "./output.ts";
import { ProcessSessions } from "./sessions.ts";
import { startHandlers } from "./start.ts";

type Calls = keyof ReturnType<typeof handlersOf>;

/** Everything that callers do with processes. Disposing tells those who are attached to come again. */
export interface Processes extends AsyncDisposable {
  readonly handlers: Handlers<Calls>;
  readonly upgrades: Attach["upgrades"];
}

export function createProcesses(
  context: RunnerContext,
  options: Pick<AttachOptions, "keepAlive"> = {},
): Processes {
  const sessions = new ProcessSessions();
  const attach = createAttach(context, { ...options, sessions });
  return {
    handlers: handlersOf(context, sessions),
    upgrades: attach.upgrades,
    [Symbol.asyncDispose]: () => attach[Symbol.asyncDispose](),
  };
}

function handlersOf(context: RunnerContext, sessions: ProcessSessions) {
  return {
    ...startHandlers(context),
    ...listHandlers(context),
    ...outputHandlers(context),
    ...controlHandlers(context, sessions),
  };
}
