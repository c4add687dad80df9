import { processToJson } from "../../api/json-processes.ts";
import { type BerthError, berthError, toBerthError } from "../../contract/errors.ts";
import type { ProcessInfo, ProcessState } from "../../contract/process.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { forEachParallel } from "../../files/parallel.ts";
import type { Caller, RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { pageOf } from "../http/page.ts";

/** Places asked at a time, and how long one of them may take to answer. */
const ASKED_AT_A_TIME = 32;
const ANSWER_LIMIT_MS = 5_000;

interface Placed {
  readonly info: ProcessInfo;
  readonly workspaceId: string;
}

interface Unavailable {
  readonly workspace: string;
  readonly code: string;
  readonly message: string;
}

export function listHandlers(context: RunnerContext): Handlers<"listProcesses" | "listAllProcesses"> {
  return {
    listProcesses: async ({ params, query, caller, signal }) => {
      const workspace = await context.workspace(params.workspace, caller);
      const all = await processesOf(context, workspace, signal);
      return { status: 200, body: page(all, query) };
    },

    listAllProcesses: async ({ query, caller, signal }) => {
      const all: Placed[] = [];
      const unavailable: Unavailable[] = [];
      await forEachParallel(await workspacesToAsk(context, caller), ASKED_AT_A_TIME, async (workspace) => {
        try {
          const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
          all.push(...(await processesOf(context, workspace, AbortSignal.any([signal, limit]))));
        } catch (cause) {
          signal.throwIfAborted();
          const { code, message } = unavailableAs(cause);
          unavailable.push({ workspace: workspace.id, code, message });
        }
      });
      unavailable.sort((a, b) => (a.workspace < b.workspace ? -1 : 1));
      return { status: 200, body: { ...page(all, query), unavailable } };
    },
  };
}

/** Those whose place is connected or is being tried, and those that had processes when the runner last looked. */
async function workspacesToAsk(context: RunnerContext, caller: Caller): Promise<Workspace[]> {
  const had = await context.processes.workspaces();
  const open = new Set(context.runtimes.health().map(({ workspace }) => workspace));
  return (await context.workspaces.list()).filter(
    ({ id, state }) =>
      (caller.workspaces?.has(id) ?? true) && (open.has(id) || (had.has(id) && state !== "stopped")),
  );
}

async function processesOf(
  context: RunnerContext,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<Placed[]> {
  using lease = await context.runtimes.lease(workspace, signal, { now: true });
  const infos = await lease.runtime.processes({ signal });
  void context.processes.add(workspace.id, ...infos).catch(() => undefined);
  return infos.map((info) => ({ info, workspaceId: workspace.id }));
}

function unavailableAs(cause: unknown): BerthError {
  const error = toBerthError(cause, "runner");
  return error.code === "operation.aborted" ? berthError("operation.timeout", { hop: "runner" }) : error;
}

/** The newest first. */
function page(
  all: readonly Placed[],
  query: {
    readonly limit: number;
    readonly cursor?: string | undefined;
    readonly state?: ProcessState | undefined;
  },
) {
  const asked = all.filter(({ info }) => query.state === undefined || info.state === query.state);
  const key = ({ info }: Placed): string => `${info.startedAt} ${info.id}`;
  const sorted = asked
    .map((item) => ({ item, key: key(item) }))
    .sort((a, b) => (a.key < b.key ? 1 : -1))
    .map(({ item }) => item);
  return pageOf(
    sorted,
    query,
    ({ info }) => info.id,
    ({ info, workspaceId }) => processToJson(info, workspaceId),
  );
}
