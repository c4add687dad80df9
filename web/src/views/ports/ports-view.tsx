import { useMemo } from "react";
import type { BerthEvent, components } from "../../../../src/client/index.ts";
import { useClient, useMay } from "../../state/context.ts";
import { useLive } from "../../state/live.ts";
import { IconButton } from "../../ui/button.tsx";
import { Note } from "../../ui/notes.tsx";
import type { WorkspaceViewProps } from "../workspace-page.tsx";
import { AddPort } from "./add-port.tsx";
import { ForwardList } from "./forward-list.tsx";
import { ListeningList } from "./listening-list.tsx";
import css from "./ports.module.css";
import { PreviewList } from "./preview-list.tsx";
import { useLookAgain } from "./use-look-again.ts";

export type Forward = components["schemas"]["Forward"];
export type Preview = components["schemas"]["Preview"];
export type ListeningPort = components["schemas"]["ListeningPort"];

/** Servers in the place, and the ways to them. */
export function PortsView({ workspace }: WorkspaceViewProps) {
  const { id } = workspace;
  const client = useClient();
  const mayOperate = useMay("operate");
  const ofThis = (pattern: RegExp) => (event: BerthEvent) =>
    event.workspace === id && pattern.test(event.type);
  const params = useMemo(() => ({ path: { workspace: id } }), [id]);
  const listening = useLive(
    id,
    async (signal) =>
      mayOperate ? (await client.get("/v1/workspaces/{workspace}/ports", { params, signal })).items : [],
    ofThis(/^(?:process\.(?:started|exited|ended|lost|moved)|place\.|connection\.)/),
  );
  useLookAgain(id, listening.refresh);
  const all = { ...params, query: { limit: 1000 } };
  const previews = useLive(
    id,
    async (signal) =>
      (await client.get("/v1/workspaces/{workspace}/previews", { params: all, signal })).items,
    ofThis(/^preview\./),
  );
  const forwards = useLive(
    id,
    async (signal) =>
      (await client.get("/v1/workspaces/{workspace}/forwards", { params: all, signal })).items,
    ofThis(/^forward\./),
  );
  const refresh = () => {
    listening.refresh();
    previews.refresh();
    forwards.refresh();
  };
  return (
    <div className={css.view}>
      <div className={css.top}>
        {mayOperate && <AddPort workspace={id} onAdded={refresh} />}
        <IconButton icon="refresh" label="Look again" onClick={refresh} />
      </div>
      {mayOperate ? (
        <ListeningList
          workspace={id}
          listening={listening}
          previews={previews.value ?? []}
          forwards={forwards.value ?? []}
          onAdded={refresh}
        />
      ) : (
        <Note kind="info" title="This token may only look">
          <p>What listens in the place is told to who has one with the scope operate.</p>
        </Note>
      )}
      <PreviewList workspace={id} previews={previews} />
      <ForwardList forwards={forwards} />
    </div>
  );
}
