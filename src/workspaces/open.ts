import type { OpenWorkspacesOptions, Workspaces } from "./api.ts";

/**
 * The workspaces of a state directory. Light to import: what a call needs is loaded by it.
 * @throws provision.no_directory, store.newer, store.damaged, store.busy; of a database server: config.invalid,
 *   store.unreachable
 */
export async function openWorkspaces(options: OpenWorkspacesOptions = {}): Promise<Workspaces> {
  const { createWorkspaces } = await import("./workspaces.ts");
  return createWorkspaces(options);
}
