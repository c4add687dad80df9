import { within } from "../../contract/within.ts";
import { unlessAborted } from "../../transports/abort.ts";
import type { Handlers, ServerEvent } from "../handlers.ts";
import { lastEventId } from "../http/input.ts";
import { pageOf } from "../http/page.ts";
import { Operation, type OperationEvent, type OperationJson } from "./operation.ts";
import type { WorkOperations } from "./operations.ts";

/** Waits for an operation's end for so long, or until the caller has gone. */
async function waitForEnd(operation: Operation, milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds === 0 || operation.state !== "running") return;
  await within(milliseconds, unlessAborted(operation.ended, signal)).catch(() => undefined);
}

/** The answer of a call that began an operation. */
export async function answerOf(
  operation: Operation,
  { wait_ms }: { readonly wait_ms: number },
  signal: AbortSignal,
): Promise<{ readonly status: 200 | 202; readonly body: OperationJson }> {
  await waitForEnd(operation, wait_ms, signal);
  return { status: operation.state === "running" ? 202 : 200, body: operation.toJson() };
}

export function operationHandlers(
  operations: WorkOperations,
): Handlers<"listOperations" | "getOperation" | "followOperation" | "cancelOperation"> {
  return {
    listOperations: async ({ query, caller }) => {
      const all = (await operations.list(caller)).filter(
        ({ workspace, workspace_name, state }) =>
          (query.workspace === undefined ||
            query.workspace === workspace ||
            query.workspace === workspace_name) &&
          (query.state === undefined || query.state === state),
      );
      return {
        status: 200,
        body: pageOf(
          all,
          query,
          ({ id }) => id,
          (operation) => operation,
        ),
      };
    },
    getOperation: async ({ params, query, caller, signal }) => {
      const found = await operations.find(params.id, caller);
      if (!(found instanceof Operation)) return { status: 200, body: found };
      await waitForEnd(found, query.wait_ms, signal);
      return { status: 200, body: found.toJson() };
    },
    followOperation: async ({ params, headers, caller, signal }) => {
      const found = await operations.find(params.id, caller);
      const after = lastEventId(headers) ?? 0;
      return { status: 200, events: found instanceof Operation ? found.follow(after, signal) : ended(found) };
    },
    cancelOperation: async ({ params, query, caller, signal }) => {
      const found = await operations.find(params.id, caller);
      if (!(found instanceof Operation)) return { status: 200, body: found };
      operations.cancel(found);
      await waitForEnd(found, query.wait_ms, signal);
      return { status: 200, body: found.toJson() };
    },
  };
}

async function* ended(operation: OperationJson): AsyncGenerator<ServerEvent<OperationEvent>> {
  yield { event: "end", id: "1", data: { type: "end", operation } };
}
