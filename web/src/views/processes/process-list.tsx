import { type KeyboardEvent, useEffect, useRef } from "react";
import { workspacePath } from "../../state/router.ts";
import type { Process } from "../../state/store.ts";
import { Badge, StateBadge } from "../../ui/badge.tsx";
import { classes } from "../../ui/classes.ts";
import { Link } from "../../ui/link.tsx";
import { Ago } from "../../ui/time.tsx";
import { visible } from "../../ui/visible.ts";
import { Duration } from "./process-detail.tsx";
import css from "./process-list.module.css";
import { commandText, kindOf, stateWords } from "./process-words.ts";

interface ProcessListProps {
  readonly workspace: string;
  readonly running: readonly Process[];
  readonly ended: readonly Process[];
  readonly selected: string | undefined;
  /** What of the address stays when another one is selected. */
  readonly kept: Readonly<Record<string, string>>;
}

/** Running ones, then those that have ended; arrows go from one to the next. */
export function ProcessList({ workspace, running, ended, selected, kept }: ProcessListProps) {
  const root = useRef<HTMLDivElement>(null);
  useKeepFocus(root);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    const rows = rowsIn(root.current);
    const at = rows.indexOf(document.activeElement as HTMLElement);
    if (at === -1) return;
    event.preventDefault();
    rows[at + step]?.focus();
  };
  const part = (title: string, all: readonly Process[]) =>
    all.length > 0 && (
      <section aria-label={title}>
        <h2 className={css.title}>
          {title} <span className={css.count}>{all.length}</span>
        </h2>
        <ul>
          {all.map((process) => (
            <Row
              key={process.id}
              process={process}
              isSelected={process.id === selected}
              to={workspacePath(workspace, "processes", { ...kept, process: process.id })}
            />
          ))}
        </ul>
      </section>
    );
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: arrows are an addition to Tab between its links
    <div ref={root} tabIndex={-1} className={css.list} onKeyDown={onKeyDown}>
      {part("Running", running)}
      {part("Ended", ended)}
    </div>
  );
}

function rowsIn(root: HTMLElement | null): HTMLElement[] {
  return [...(root?.querySelectorAll<HTMLElement>("[data-process]") ?? [])];
}

/** The row with the focus may go with its process: the list then has it. */
function useKeepFocus(root: { readonly current: HTMLElement | null }): void {
  const had = useRef(false);
  useEffect(() => {
    if (had.current && document.activeElement === document.body) root.current?.focus();
    had.current = root.current?.contains(document.activeElement) ?? false;
  });
}

/** Letters of a command: programs are started with megabytes of arguments. */
const MOST_SHOWN = 500;

interface RowProps {
  readonly process: Process;
  readonly isSelected: boolean;
  readonly to: string;
}

function Row({ process, isSelected, to }: RowProps) {
  const { tone, text } = stateWords(process);
  const command = visible(commandText(process.command).slice(0, MOST_SHOWN));
  return (
    <li>
      <Link
        to={to}
        data-process={process.id}
        aria-current={isSelected ? "true" : undefined}
        className={classes(css.row, isSelected && css.selected)}
      >
        <span className={css.command} title={command}>
          {process.name !== null && <span className={css.name}>{visible(process.name)} </span>}
          <code>{command}</code>
        </span>
        <span className={css.state}>
          <StateBadge tone={tone}>{text}</StateBadge>
        </span>
        <span className={css.facts}>
          <span>
            <Duration process={process} />
          </span>
          {process.pid !== null && <span>pid {process.pid}</span>}
          <span>
            started <Ago time={process.started_at} />
          </span>
          <Badge>{kindOf(process)}</Badge>
        </span>
      </Link>
    </li>
  );
}
