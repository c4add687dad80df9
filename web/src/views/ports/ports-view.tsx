import type { WorkspaceViewProps } from "../workspace-page.tsx";

export function PortsView({ workspace }: WorkspaceViewProps) {
  return <p>{workspace.name}</p>;
}
