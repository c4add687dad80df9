import type { ReactNode } from "react";
import { EVENT_TYPES } from "../../../../src/contract/event-types.ts";
import { useClient, useWorkspaces } from "../../state/context.ts";
import { workspacePath } from "../../state/router.ts";
import { Button } from "../../ui/button.tsx";
import { shortBytes, shortDuration } from "../../ui/format.ts";
import { Link } from "../../ui/link.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import type { EventFilter, ShownEvent } from "./event-filter.ts";
import { readEvents } from "./event-page.ts";
import css from "./events.module.css";

interface EventDetailProps {
  readonly event: ShownEvent;
  readonly onNarrow: (change: Partial<EventFilter>) => void;
}

/** All that is known of an event, and the ways to what belongs to it. */
export function EventDetail({ event, onNarrow }: EventDetailProps) {
  const client = useClient();
  const { sequence, time, type, workspace, process_id: process, actor, cause, runtime, source, data } = event;
  const known = useWorkspaces()?.some(({ id }) => id === workspace) ?? false;
  const meaning = (EVENT_TYPES as Readonly<Record<string, { readonly meaning: string }>>)[type]?.meaning;
  const copy = async () => {
    try {
      // As it is stored, with its hash.
      const { items } = await readEvents(client, { after: sequence - 1, limit: 1 });
      await navigator.clipboard.writeText(JSON.stringify(items[0] ?? event, undefined, 2));
      say(`Copied record ${sequence}`);
    } catch (error) {
      sayError(error);
    }
  };
  const facts: readonly (readonly [string, ReactNode])[] = [
    ["Record", sequence.toLocaleString("en")],
    ["Time", new Date(time).toISOString()],
    ...(meaning === undefined ? [] : [["Means", meaning] as const]),
    ...(actor === undefined ? [] : [["By", actor] as const]),
    ...(runtime === undefined ? [] : [["Runtime", runtime] as const]),
    ...(workspace === undefined
      ? []
      : [
          [
            "Workspace",
            known ? (
              <Link key="workspace" to={workspacePath(workspace)}>
                {workspace}
              </Link>
            ) : (
              workspace
            ),
          ] as const,
        ]),
    ...(process === undefined
      ? []
      : [
          [
            "Process",
            known && workspace !== undefined ? (
              <Link key="process" to={workspacePath(workspace, "processes", { process })}>
                {process}
              </Link>
            ) : (
              process
            ),
          ] as const,
        ]),
    ...(cause === undefined ? [] : [["Cause", <code key="cause">{cause}</code>] as const]),
    ...(source === undefined ? [] : [["Source", <code key="source">{source}</code>] as const]),
    ...Object.entries(data ?? {}).map(([name, value]) => [name, readable(name, value)] as const),
  ];
  return (
    <div className={css.detail}>
      <dl className={css.facts}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className={css.ways}>
        {cause !== undefined && (
          <Button onClick={() => onNarrow({ ...EVERYTHING, cause, until: soonAfter(time) })}>
            All with this cause
          </Button>
        )}
        {process !== undefined && (
          <Button onClick={() => onNarrow({ process, cause: undefined })}>All of this process</Button>
        )}
        <Button onClick={() => onNarrow({ types: [type] })}>Only {type}</Button>
        <Button icon="copy" onClick={() => void copy()}>
          Copy as JSON
        </Button>
      </div>
    </div>
  );
}

const EVERYTHING = {
  types: [],
  workspace: undefined,
  process: undefined,
  since: undefined,
  until: undefined,
  text: "",
} as const satisfies Partial<EventFilter>;
/** What has one cause rarely takes longer. */
const NEAR_MS = 3_600_000;

/** Where events with the cause of an old one are looked for first; undefined: at the end. */
function soonAfter(time: string): string | undefined {
  const until = Date.parse(time) + NEAR_MS;
  return until < Date.now() ? new Date(until).toISOString() : undefined;
}

/** A field of `data` for people: sizes and durations with their units, the rest as it is. */
function readable(name: string, value: unknown): ReactNode {
  if (typeof value === "number") {
    if (/bytes$/i.test(name)) return `${shortBytes(value)} (${value.toLocaleString("en")} bytes)`;
    if (/ms$/i.test(name)) return shortDuration(value);
    return String(value);
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (value === null || value === undefined) return "none";
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(", ");
  return <code>{JSON.stringify(value)}</code>;
}
