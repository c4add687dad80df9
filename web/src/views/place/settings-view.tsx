import type { WorkspaceViewProps } from "../workspace-page.tsx";

export function SettingsView({ workspace }: WorkspaceViewProps) {
  return <p>{workspace.name}</p>;
}
