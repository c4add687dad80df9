import { useEffect, useRef, useState } from "react";
import { useClient, useMay } from "../../state/context.ts";
import { navigate, workspacePath } from "../../state/router.ts";
import type { Process } from "../../state/store.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Menu } from "../../ui/menu.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import type { WorkspaceViewProps } from "../workspace-page.tsx";
import { useTerminalCommands } from "./commands.ts";
import { CloseDialog, CommandDialog } from "./dialogs.tsx";
import { Divider } from "./divider.tsx";
import * as at from "./layout.ts";
import type { SessionState } from "./session-state.ts";
import { again, estimatedSize, startTerminal, type WantedTerminal } from "./start.ts";
import { keepWriter } from "./storage.ts";
import { useTerminals } from "./terminal-list.ts";
import { TerminalPane } from "./terminal-pane.tsx";
import { NoTerminals, TerminalTable } from "./terminal-table.tsx";
import css from "./terminals.module.css";
import { useLayout, useNarrow } from "./use-layout.ts";
import { terminalName } from "./words.ts";

const PANEL = "terminals-panel";

/** Where a new terminal is shown: in a tab of its own, beside another one, or in another one's place. */
type Where = (layout: at.Layout, process: string) => at.Layout;

/** Terminals of a workspace, in tabs and beside each other. */
export function TerminalsView({ workspace, query }: WorkspaceViewProps) {
  const client = useClient();
  const mayWrite = useMay("operate");
  const { terminals, error, refresh } = useTerminals(workspace.id);
  const [layout, change] = useLayout(workspace.id);
  const [states, setStates] = useState<ReadonlyMap<string, SessionState>>(new Map());
  const [asks, setAsks] = useState<{
    readonly what: "focus" | "search";
    readonly process: string;
    readonly n: number;
  }>();
  const [dialog, setDialog] = useState<"command" | "list" | { readonly close: string }>();
  const [starting, setStarting] = useState(0);
  const [failed, setFailed] = useState<unknown>();
  /** Started by this page and not shown before. */
  const fresh = useRef(new Map<string, Process>());
  const room = useRef<HTMLDivElement>(null);
  const adding = useRef<HTMLButtonElement>(null);
  const isNarrow = useNarrow();
  const selected = at.selectedTab(layout);
  const active = selected?.active;
  const open = at.processesOf(layout);
  const processOf = (id: string): Process | undefined =>
    terminals?.find((one) => one.id === id) ?? states.get(id)?.process ?? fresh.current.get(id);
  const nameOf = (id: string) => {
    const process = processOf(id);
    return process === undefined ? "terminal" : terminalName(process);
  };
  const ask = (what: "focus" | "search", process: string) =>
    setAsks((before) => ({ what, process, n: (before?.n ?? 0) + 1 }));
  const show = (process: string) => {
    change((before) => at.openTab(before, process));
    ask("focus", process);
  };
  const asked = query.get("process");
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each that the address asks for
  useEffect(() => {
    if (asked === null) return;
    show(asked);
    navigate(workspacePath(workspace.id, "terminals"), { replace: true });
  }, [asked]);
  const start = async (wanted: WantedTerminal = {}, where: Where = at.openTab) => {
    setStarting((before) => before + 1);
    setFailed(undefined);
    try {
      const size = estimatedSize(room.current, layout.fontSize);
      const process = await startTerminal(client, workspace.id, wanted, { size, known: terminals ?? [] });
      // A live process of that name and command is the one that there was.
      if (!open.includes(process.id) && process.output_end === 0) fresh.current.set(process.id, process);
      change((before) => where(before, process.id));
      ask("focus", process.id);
      refresh();
    } catch (cause) {
      setFailed(cause);
    } finally {
      setStarting((before) => before - 1);
    }
  };
  const drop = (process: string) => {
    keepWriter(process, false);
    fresh.current.delete(process);
    change((before) => at.removeProcess(before, process));
    setStates((before) => new Map([...before].filter(([id]) => id !== process)));
  };
  const close = (process: string) => {
    const phase = states.get(process)?.phase;
    const isRunning =
      phase === "ended" || phase === "failed" ? false : processOf(process)?.state !== "exited";
    if (isRunning && mayWrite) setDialog({ close: process });
    else leave(process);
  };
  /** The pane goes, and the focus to what is shown then. */
  const leave = (process: string) => {
    drop(process);
    const next = at.selectedTab(at.removeProcess(layout, process));
    if (next === undefined) adding.current?.focus();
    else ask("focus", next.active);
  };
  const end = async (id: string) => {
    leave(id);
    try {
      await client.post("/v1/processes/{id}/kill", { params: { path: { id } }, body: {} });
      refresh();
    } catch (cause) {
      sayError(cause);
    }
  };
  const onState = (process: string, state: SessionState) => {
    if (state.phase === "gone") {
      say(`${nameOf(process)} is gone: the place knows nothing of it any more.`);
      drop(process);
    } else setStates((before) => new Map(before).set(process, state));
  };
  const split = (direction: at.Direction, beside = active) => {
    if (beside === undefined) void start();
    else void start({}, (before, process) => at.splitPane(before, beside, direction, process));
  };
  const zoom = (by: number | undefined) =>
    change((before) => at.setFontSize(before, by === undefined ? at.FONT_SIZE.normal : before.fontSize + by));
  const go = (process: string | undefined) => {
    if (process === undefined) return;
    change((before) => at.focusPane(before, process));
    ask("focus", process);
  };
  useTerminalCommands(
    {
      start: () => void start(),
      run: () => setDialog("command"),
      list: () => setDialog("list"),
      search: () => active !== undefined && ask("search", active),
      split,
      go: (side) =>
        go(selected === undefined ? undefined : at.neighbour(selected.root, selected.active, side)),
      step: (by) => go(at.selectedTab(at.stepTab(layout, by))?.active),
      zoom,
      leave: () =>
        document.querySelector<HTMLElement>(`[data-process="${CSS.escape(active ?? "")}"] button`)?.focus(),
      close: () => active !== undefined && close(active),
    },
    mayWrite,
  );
  const tabs = layout.tabs.map(({ id, root, active: first }) => {
    const inside = at.processesIn(root);
    const more = inside.length > 1 ? ` +${inside.length - 1}` : "";
    const rings = inside.some((process) => states.get(process)?.hasBell);
    return {
      id,
      label: `${nameOf(first)}${more}`,
      icon: rings ? ("bell" as const) : ("terminal" as const),
      note: rings ? "bell" : undefined,
    };
  });
  return (
    <div className={css.view}>
      <h2 className="unseen">Terminals</h2>
      <Tabs
        label="Terminals"
        panel={PANEL}
        tabs={tabs}
        selected={layout.selected}
        onSelect={(id) => change((before) => at.selectTab(before, id))}
      >
        <div className={css.actions}>
          {mayWrite && (
            <Button
              ref={adding}
              icon="plus"
              busy={starting > 0}
              onClick={() => void start()}
              aria-label="New terminal"
            >
              <span className={css.wide}>New terminal</span>
            </Button>
          )}
          <Menu
            label="More terminals"
            items={[
              ...(mayWrite
                ? [{ label: "Run a command…", icon: "play" as const, run: () => setDialog("command") }]
                : []),
              {
                label: `All terminals (${terminals?.length ?? 0})`,
                icon: "terminal",
                run: () => setDialog("list"),
              },
            ]}
          />
        </div>
      </Tabs>
      {failed !== undefined && (
        <ErrorNote
          error={failed}
          actions={<Button onClick={() => setFailed(undefined)}>Close this message</Button>}
        />
      )}
      <div
        ref={room}
        id={PANEL}
        className={css.room}
        role="tabpanel"
        aria-labelledby={selected === undefined ? undefined : `${PANEL}-tab-${selected.id}`}
        aria-label={selected === undefined ? "Terminals" : undefined}
      >
        {selected === undefined && (
          <NoTerminals
            terminals={terminals ?? []}
            error={error}
            mayStart={mayWrite}
            isStarting={starting > 0}
            onStart={() => void start()}
            onOpen={show}
            onRetry={refresh}
          />
        )}
        {layout.tabs.flatMap((tab) => {
          const { panes, dividers } = isNarrow ? at.oneBox(tab.active, tab.root) : at.boxesOf(tab.root);
          const isShown = tab === selected;
          return [
            ...[...panes].map(([process, box]) => (
              <TerminalPane
                key={process}
                workspace={workspace.id}
                process={process}
                name={nameOf(process)}
                box={box ?? at.WHOLE}
                fontSize={layout.fontSize}
                mayWrite={mayWrite}
                isFresh={fresh.current.has(process)}
                isShown={isShown && box !== undefined}
                isActive={tab.active === process}
                isShared={panes.size > 1}
                focusAsked={asks?.what === "focus" && asks.process === process ? asks.n : undefined}
                searchAsked={asks?.what === "search" && asks.process === process ? asks.n : undefined}
                onFocus={() => change((before) => at.focusPane(before, process))}
                onState={(state) => onState(process, state)}
                onSplit={(direction) => split(direction, process)}
                onZoom={zoom}
                onNext={isNarrow && panes.size > 1 ? () => go(at.nextProcess(tab.root, process)) : undefined}
                onAgain={() => {
                  const before = processOf(process);
                  if (before !== undefined)
                    void start(again(before), (now, next) => at.replaceProcess(now, process, next));
                }}
                onClose={() => close(process)}
              />
            )),
            ...(isShown
              ? dividers.map((divider) => (
                  <Divider
                    key={`${tab.id} ${divider.path}`}
                    divider={divider}
                    room={room.current}
                    onRatio={(ratio) => change((before) => at.setRatio(before, tab.id, divider.path, ratio))}
                  />
                ))
              : []),
          ];
        })}
      </div>
      {dialog === "command" && (
        <CommandDialog onClose={() => setDialog(undefined)} onStart={(wanted) => void start(wanted)} />
      )}
      {dialog === "list" && (
        <Dialog title="Terminals of this workspace" wide onClose={() => setDialog(undefined)}>
          {terminals === undefined || terminals.length === 0 ? (
            <p>There are none.</p>
          ) : (
            <TerminalTable
              terminals={terminals}
              open={open}
              onOpen={(process) => {
                setDialog(undefined);
                show(process);
              }}
            />
          )}
        </Dialog>
      )}
      {typeof dialog === "object" && (
        <CloseDialog
          name={nameOf(dialog.close)}
          onClose={() => setDialog(undefined)}
          onLeave={() => {
            setDialog(undefined);
            leave(dialog.close);
          }}
          onEnd={() => {
            setDialog(undefined);
            void end(dialog.close);
          }}
        />
      )}
    </div>
  );
}
