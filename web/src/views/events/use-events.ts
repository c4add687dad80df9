import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useClient, useStore } from "../../state/context.ts";
import { type EventFilter, isAskedFor, queryOf, type ShownEvent, shownEvent } from "./event-filter.ts";
import { readEvents } from "./event-page.ts";

const PAGE_EVENTS = 200;
/** Held at a time; what is older is a filter by time away. */
export const MOST_EVENTS = 5000;
/** Events come in bursts; they are shown together. */
const SHOW_MS = 100;

export interface Events {
  /** The newest first. */
  readonly events: readonly ShownEvent[];
  /** Came while they were held back. */
  readonly waiting: number;
  /** Whether there are older ones that can be read. */
  readonly hasMore: boolean;
  readonly isFull: boolean;
  readonly isLoading: boolean;
  readonly error: unknown;
  readonly more: () => void;
}

interface Held {
  readonly events: readonly ShownEvent[];
  readonly next: number | null;
}

/** Events by a filter: the newest page, then those before it when they are asked for, and what comes, as it comes. */
export function useEvents(filter: EventFilter, isLive: boolean): Events {
  const client = useClient();
  const store = useStore();
  const key = JSON.stringify(queryOf(filter));
  const [held, setHeld] = useState<Held>({ events: [], next: null });
  const [came, setCame] = useState<readonly ShownEvent[]>([]);
  const [isLoading, setLoading] = useState(true);
  const [error, setError] = useState<unknown>();
  const given = useRef(filter);
  given.current = filter;
  const stop = useRef(new AbortController());
  const load = useCallback(
    async (before: number | undefined) => {
      const { signal } = stop.current;
      setLoading(true);
      setError(undefined);
      try {
        const query = {
          ...queryOf(given.current),
          order: "newest" as const,
          limit: PAGE_EVENTS,
          ...(before === undefined ? {} : { before }),
        };
        const { items, next } = await readEvents(client, query, signal);
        if (signal.aborted) return;
        // What came meanwhile stays.
        setHeld(({ events }) => ({ events: merged(events, items), next }));
      } catch (reason) {
        if (!signal.aborted) setError(reason);
      }
      if (!signal.aborted) setLoading(false);
    },
    [client],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: another question is asked anew
  useEffect(() => {
    const mine = new AbortController();
    stop.current = mine;
    setHeld({ events: [], next: null });
    setCame([]);
    void load(undefined);
    let fresh: ShownEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const leave = store.onEvent((event) => {
      const shown = shownEvent(event);
      if (!isAskedFor(shown, given.current)) return;
      fresh.push(shown);
      timer ??= setTimeout(() => {
        const more = fresh.toReversed();
        fresh = [];
        timer = undefined;
        setCame((before) => [...more, ...before].slice(0, MOST_EVENTS));
      }, SHOW_MS);
    });
    return () => {
      mine.abort();
      leave();
      clearTimeout(timer);
    };
  }, [store, load, key]);
  useEffect(() => {
    if (!isLive || came.length === 0) return;
    setHeld((before) => bounded({ ...before, events: merged(came, before.events) }));
    setCame([]);
  }, [isLive, came]);
  const { events, next } = held;
  const isFull = events.length >= MOST_EVENTS;
  const more = useCallback(() => {
    if (next !== null && !isFull && !isLoading) void load(next);
  }, [next, isFull, isLoading, load]);
  return useMemo(
    () => ({
      events,
      waiting: came.length,
      hasMore: next !== null && !isFull,
      isFull: isFull && next !== null,
      isLoading,
      error,
      more,
    }),
    [events, came, next, isFull, isLoading, error, more],
  );
}

/** Both, the newest first, each once. */
function merged(newer: readonly ShownEvent[], older: readonly ShownEvent[]): ShownEvent[] {
  const last = newer.at(-1)?.sequence ?? Number.POSITIVE_INFINITY;
  return [...newer, ...older.filter(({ sequence }) => sequence < last)];
}

/** The oldest go, and are read again when they are asked for. */
function bounded({ events, next }: Held): Held {
  if (events.length <= MOST_EVENTS) return { events, next };
  const kept = events.slice(0, MOST_EVENTS);
  return { events: kept, next: kept.at(-1)?.sequence ?? next };
}
