import type { WorkspaceViewProps } from "../workspace-page.tsx";

export function ChangesView({ workspace }: WorkspaceViewProps) {
  return <p>{workspace.name}</p>;
}
