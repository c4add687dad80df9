import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import type { Layout } from "./layout.ts";
import { keepLayout, keptLayout } from "./storage.ts";

/** The layout of the workspace's terminals, kept for when the page is loaded again. */
export function useLayout(
  workspace: string,
): readonly [Layout, (change: (before: Layout) => Layout) => void] {
  const [layout, setLayout] = useState(() => keptLayout(workspace));
  useEffect(() => keepLayout(workspace, layout), [workspace, layout]);
  const change = useCallback((next: (before: Layout) => Layout) => setLayout(next), []);
  return [layout, change];
}

const NARROW = "(width < 48rem)";

/** Whether there is room for one terminal only. */
export function useNarrow(): boolean {
  return useSyncExternalStore(
    (told) => {
      const query = matchMedia(NARROW);
      query.addEventListener("change", told);
      return () => query.removeEventListener("change", told);
    },
    () => matchMedia(NARROW).matches,
  );
}
