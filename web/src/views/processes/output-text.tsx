import { type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { classes } from "../../ui/classes.ts";
import { Windowed } from "../../ui/windowed.tsx";
import type { Finding } from "./find.ts";
import css from "./output.module.css";
import { OutputLine, type Range } from "./output-line.tsx";
import type { Line } from "./output-lines.ts";

const BLOCK_LINES = 100;
const LINE_PIXELS = 19;
/** So near to the end one is at the end. */
const NEAR_PIXELS = 24;

const blockOf = ({ number }: Line) => Math.floor(number / BLOCK_LINES);

interface OutputTextProps {
  readonly lines: readonly Line[];
  readonly wrap: boolean;
  readonly isGrowing: boolean;
  /** Stays at the end while more comes. */
  readonly follow: boolean;
  readonly onFollow: (follow: boolean) => void;
  readonly found: readonly Finding[];
  /** Index of what was found and is gone to. */
  readonly current: number;
  /** In place of lines, when there are none. */
  readonly empty: string;
}

/** Lines in a box of their own. Who scrolls up reads on undisturbed; a button leads back to what is new. */
export function OutputText({
  lines,
  wrap,
  isGrowing,
  follow,
  onFollow,
  found,
  current,
  empty,
}: OutputTextProps) {
  const root = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState<number | undefined>();
  const last = lines.at(-1)?.number ?? -1;
  useStayAtEnd(root, content, follow);
  useEffect(() => {
    if (follow) setSeen(undefined);
    else setSeen((before) => before ?? last);
  }, [follow, last]);

  const finding = found[current];
  const ranges = useMemo(() => rangesOf(found), [found]);
  const render = useCallback(
    (line: Line) => (
      <OutputLine
        key={line.number}
        line={line}
        found={ranges.get(line.number)}
        current={finding?.line === line.number ? indexIn(ranges.get(line.number), finding) : undefined}
      />
    ),
    [ranges, finding],
  );
  useEffect(() => {
    if (finding === undefined) return;
    const line = root.current?.querySelector(`[data-line="${finding.line}"]`);
    line?.scrollIntoView({ block: "center" });
  }, [finding]);

  const before = useRef(0);
  const onScroll = () => {
    const box = root.current;
    if (box === null) return;
    const isUp = box.scrollTop < before.current;
    before.current = box.scrollTop;
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PIXELS;
    if (follow && isUp && !isAtEnd) onFollow(false);
  };
  const hasNew = isGrowing && !follow && seen !== undefined && last > seen;
  return (
    <div className={css.box}>
      <section
        ref={root}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keys
        tabIndex={0}
        aria-label="Output"
        className={classes(css.scroll, wrap && css.wrap, follow && css.followed)}
        onScroll={onScroll}
      >
        <div ref={content} className={css.lines}>
          {lines.length === 0 ? (
            <p className={css.empty}>{empty}</p>
          ) : (
            <Windowed
              items={lines}
              blockOf={blockOf}
              render={render}
              root={root}
              estimate={LINE_PIXELS}
              forced={finding === undefined ? undefined : Math.floor(finding.line / BLOCK_LINES)}
            />
          )}
        </div>
      </section>
      {hasNew && (
        <Button kind="primary" className={css.new} onClick={() => onFollow(true)}>
          New output below
        </Button>
      )}
    </div>
  );
}

/** Whatever grows: what is seen is the end, as long as it is followed. */
function useStayAtEnd(
  root: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
  follow: boolean,
): void {
  useLayoutEffect(() => {
    if (!follow || root.current === null || content.current === null) return;
    const box = root.current;
    const toEnd = () => {
      box.scrollTop = box.scrollHeight;
    };
    toEnd();
    const observer = new ResizeObserver(toEnd);
    observer.observe(content.current);
    observer.observe(box);
    return () => observer.disconnect();
  }, [root, content, follow]);
}

function rangesOf(found: readonly Finding[]): ReadonlyMap<number, readonly Range[]> {
  const ranges = new Map<number, Range[]>();
  for (const { line, from, to } of found) {
    const known = ranges.get(line);
    if (known === undefined) ranges.set(line, [[from, to]]);
    else known.push([from, to]);
  }
  return ranges;
}

function indexIn(ranges: readonly Range[] | undefined, { from }: Finding): number | undefined {
  const index = ranges?.findIndex((range) => range[0] === from) ?? -1;
  return index === -1 ? undefined : index;
}
