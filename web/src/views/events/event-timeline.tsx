import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { Empty, ErrorNote, Waiting } from "../../ui/notes.tsx";
import { Windowed } from "../../ui/windowed.tsx";
import { type EventFilter, isNarrowed, isShown, itemNumber, withBursts } from "./event-filter.ts";
import { EventFilters } from "./event-filters.tsx";
import { type Row, TimelineRow } from "./event-row.tsx";
import css from "./events.module.css";
import { useEvents } from "./use-events.ts";
import { useVerification } from "./use-verification.ts";
import { isLineBetween, markOf } from "./verification.ts";
import { VerificationBar } from "./verification-bar.tsx";

const BLOCK_EVENTS = 50;
const ROW_PIXELS = 33;
/** Where words or a cause are looked for, so many events are read by itself. */
const LOOKED_AT_ONCE = 1000;
const ENOUGH_ROWS = 40;

const blockOf = ({ number }: Row) => Math.floor(number / BLOCK_EVENTS);

interface EventTimelineProps {
  readonly filter: EventFilter;
  readonly onFilter: (filter: EventFilter) => void;
  readonly scope: "workspace" | "all";
}

/** Events, the newest first; older ones come as one scrolls down. */
export function EventTimeline({ filter, onFilter, scope }: EventTimelineProps) {
  const [isLive, setLive] = useState(true);
  const found = useEvents(filter, isLive);
  const verification = useVerification();
  const { verified } = verification;
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const root = useRef<HTMLElement>(null);
  const { events, more } = found;

  const { cause, text } = filter;
  const rows = useMemo(() => {
    const shown = events.filter((event) => isShown(event, { types: [], cause, text }));
    const items = withBursts(shown, (sequence) => verified && markOf(sequence, verified));
    return items.map((item, at): Row => {
      const number = itemNumber(item);
      const before = items[at - 1];
      const isAfterLine = isLineBetween(before && itemNumber(before), number, verified);
      return {
        number,
        item,
        day: dayOf(item, before),
        mark: verified && markOf(number, verified),
        line: isAfterLine ? verified : undefined,
        isOpen: open.has(number),
      };
    });
  }, [events, cause, text, verified, open]);
  const stable = useSameRows(rows);
  const toggle = useCallback((number: number) => {
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(number)) next.add(number);
      return next;
    });
  }, []);
  const asked = useRef({ filter, onFilter });
  asked.current = { filter, onFilter };
  const narrow = useCallback((change: Partial<EventFilter>) => {
    asked.current.onFilter({ ...asked.current.filter, ...change });
  }, []);
  const render = useCallback(
    (row: Row) => (
      <TimelineRow key={row.number} row={row} scope={scope} onToggle={toggle} onNarrow={narrow} />
    ),
    [scope, toggle, narrow],
  );
  const isLooking = isNarrowed(filter) && rows.length < ENOUGH_ROWS && events.length < LOOKED_AT_ONCE;
  useEffect(() => {
    if (isLooking && !found.isLoading && found.error === undefined) more();
  }, [isLooking, found.isLoading, found.error, more]);
  const end = useMoreAtEnd(root, more, found.hasMore && !isNarrowed(filter));

  return (
    <div className={css.timeline}>
      <VerificationBar {...verification} newest={events[0]?.sequence} />
      <EventFilters
        filter={filter}
        onFilter={onFilter}
        scope={scope}
        isLive={isLive}
        onLive={setLive}
        waiting={found.waiting}
      />
      <section
        ref={root}
        className={css.scroll}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keys
        tabIndex={0}
        aria-label="Timeline"
        aria-busy={found.isLoading}
      >
        <Windowed items={stable} blockOf={blockOf} render={render} root={root} estimate={ROW_PIXELS} />
        {rows.length === 0 && !found.isLoading && found.error === undefined && !found.hasMore && (
          <Empty icon="events" title="No event fits">
            <p>Take a filter away, or wait: what happens comes by itself.</p>
          </Empty>
        )}
        {found.isLoading && <Waiting what="Reading the log…" />}
        {found.error !== undefined && (
          <ErrorNote error={found.error} actions={<Button onClick={more}>Try again</Button>} />
        )}
        <div ref={end} className={css.end}>
          {found.hasMore && !found.isLoading && (
            <Button kind="quiet" onClick={more}>
              {isNarrowed(filter)
                ? `Look further back than record ${(events.at(-1)?.sequence ?? 0).toLocaleString("en")}`
                : "Earlier events"}
            </Button>
          )}
          {found.isFull && (
            <Button kind="quiet" onClick={() => narrow({ until: events.at(-1)?.time })}>
              More are not held at a time: go on from here
            </Button>
          )}
        </div>
      </section>
    </div>
  );
}

const DAY = { weekday: "long", day: "numeric", month: "long", year: "numeric" } as const;

/** Told where a day begins, seen from the newest. */
function dayOf(item: Row["item"], before: Row["item"] | undefined): string | undefined {
  const day = (one: Row["item"]) => {
    const event = one.kind === "event" ? one.event : one.events[0];
    return new Date(event?.time ?? 0).toLocaleDateString("en-GB", DAY);
  };
  return before !== undefined && day(before) === day(item) ? undefined : day(item);
}

/** Rows that say the same are the same objects, so that their blocks are not drawn anew. */
function useSameRows(rows: readonly Row[]): readonly Row[] {
  const known = useRef(new Map<number, Row>());
  return useMemo(() => {
    const next = new Map<number, Row>();
    const same = rows.map((row) => {
      const before = known.current.get(row.number);
      const kept = before !== undefined && isSame(before, row) ? before : row;
      next.set(row.number, kept);
      return kept;
    });
    known.current = next;
    return same;
  }, [rows]);
}

function isSame(one: Row, other: Row): boolean {
  const size = ({ item }: Row) => (item.kind === "event" ? 1 : item.events.length);
  return (
    one.day === other.day &&
    one.mark === other.mark &&
    one.line === other.line &&
    one.isOpen === other.isOpen &&
    one.item.kind === other.item.kind &&
    size(one) === size(other)
  );
}

/** Reads on when the end comes near. */
function useMoreAtEnd(root: { readonly current: HTMLElement | null }, more: () => void, isOn: boolean) {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOn || end.current === null) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && more(), {
      root: root.current,
      rootMargin: "400px 0px",
    });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [root, more, isOn]);
  return end;
}
