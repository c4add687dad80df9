import type { WorkspaceViewProps } from "../workspace-page.tsx";

export function ProcessesView({ workspace }: WorkspaceViewProps) {
  return <p>{workspace.name}</p>;
}
