import { type ReactNode, useState } from "react";
import { useMay, useMayReachOut, useStore } from "../../state/context.ts";
import { navigate, route, workspacePath } from "../../state/router.ts";
import type { Workspace } from "../../state/store.ts";
import type { MenuItem } from "../../ui/menu.tsx";
import { sayError } from "../../ui/toasts.tsx";
import { DeleteDialog } from "./delete-dialog.tsx";
import { ForkDialog, RenameDialog } from "./name-dialogs.tsx";
import { openTray } from "./operation-tray.tsx";
import { isStoppable, sharesRepository } from "./place-of.ts";

export interface WorkspaceActions {
  readonly items: readonly MenuItem[];
  /** What one of them has opened. */
  readonly dialog: ReactNode;
}

/** What can be done with a workspace: what its place and the token allow. */
export function useWorkspaceActions(workspace: Workspace): WorkspaceActions {
  const { work } = useStore();
  const mayOperate = useMay("operate");
  const mayReachOut = useMayReachOut();
  const [open, setOpen] = useState<"fork" | "rename" | "delete" | undefined>();
  const { id, state, runtime } = workspace;
  const begin = (kind: "init" | "stop" | "start" | "pull" | "push" | "apply") => () => {
    work.begin({ kind, workspace: id }).then(openTray, sayError);
  };
  const close = () => setOpen(undefined);
  const items: MenuItem[] = [
    { label: "Open", icon: "terminal", run: () => navigate(workspacePath(id)) },
    { label: "Settings", icon: "settings", run: () => navigate(workspacePath(id, "settings")) },
  ];
  if (mayOperate) {
    const isMade = state !== "creating" && state !== "deleting";
    items.push({
      label: "Test connection",
      icon: "shield",
      disabled: !isMade,
      run: () => navigate(workspacePath(id, "settings", { test: "now" })),
    });
    if (mayReachOut)
      items.push({
        label: "Fork…",
        icon: "fork",
        separated: true,
        disabled: !isMade,
        run: () => setOpen("fork"),
      });
    items.push(
      { label: "Rename…", icon: "edit", disabled: !isMade, run: () => setOpen("rename") },
      { label: "Run the set-up again", icon: "refresh", disabled: !isMade, run: begin("init") },
    );
    if (isStoppable(runtime)) {
      items.push(
        state === "stopped"
          ? { label: "Start", icon: "play", run: begin("start") }
          : { label: "Stop", icon: "stop", disabled: !isMade, run: begin("stop") },
      );
    }
    if (!sharesRepository(runtime)) {
      if (mayReachOut)
        items.push({
          label: "Pull its commits",
          icon: "download",
          separated: true,
          disabled: !isMade,
          run: begin("pull"),
        });
      items.push({
        label: "Push the project's commits",
        icon: "upload",
        disabled: !isMade,
        run: begin("push"),
      });
    }
    if (workspace.owns_checkout && mayReachOut) {
      items.push({
        label: "Apply uncommitted work to the project",
        icon: "changes",
        separated: sharesRepository(runtime),
        disabled: !isMade,
        run: begin("apply"),
      });
    }
    items.push({
      label: "Delete…",
      icon: "trash",
      danger: true,
      separated: true,
      run: () => setOpen("delete"),
    });
  }
  const onDeleted = () => {
    close();
    const here = route.get();
    if (here.name === "workspace" && here.id === id) navigate("/", { replace: true });
    // Its row, and the button in it that had the focus, are gone.
    document.getElementById("main")?.focus();
  };
  const dialog =
    open === "fork" ? (
      <ForkDialog workspace={workspace} onClose={close} />
    ) : open === "rename" ? (
      <RenameDialog workspace={workspace} onClose={close} />
    ) : open === "delete" ? (
      <DeleteDialog workspace={workspace} onClose={close} onDeleted={onDeleted} />
    ) : undefined;
  return { items, dialog };
}
