import { type ReactNode, useEffect, useState } from "react";
import { useClient } from "../../state/context.ts";
import { workspacePath } from "../../state/router.ts";
import type { Process } from "../../state/store.ts";
import { Badge, StateBadge } from "../../ui/badge.tsx";
import { IconButton } from "../../ui/button.tsx";
import { Link } from "../../ui/link.tsx";
import { Note } from "../../ui/notes.tsx";
import { Ago, useNow } from "../../ui/time.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import { type EventRecord, readEvents } from "../events/event-page.ts";
import { ProcessActions } from "./process-actions.tsx";
import css from "./process-detail.module.css";
import { ProcessOutput } from "./process-output.tsx";
import { commandText, kindOf, ranFor, runDuration, stateWords } from "./process-words.ts";

interface ProcessDetailProps {
  readonly process: Process;
  readonly onDeleted: () => void;
}

/** One process: what it is, what came of it, what it prints. */
export function ProcessDetail({ process, onDeleted }: ProcessDetailProps) {
  const { tone, text, advice } = stateWords(process);
  const command = commandText(process.command);
  const copy = () => {
    navigator.clipboard.writeText(command).then(() => say("Copied the command"), sayError);
  };
  return (
    <article className={css.detail} aria-label={process.name ?? command}>
      <header className={css.head}>
        <div className={css.title}>
          <h2>{process.name ?? "Process"}</h2>
          <StateBadge tone={tone}>{text}</StateBadge>
          <span className={css.soft}>
            <Duration process={process} />
          </span>
          <Badge>{kindOf(process)}</Badge>
        </div>
        <ProcessActions process={process} onDeleted={onDeleted} />
      </header>
      <div className={css.command}>
        <pre>{command}</pre>
        <IconButton icon="copy" label="Copy the command" onClick={copy} />
      </div>
      <Facts process={process} />
      {advice !== undefined && (
        <Note kind={tone === "good" ? "info" : "warn"}>
          <p>{advice}</p>
        </Note>
      )}
      {process.tty === null ? (
        <ProcessOutput process={process} />
      ) : (
        <Note kind="info" title="It has a terminal">
          <p>
            <Link to={workspacePath(process.workspace, "terminals", { process: process.id })}>
              Open in terminals
            </Link>{" "}
            shows its screen as it is ({process.tty.columns} × {process.tty.rows}).
          </p>
        </Note>
      )}
    </article>
  );
}

/** How long it took; while it runs, until now. */
export function Duration({ process }: { readonly process: Process }) {
  return process.state === "running" ? <LiveDuration process={process} /> : runDuration(ranFor(process, 0));
}

function LiveDuration({ process }: { readonly process: Process }) {
  return runDuration(ranFor(process, useNow(1000)));
}

function Facts({ process }: { readonly process: Process }) {
  const origin = useOrigin(process);
  const facts: readonly (readonly [string, ReactNode])[] = [
    ["Started", <Ago key="ago" time={process.started_at} />],
    ...(origin?.actor === undefined ? [] : [["By", origin.actor] as const]),
    ["Directory", <code key="cwd">{process.cwd}</code>],
    ...(process.pid === null ? [] : [["PID", <code key="pid">{process.pid}</code>] as const]),
    ...(process.user === null ? [] : [["User", process.user] as const]),
    ...(process.state === "running"
      ? [
          [
            "Goes on",
            process.detached ? "until it ends (detached)" : "while somebody reads it, and a lease beyond",
          ] as const,
        ]
      : []),
    ...(process.output_file === null
      ? []
      : [["Output file", <code key="file">{process.output_file}</code>] as const]),
    [
      "Events",
      <Link key="events" to={workspacePath(process.workspace, "events", { process: process.id })}>
        what happened to it
      </Link>,
    ],
  ];
  return (
    <dl className={css.facts}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Who asked for it; that the runner's place told of it says nothing of who did. */
function starterOf(items: readonly EventRecord[]): string | undefined {
  return items.find(({ type, actor }) => actor !== undefined && type !== "process.started")?.actor;
}

/** Who started it, as the events tell; undefined where they do not. */
function useOrigin({ id }: Process): { readonly actor?: string | undefined } | undefined {
  const client = useClient();
  const [origin, setOrigin] = useState<{ readonly actor?: string | undefined }>();
  useEffect(() => {
    const stop = new AbortController();
    const query = {
      process: id,
      type: ["process.requested", "process.executed", "process.started"],
      limit: 10,
    };
    readEvents(client, query, stop.signal)
      .then(({ items }) => setOrigin({ actor: starterOf(items) }))
      // It is an addition: without it the rest stands.
      .catch(() => undefined);
    return () => stop.abort();
  }, [client, id]);
  return origin;
}
