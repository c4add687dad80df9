import { useEffect, useRef } from "react";
import { useStore } from "../../state/context.ts";

/** A server listens some time after its process was started, which no event tells. */
const LOOKS_MS = [1_000, 3_000, 8_000];

/** Looks a few times more after a process of the workspace was started. */
export function useLookAgain(workspace: string, look: () => void): void {
  const store = useStore();
  const newest = useRef(look);
  newest.current = look;
  useEffect(() => {
    let timers: ReturnType<typeof setTimeout>[] = [];
    const clear = () => {
      for (const timer of timers) clearTimeout(timer);
    };
    const leave = store.onEvent((event) => {
      if (event.workspace !== workspace || event.type !== "process.started") return;
      clear();
      timers = LOOKS_MS.map((ms) => setTimeout(() => newest.current(), ms));
    });
    return () => {
      leave();
      clear();
    };
  }, [store, workspace]);
}
