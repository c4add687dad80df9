import { navigate, workspacePath } from "../../state/router.ts";
import type { WorkspaceViewProps } from "../workspace-page.tsx";
import { addressOf, filterOf } from "./event-filter.ts";
import { EventTimeline } from "./event-timeline.tsx";
import css from "./events.module.css";

/** What happened to a workspace. */
export function EventsView({ workspace, query }: WorkspaceViewProps) {
  const filter = { ...filterOf(query), workspace: workspace.id };
  return (
    <div className={css.view}>
      <h2 className="unseen">Events</h2>
      <EventTimeline
        filter={filter}
        onFilter={(next) =>
          navigate(workspacePath(workspace.id, "events", addressOf({ ...next, workspace: undefined })), {
            replace: true,
          })
        }
        scope="workspace"
      />
    </div>
  );
}
