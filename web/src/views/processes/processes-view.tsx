import { useEffect, useRef, useState } from "react";
import { useCommands } from "../../shell/commands.ts";
import { useClient, useMay } from "../../state/context.ts";
import { type Live, useLive } from "../../state/live.ts";
import { navigate, workspacePath } from "../../state/router.ts";
import type { Process } from "../../state/store.ts";
import { Button } from "../../ui/button.tsx";
import { classes } from "../../ui/classes.ts";
import { Empty, ErrorNote, Waiting } from "../../ui/notes.tsx";
import type { WorkspaceViewProps } from "../workspace-page.tsx";
import { ProcessDetail } from "./process-detail.tsx";
import { ProcessList } from "./process-list.tsx";
import { STATES, type StateFilter, shownProcesses } from "./process-words.ts";
import css from "./processes-view.module.css";
import { RunForm } from "./run-form.tsx";

/** Processes of a workspace: what runs, what ran, and what one of them prints. */
export function ProcessesView({ workspace, query }: WorkspaceViewProps) {
  const { id } = workspace;
  const list = useProcesses(id);
  const mayOperate = useMay("operate");
  const text = query.get("text") ?? "";
  const state = stateFilter(query.get("state"));
  const selected = query.get("process") ?? undefined;
  const kept = { ...(text === "" ? {} : { text }), ...(state === "all" ? {} : { state }) };
  const go = (change: Readonly<Record<string, string>>, replace = true) => {
    const all = { ...kept, ...(selected === undefined ? {} : { process: selected }), ...change };
    const set = Object.fromEntries(
      Object.entries(all).filter(([name, value]) => value !== "" && !(name === "state" && value === "all")),
    );
    navigate(workspacePath(id, "processes", set), { replace });
  };
  const run = useRef<HTMLInputElement>(null);
  const filter = useRef<HTMLInputElement>(null);
  useCommands([
    ...(mayOperate
      ? [
          {
            id: "run",
            title: "Run a command",
            keys: "r",
            group: "Processes",
            run: () => run.current?.focus(),
          },
        ]
      : []),
    {
      id: "filter",
      title: "Filter processes",
      keys: "/",
      group: "Processes",
      run: () => filter.current?.focus(),
    },
  ]);
  const { running, ended } = shownProcesses(list.value ?? [], { text, state });
  const process = useSelected(list, selected);
  return (
    <div className={classes(css.view, selected !== undefined && css.withDetail)}>
      <div className={css.side}>
        {mayOperate && (
          <RunForm
            workspace={id}
            input={run}
            onStarted={(started) => {
              list.refresh();
              go({ process: started.id }, false);
            }}
          />
        )}
        <div className={css.filters}>
          <input
            ref={filter}
            type="search"
            className={css.text}
            aria-label="Filter processes"
            placeholder="Filter"
            value={text}
            onChange={(event) => go({ text: event.target.value })}
          />
          <select
            className={css.select}
            aria-label="State"
            value={state}
            onChange={(event) => go({ state: event.target.value })}
          >
            <option value="all">all states</option>
            {STATES.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </div>
        {list.error !== undefined && (
          <ErrorNote error={list.error} actions={<Button onClick={list.refresh}>Try again</Button>} />
        )}
        <Listed list={list} isFiltered={Object.keys(kept).length > 0} found={running.length + ended.length}>
          <ProcessList workspace={id} running={running} ended={ended} selected={selected} kept={kept} />
        </Listed>
      </div>
      {selected !== undefined && (
        <div className={css.main}>
          <Button kind="quiet" className={css.back} onClick={() => go({ process: "" }, false)}>
            All processes
          </Button>
          {process === undefined ? (
            <Gone list={list} />
          ) : (
            <ProcessDetail
              key={process.id}
              process={process}
              onDeleted={() => {
                list.refresh();
                go({ process: "" });
              }}
            />
          )}
        </div>
      )}
      {selected === undefined && (
        <div className={classes(css.main, css.none)}>
          <Empty icon="process" title="No process is selected">
            <p>Choose one to see its output.</p>
          </Empty>
        </div>
      )}
    </div>
  );
}

function stateFilter(text: string | null): StateFilter {
  return STATES.find((one) => one === text) ?? "all";
}

interface ListedProps {
  readonly list: Live<readonly Process[]>;
  readonly isFiltered: boolean;
  readonly found: number;
  readonly children: React.ReactNode;
}

function Listed({ list, isFiltered, found, children }: ListedProps) {
  if (list.value === undefined) return list.isLoading ? <Waiting what="Asking the place…" /> : null;
  if (found > 0) return children;
  return isFiltered ? (
    <Empty icon="search" title="No process fits the filter" />
  ) : (
    <Empty icon="process" title="Nothing runs here">
      <p>What ends stays readable for ten minutes.</p>
    </Empty>
  );
}

function Gone({ list }: { readonly list: Live<readonly Process[]> }) {
  if (list.value === undefined) return list.error === undefined ? <Waiting what="Asking the place…" /> : null;
  return (
    <Empty icon="search" title="This process is not there any more">
      <p>Records of ended processes are kept for ten minutes, unless they are deleted before.</p>
    </Empty>
  );
}

/** Processes of the workspace, as the place tells them. */
function useProcesses(workspace: string): Live<readonly Process[]> {
  const client = useClient();
  return useLive(
    workspace,
    async (signal) => {
      const items: Process[] = [];
      for (let cursor: string | undefined; ; ) {
        const query = { limit: 1000, ...(cursor === undefined ? {} : { cursor }) };
        const params = { path: { workspace }, query };
        const page = await client.get("/v1/workspaces/{workspace}/processes", { params, signal });
        items.push(...page.items);
        if (page.next === null) return items;
        cursor = page.next;
      }
    },
    (event) => event.workspace === workspace && /^(?:process|connection|place)\./.test(event.type),
  );
}

/** The one of the address; as it was while the list is asked for anew. */
function useSelected({ value }: Live<readonly Process[]>, id: string | undefined): Process | undefined {
  const [last, setLast] = useState<Process>();
  const found = value?.find((one) => one.id === id || one.name === id);
  useEffect(() => {
    if (found !== undefined) setLast(found);
  }, [found]);
  if (found !== undefined) return found;
  return value === undefined && last?.id === id ? last : undefined;
}
