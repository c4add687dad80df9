import type { RuntimeConfig } from "../../contract/config.ts";
import type { Workspace } from "../../contract/workspace.ts";
import type { Operation } from "../registry/registry.ts";
import type { Lifecycle } from "./context.ts";

/** A name that was taken for a new workspace, and the right to make it. */
export interface Reserved extends AsyncDisposable {
  readonly workspace: Workspace;
  readonly operation: Operation;
}

/** @throws workspace.name_taken */
export async function reserve(
  { registry }: Lifecycle,
  asked: {
    readonly projectId: string;
    readonly name: string;
    readonly branch: string;
    readonly startCommit: string | null;
    readonly runtime: RuntimeConfig;
    readonly existing?: string | undefined;
    readonly ownsCheckout: boolean;
    readonly forkedFrom?: string | undefined;
  },
): Promise<Reserved> {
  const id = registry.newWorkspaceId();
  const { name, projectId, branch, startCommit, runtime, existing, ownsCheckout, forkedFrom } = asked;
  const operation = await registry.operation(id, forkedFrom === undefined ? "create" : "fork");
  try {
    const place = existing === undefined ? undefined : { path: existing, base: null };
    const reservation = {
      id,
      name,
      projectId,
      branch,
      startCommit,
      runtime,
      place,
      ownsCheckout,
      forkedFrom,
    };
    const workspace = await registry.reserve({ ...reservation, ownsBranch: false }, operation);
    return { workspace, operation, [Symbol.asyncDispose]: () => operation[Symbol.asyncDispose]() };
  } catch (cause) {
    await operation[Symbol.asyncDispose]();
    throw cause;
  }
}
