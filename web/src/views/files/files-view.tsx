import type { WorkspaceViewProps } from "../workspace-page.tsx";

export function FilesView({ workspace }: WorkspaceViewProps) {
  return <p>{workspace.name}</p>;
}
