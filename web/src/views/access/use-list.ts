import { useCallback, useEffect, useRef, useState } from "react";
import type { BerthEvent } from "../../../../src/client/index.ts";
import { useStore } from "../../state/context.ts";

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

interface Listed<Item> {
  /** undefined until it is known. */
  readonly items: readonly Item[] | undefined;
  readonly error: unknown;
  readonly refresh: () => void;
}

/** A whole list of the API, asked for again when an event of one of these types comes, and when the page is looked at. */
export function useList<Item>(
  ask: (
    query: { readonly limit: number; readonly cursor?: string },
    signal: AbortSignal,
  ) => Promise<Page<Item>>,
  isAbout: (event: BerthEvent) => boolean,
): Listed<Item> {
  const store = useStore();
  const [items, setItems] = useState<readonly Item[]>();
  const [error, setError] = useState<unknown>();
  const newest = useRef({ ask, isAbout });
  newest.current = { ask, isAbout };
  const stop = useRef<AbortController>(undefined);
  const refresh = useCallback(() => {
    stop.current?.abort();
    const own = new AbortController();
    stop.current = own;
    const load = async () => {
      const all: Item[] = [];
      for (let cursor: string | undefined; ; ) {
        const query = { limit: 1000, ...(cursor === undefined ? {} : { cursor }) };
        const page = await newest.current.ask(query, own.signal);
        all.push(...page.items);
        if (page.next === null) return all;
        cursor = page.next;
      }
    };
    load().then(
      (all) => {
        if (own.signal.aborted) return;
        setItems(all);
        setError(undefined);
      },
      (cause: unknown) => !own.signal.aborted && setError(cause),
    );
  }, []);
  useEffect(() => {
    refresh();
    const leave = store.onEvent((event) => newest.current.isAbout(event) && refresh());
    const onLook = () => document.visibilityState === "visible" && refresh();
    document.addEventListener("visibilitychange", onLook);
    return () => {
      leave();
      document.removeEventListener("visibilitychange", onLook);
      stop.current?.abort();
    };
  }, [store, refresh]);
  return { items, error, refresh };
}
