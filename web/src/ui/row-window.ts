import { type RefCallback, useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";

/** Rows above and below what is seen that are there all the same, so that scrolling shows no gap. */
const SPARE = 20;

export interface RowWindow {
  /** Of the element that scrolls. */
  readonly box: RefCallback<HTMLElement>;
  readonly onScroll: () => void;
  /** Rows to be drawn: from the first one up to before the last one. */
  readonly first: number;
  readonly last: number;
  /** The row at the upper edge. */
  readonly top: number;
  /** Pixels from the first row to this one; of `count`, all of them. */
  readonly offset: (row: number) => number;
  /** Scrolls no more than is needed to see the row, or so that it is the first one. */
  readonly show: (row: number, where?: "near" | "start") => void;
  readonly element: () => HTMLElement | null;
}

/**
 * Which rows of a long list are in sight. `heightOf` gives rem, and has to be the same function while heights are the
 * same; `head` is what covers the upper edge, in rem.
 */
export function useRowWindow(count: number, heightOf: (row: number) => number, head = 0): RowWindow {
  const element = useRef<HTMLElement | null>(null);
  const offsets = useMemo(() => {
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    const result = new Float64Array(count + 1);
    for (let row = 0; row < count; row++) result[row + 1] = (result[row] ?? 0) + heightOf(row) * rem;
    return { result, head: head * rem };
  }, [count, heightOf, head]);
  const [seen, setSeen] = useState({ from: 0, to: SPARE, top: 0 });
  const look = useCallback(() => {
    const box = element.current;
    if (box === null) return;
    const from = rowAt(offsets.result, box.scrollTop);
    const to = rowAt(offsets.result, box.scrollTop + box.clientHeight);
    const top = rowAt(offsets.result, box.scrollTop + 1);
    setSeen((before) =>
      before.from === from && before.to === to && before.top === top ? before : { from, to, top },
    );
  }, [offsets]);
  useLayoutEffect(look, [look]);
  const newest = useRef(look);
  newest.current = look;
  const observer = useRef<ResizeObserver | null>(null);
  const box = useCallback((found: HTMLElement | null) => {
    observer.current?.disconnect();
    element.current = found;
    if (found === null) return;
    observer.current = new ResizeObserver(() => newest.current());
    observer.current.observe(found);
    newest.current();
  }, []);
  const offset = useCallback(
    (row: number) => offsets.result[Math.max(0, Math.min(row, count))] ?? 0,
    [offsets, count],
  );
  const show = useCallback(
    (row: number, where: "near" | "start" = "near") => {
      const found = element.current;
      if (found === null) return;
      const [start, end] = [offset(row), offset(row + 1)];
      if (where === "start") found.scrollTop = start;
      else if (start < found.scrollTop + offsets.head) found.scrollTop = start - offsets.head;
      else if (end > found.scrollTop + found.clientHeight) found.scrollTop = end - found.clientHeight;
      newest.current();
    },
    [offset, offsets],
  );
  return {
    box,
    onScroll: look,
    first: Math.max(0, Math.min(seen.from, count) - SPARE),
    last: Math.min(count, seen.to + SPARE + 1),
    top: Math.min(seen.top, Math.max(0, count - 1)),
    offset,
    show,
    element: () => element.current,
  };
}

/** The last row that begins at or above this height. */
export function rowAt(offsets: Float64Array, y: number): number {
  let [low, high] = [0, Math.max(0, offsets.length - 2)];
  while (low < high) {
    const half = (low + high + 1) >> 1;
    if ((offsets[half] ?? 0) <= y) low = half;
    else high = half - 1;
  }
  return low;
}
