import type { Process } from "../../state/store.ts";
import { StateBadge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Empty, ErrorNote, Waiting } from "../../ui/notes.tsx";
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

interface NoTerminalsProps {
  readonly terminals: readonly Process[];
  readonly error: unknown;
  readonly mayStart: boolean;
  readonly isStarting: boolean;
  readonly onStart: () => void;
  readonly onOpen: (process: string) => void;
  readonly onRetry: () => void;
}

/** In place of terminals: how to get one. */
export function NoTerminals(props: NoTerminalsProps) {
  const { terminals, error, mayStart, isStarting, onStart, onOpen, onRetry } = props;
  return (
    <div className={css.empty}>
      {error !== undefined && (
        <ErrorNote error={error} actions={<Button onClick={onRetry}>Try again</Button>} />
      )}
      {isStarting ? (
        <Waiting what="Starting a terminal…" />
      ) : (
        <Empty icon="terminal" title="No terminal is open">
          {mayStart ? (
            <Button kind="primary" icon="plus" onClick={onStart}>
              Open a shell
            </Button>
          ) : (
            <p>This session may look at terminals, and start none.</p>
          )}
        </Empty>
      )}
      {terminals.length > 0 && <TerminalTable terminals={terminals} open={[]} onOpen={onOpen} />}
    </div>
  );
}
