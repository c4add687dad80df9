import type { Process } from "../../state/store.ts";
import { StateBadge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Ago } from "../../ui/time.tsx";
import css from "./terminals.module.css";
import { endWords, terminalName } from "./words.ts";

interface TerminalTableProps {
  readonly terminals: readonly Process[];
  /** Ids of those that are shown already. */
  readonly open: readonly string[];
  readonly onOpen: (process: string) => void;
}

/** Terminals of the place, whoever started them: running ones first. */
export function TerminalTable({ terminals, open, onOpen }: TerminalTableProps) {
  return (
    <ul className={css.list} aria-label="Terminals of the workspace">
      {terminals.map((terminal) => {
        const name = terminalName(terminal);
        const { id, state, exit, started_at: startedAt, ended_at: endedAt } = terminal;
        const isRunning = state === "running";
        return (
          <li key={id} className={css.row}>
            <span className={css.what}>
              <strong>{name}</strong>
              <code>{terminal.command.join(" ")}</code>
            </span>
            <StateBadge tone={isRunning ? "good" : state === "lost" ? "bad" : "soft"}>
              {isRunning ? "running" : exit === null ? state : endWords(exit)}
            </StateBadge>
            <Ago time={isRunning ? startedAt : (endedAt ?? startedAt)} />
            <Button onClick={() => onOpen(id)} aria-label={`${open.includes(id) ? "Go to" : "Open"} ${name}`}>
              {open.includes(id) ? "Go to" : "Open"}
            </Button>
          </li>
        );
      })}
    </ul>
  );
}
