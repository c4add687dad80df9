import type { RunnerContext } from "../context.ts";
import { fileHandlers } from "./files.ts";
import { Forwards } from "./forwards.ts";
import { hostKeyHandlers } from "./host-keys.ts";
import { operationHandlers } from "./operation-handlers.ts";
import { WorkOperations } from "./operations.ts";
import { projectHandlers } from "./projects.ts";
import { runtimeHandlers } from "./runtimes.ts";
import { workspaceHandlers, workspaceVerbs } from "./workspaces.ts";

/** Workspaces, what is done with them, their files and ports. Disposing ends forwards and what is under way. */
export function createWork(context: RunnerContext) {
  const operations = new WorkOperations(context);
  const forwards = new Forwards(context);
  return {
    handlers: {
      ...projectHandlers(context),
      ...runtimeHandlers(context),
      ...hostKeyHandlers(context),
      ...workspaceHandlers(context),
      ...workspaceVerbs(context, { operations, forwards }),
      ...operationHandlers(operations),
      ...fileHandlers(context),
      ...forwards.handlers(),
    },
    /** Settles when no operation is under way any more, or after so long. */
    operationsEnd: (waitMs: number): Promise<void> => operations.settle(waitMs),
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all([operations[Symbol.asyncDispose](), forwards[Symbol.asyncDispose]()]);
    },
  };
}
