import { useRef } from "react";
import { useCommands } from "../../shell/commands.ts";
import { useMay, useOverview } from "../../state/context.ts";
import type { Workspace } from "../../state/store.ts";
import { Icon } from "../../ui/icon.tsx";
import { Link } from "../../ui/link.tsx";
import { Menu } from "../../ui/menu.tsx";
import { rowsOf } from "./list-model.ts";
import { ChangesLabel, ConnectNow, HealthLabel, PlaceLabel, useSeen } from "./parts.tsx";
import { useWorkspaceActions } from "./workspace-actions.tsx";
import css from "./workspace-head.module.css";

/** Which workspace it is and how it is, in a line above its parts. */
export function WorkspaceHead({ workspace }: { readonly workspace: Workspace }) {
  const overview = useOverview();
  const mayOperate = useMay("operate");
  const element = useRef<HTMLElement>(null);
  const isSeen = useSeen(element);
  const { items, dialog } = useWorkspaceActions(workspace);
  useCommands(
    items
      .filter(({ label, disabled }) => label !== "Open" && disabled !== true)
      .map(({ label, run }) => ({
        id: `workspace-${label}`,
        title: label.replace("…", ""),
        group: workspace.name,
        run,
      })),
  );
  const [row] = rowsOf([workspace], overview?.value.places ?? []);
  if (row === undefined) return null;
  const { health, place } = row;
  const { error } = health;
  return (
    <header ref={element} className={css.head}>
      <h1 className={css.name}>{workspace.name}</h1>
      <span className={css.branch} title={`Branch ${workspace.branch}`}>
        <Icon name="branch" size={14} />
        <span>{workspace.branch}</span>
      </span>
      <PlaceLabel place={place} />
      <HealthLabel health={health} />
      {mayOperate && health.error && <ConnectNow workspace={workspace} />}
      <ChangesLabel workspace={workspace.id} isConnected={health.word === "connected"} isSeen={isSeen} />
      <span className={css.menu}>
        <Menu label={`Actions for ${workspace.name}`} items={items} />
      </span>
      {error !== null && error !== undefined && health.kind === "trouble" && (
        <p className={css.error}>
          {error.message}. {error.hint}{" "}
          <Link to={`/errors/${encodeURIComponent(error.code)}`}>{error.code}</Link>
        </p>
      )}
      {dialog}
    </header>
  );
}
