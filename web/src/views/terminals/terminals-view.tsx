import type { WorkspaceViewProps } from "../workspace-page.tsx";

export function TerminalsView({ workspace }: WorkspaceViewProps) {
  return <p>{workspace.name}</p>;
}
