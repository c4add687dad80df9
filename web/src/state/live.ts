import { useCallback, useEffect, useRef, useState } from "react";
import type { BerthEvent } from "../../../src/client/index.ts";
import { Asking } from "./asking.ts";
import { useStore } from "./context.ts";

/** Events come in bursts; what they are about is asked for once behind them. */
const GATHER_MS = 250;

export interface Live<Value> {
  /** undefined until it is known; stays while it is asked for again, and when that fails. */
  readonly value: Value | undefined;
  /** Why the newest question has failed. */
  readonly error: unknown;
  readonly isLoading: boolean;
  readonly refresh: () => void;
}

/**
 * Something of the runner, as it is now: asked for when the view comes, when an event says that it may be another one,
 * when the connection is there again, and when the page is looked at again. Ends with the view.
 * @param key what it is of: another key is another value
 */
export function useLive<Value>(
  key: string,
  load: (signal: AbortSignal) => Promise<Value>,
  isAbout: (event: BerthEvent) => boolean,
): Live<Value> {
  const store = useStore();
  const [state, setState] = useState<Omit<Live<Value>, "refresh">>(NOTHING);
  const given = useRef({ load, isAbout });
  given.current = { load, isAbout };
  const again = useRef<() => void>(() => undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another key is asked for anew
  useEffect(() => {
    const stop = new AbortController();
    const asking = new Asking(async () => {
      setState((before) => ({ ...before, isLoading: true }));
      try {
        const value = await given.current.load(stop.signal);
        if (!stop.signal.aborted) setState({ value, error: undefined, isLoading: false });
      } catch (error) {
        if (!stop.signal.aborted) setState((before) => ({ ...before, error, isLoading: false }));
      }
    }, GATHER_MS);
    again.current = () => void asking.now();
    setState(NOTHING);
    void asking.now();
    const leaveEvents = store.onEvent((event) => {
      if (given.current.isAbout(event)) asking.soon();
    });
    let link = store.link.get().state;
    const leaveLink = store.link.subscribe(() => {
      const before = link;
      link = store.link.get().state;
      if (before === "lost" && link === "live") asking.soon();
    });
    const onVisible = () => {
      if (!document.hidden) asking.soon();
    };
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      stop.abort();
      asking[Symbol.dispose]();
      leaveEvents();
      leaveLink();
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [store, key]);
  const refresh = useCallback(() => again.current(), []);
  return { ...state, refresh };
}

const NOTHING = { value: undefined, error: undefined, isLoading: true };
