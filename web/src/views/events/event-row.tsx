import { useWorkspaces } from "../../state/context.ts";
import { Badge } from "../../ui/badge.tsx";
import { classes } from "../../ui/classes.ts";
import { Icon } from "../../ui/icon.tsx";
import { visible } from "../../ui/visible.ts";
import { EventDetail } from "./event-detail.tsx";
import { type EventFilter, isTrouble, type ShownEvent, type TimelineItem } from "./event-filter.ts";
import css from "./events.module.css";
import { type Mark, type Verified, verifiedSentence } from "./verification.ts";

/** A line of the timeline, with what stands above it. */
export interface Row {
  readonly number: number;
  readonly item: TimelineItem;
  /** A day that begins here. */
  readonly day: string | undefined;
  /** undefined: nothing was verified yet. */
  readonly mark: Mark | undefined;
  /** What was found stands above this one. */
  readonly line: Verified | undefined;
  readonly isOpen: boolean;
}

interface TimelineRowProps {
  readonly row: Row;
  readonly scope: "workspace" | "all";
  readonly onToggle: (number: number) => void;
  readonly onNarrow: (change: Partial<EventFilter>) => void;
}

export function TimelineRow({ row, scope, onToggle, onNarrow }: TimelineRowProps) {
  const { number, item, day, line, mark, isOpen } = row;
  const events = item.kind === "event" ? [item.event] : item.events;
  const newest = events[0];
  if (newest === undefined) return null;
  const oldest = events.at(-1) ?? newest;
  return (
    <>
      {day !== undefined && <p className={css.day}>{day}</p>}
      {line !== undefined && (
        <p className={classes(css.line, line.found.ok ? css.good : css.bad)}>
          <Icon name={line.found.ok ? "shield" : "warning"} />
          {verifiedSentence(line)}
        </p>
      )}
      <div className={classes(css.row, isOpen && css.open)}>
        <button type="button" className={css.head} aria-expanded={isOpen} onClick={() => onToggle(number)}>
          <span className={css.mark}>
            <MarkIcon mark={mark} />
          </span>
          <time className={css.time} dateTime={newest.time} title={new Date(newest.time).toLocaleString()}>
            {clock(newest.time)}
          </time>
          <span className={css.type}>
            <Badge tone={isTrouble(newest.type) ? "bad" : "soft"}>{newest.type}</Badge>
          </span>
          <span className={css.message}>
            {scope === "all" && <WorkspaceName id={newest.workspace} />}
            {item.kind === "burst" ? (
              <>
                {events.length} times, from {clock(oldest.time)} on: {visible(newest.message)}
              </>
            ) : (
              visible(newest.message)
            )}
          </span>
          <span className={css.actor}>{visible(newest.actor ?? "")}</span>
        </button>
        {isOpen && (item.kind === "event" || events.length === 1) && (
          <EventDetail event={newest} onNarrow={onNarrow} />
        )}
        {isOpen && item.kind === "burst" && <BurstDetail events={events} onNarrow={onNarrow} />}
      </div>
    </>
  );
}

function BurstDetail({
  events,
  onNarrow,
}: {
  readonly events: readonly ShownEvent[];
  readonly onNarrow: (change: Partial<EventFilter>) => void;
}) {
  return (
    <ul className={css.burst}>
      {events.map((event) => (
        <li key={event.sequence}>
          <details>
            <summary>
              <time dateTime={event.time}>{clock(event.time)}</time> {visible(event.message)}
            </summary>
            <EventDetail event={event} onNarrow={onNarrow} />
          </details>
        </li>
      ))}
    </ul>
  );
}

function WorkspaceName({ id }: { readonly id: string | undefined }) {
  const name = useWorkspaces()?.find((one) => one.id === id)?.name;
  return id === undefined ? null : <span className={css.workspace}>{name ?? id} </span>;
}

const MARKS: Readonly<Record<Mark, { readonly text: string; readonly icon: "check" | "warning" | "info" }>> =
  {
    verified: { text: "verified", icon: "check" },
    newer: { text: "not verified yet", icon: "info" },
    broken: { text: "broken", icon: "warning" },
    unknown: { text: "not verified: behind a broken record, or before the first", icon: "info" },
  };

function MarkIcon({ mark }: { readonly mark: Mark | undefined }) {
  if (mark === undefined) return null;
  const { text, icon } = MARKS[mark];
  return (
    <span className={css[`is-${mark}`]} title={text}>
      {icon === "info" ? <span aria-hidden="true">○</span> : <Icon name={icon} size={14} />}
      <span className="unseen">{text}</span>
    </span>
  );
}

function clock(time: string): string {
  return new Date(time).toLocaleTimeString("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
  });
}
