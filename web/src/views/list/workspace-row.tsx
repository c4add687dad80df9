import { type MouseEvent, memo, useRef } from "react";
import { useMay } from "../../state/context.ts";
import { navigate, workspacePath } from "../../state/router.ts";
import { Icon } from "../../ui/icon.tsx";
import { useFocusKept } from "../../ui/keep-focus.ts";
import { Link } from "../../ui/link.tsx";
import { Menu } from "../../ui/menu.tsx";
import { Progress } from "../../ui/progress.tsx";
import { Ago } from "../../ui/time.tsx";
import type { Row } from "./list-model.ts";
import { Cancel, type ShownOperation } from "./operation-card.tsx";
import { exitWords, operationTitle } from "./operation-words.ts";
import { ChangesLabel, ConnectNow, HealthLabel, PlaceLabel, useSeen } from "./parts.tsx";
import { useWorkspaceActions } from "./workspace-actions.tsx";
import css from "./workspace-row.module.css";

interface WorkspaceRowProps {
  readonly row: Row;
  /** What is under way with it. */
  readonly shown: ShownOperation | undefined;
}

export const WorkspaceRow = memo(function WorkspaceRow({ row, shown }: WorkspaceRowProps) {
  const { workspace, place, health, running, lastActivity } = row;
  const { id, name, branch } = workspace;
  const { items, dialog } = useWorkspaceActions(workspace);
  const element = useRef<HTMLLIElement>(null);
  const isSeen = useSeen(element);
  useFocusKept(element);
  const onClick = (event: MouseEvent) => {
    // Links and buttons in it are themselves; who marks text wants to copy it.
    if ((event.target as Element).closest("a, button, [role=menu], dialog") !== null) return;
    if (getSelection()?.isCollapsed === false) return;
    navigate(workspacePath(id));
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a larger target for the link in it, which is what keys use
    <li ref={element} className={css.row} onClick={onClick}>
      <div className={css.name}>
        <Link to={workspacePath(id)} className={css.link}>
          {name}
        </Link>
        <span className={css.branch} title={branch}>
          <Icon name="branch" size={13} />
          <span className={css.cut}>{branch}</span>
        </span>
      </div>
      <div className={css.place}>
        <PlaceLabel place={place} />
      </div>
      <div className={css.health}>
        <HealthLabel health={health} />
      </div>
      <div className={css.running}>
        {running !== null && running > 0 && (
          <Link to={workspacePath(id, "processes")} className={css.plain}>
            {running} running
          </Link>
        )}
      </div>
      <div className={css.changes}>
        <ChangesLabel workspace={id} isConnected={health.word === "connected"} isSeen={isSeen} />
      </div>
      <div className={css.activity}>
        <Ago time={lastActivity} />
      </div>
      <div className={css.menu}>
        <Menu label={`Actions for ${name}`} items={items} />
      </div>
      <RowTrouble row={row} />
      {shown !== undefined && <RowOperation {...shown} />}
      {dialog}
    </li>
  );
});

/** Why it is not well, and what can be done. */
function RowTrouble({ row: { workspace, health } }: { readonly row: Row }) {
  const mayOperate = useMay("operate");
  const { error } = health;
  const isSetUp = health.word === "set-up failed";
  if (isSetUp) {
    const exit = workspace.init?.exit;
    const how = exit === null || exit === undefined ? "" : `: ${exitWords(exit)}`;
    return (
      <div className={css.trouble}>
        <span>The set-up failed{how}.</span>
        <Link to={workspacePath(workspace.id, "settings")}>Its output</Link>
      </div>
    );
  }
  if (health.kind !== "trouble" || error === null || error === undefined) return null;
  return (
    <div className={css.trouble}>
      <span>{error.message}</span>
      <span className={css.soft}>{error.hint}</span>
      <Link to={`/errors/${encodeURIComponent(error.code)}`}>{error.code}</Link>
      {mayOperate && <ConnectNow workspace={workspace} />}
    </div>
  );
}

function RowOperation({ operation, live }: ShownOperation) {
  const mayOperate = useMay("operate");
  if (operation.state !== "running") return null;
  const progress = live?.progress ?? operation.progress;
  const title = operationTitle(operation);
  return (
    <div className={css.operation}>
      <Progress
        label={progress === null ? title : `${title}: ${progress.message}`}
        done={progress?.bytes_done}
        total={progress?.bytes_total}
      />
      {mayOperate && <Cancel id={operation.id} title={title} />}
    </div>
  );
}
