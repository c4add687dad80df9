import type { Workspace } from "../../state/store.ts";

export function WorkspaceHead({ workspace }: { readonly workspace: Workspace }) {
  return <h1>{workspace.name}</h1>;
}
