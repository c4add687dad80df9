import type { WorkspaceViewProps } from "../workspace-page.tsx";

export function EventsView({ workspace }: WorkspaceViewProps) {
  return <p>{workspace.name}</p>;
}
