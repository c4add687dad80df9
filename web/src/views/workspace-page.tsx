import { Suspense } from "react";
import { useCommands } from "../shell/commands.ts";
import { Failure } from "../shell/failure.tsx";
import { later } from "../shell/later.ts";
import { useWorkspaces } from "../state/context.ts";
import { navigate, WORKSPACE_TABS, type WorkspaceTab, workspacePath } from "../state/router.ts";
import type { Workspace } from "../state/store.ts";
import type { IconName } from "../ui/icon.tsx";
import { Link } from "../ui/link.tsx";
import { Empty, Waiting } from "../ui/notes.tsx";
import { Tabs } from "../ui/tabs.tsx";
import { WorkspaceHead } from "./list/workspace-head.tsx";
import css from "./workspace-page.module.css";

/** What every tab of a workspace gets. */
export interface WorkspaceViewProps {
  readonly workspace: Workspace;
  /** What the tab keeps in the address. */
  readonly query: URLSearchParams;
}

const VIEWS = {
  terminals: later(async () => (await import("./terminals/terminals-view.tsx")).TerminalsView),
  processes: later(async () => (await import("./processes/processes-view.tsx")).ProcessesView),
  files: later(async () => (await import("./files/files-view.tsx")).FilesView),
  changes: later(async () => (await import("./changes/changes-view.tsx")).ChangesView),
  ports: later(async () => (await import("./ports/ports-view.tsx")).PortsView),
  events: later(async () => (await import("./events/events-view.tsx")).EventsView),
  settings: later(async () => (await import("./place/settings-view.tsx")).SettingsView),
};

const TABS: Readonly<Record<WorkspaceTab, { readonly label: string; readonly icon: IconName }>> = {
  terminals: { label: "Terminals", icon: "terminal" },
  processes: { label: "Processes", icon: "process" },
  files: { label: "Files", icon: "file" },
  changes: { label: "Changes", icon: "changes" },
  ports: { label: "Ports", icon: "port" },
  events: { label: "Events", icon: "events" },
  settings: { label: "Settings", icon: "settings" },
};

interface WorkspacePageProps {
  readonly id: string;
  readonly tab: WorkspaceTab;
  readonly query: URLSearchParams;
}

export function WorkspacePage({ id, tab, query }: WorkspacePageProps) {
  const workspaces = useWorkspaces();
  const workspace = workspaces?.find((one) => one.id === id || one.name === id);
  useCommands(
    WORKSPACE_TABS.map((one, index) => ({
      id: `tab-${one}`,
      title: `Show ${TABS[one].label.toLowerCase()}`,
      keys: String(index + 1),
      group: "Workspace",
      run: () => navigate(workspacePath(id, one)),
    })),
  );
  if (workspaces === undefined) return <Waiting what="Loading…" />;
  if (workspace === undefined) {
    return (
      <Empty icon="search" title="There is no such workspace any more" isPage>
        <Link to="/">All workspaces</Link>
      </Empty>
    );
  }
  const View = VIEWS[tab];
  return (
    <div className={css.page}>
      <WorkspaceHead workspace={workspace} />
      <Tabs
        label="Parts of the workspace"
        panel="workspace-panel"
        tabs={WORKSPACE_TABS.map((one) => ({ id: one, ...TABS[one] }))}
        selected={tab}
        onSelect={(one) => navigate(workspacePath(id, one))}
      />
      <section
        id="workspace-panel"
        role="tabpanel"
        aria-labelledby={`workspace-panel-tab-${tab}`}
        className={css.panel}
      >
        <Failure key={tab}>
          <Suspense fallback={<Waiting what="Loading…" />}>
            <View workspace={workspace} query={query} />
          </Suspense>
        </Failure>
      </section>
    </div>
  );
}
