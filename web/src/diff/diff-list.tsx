import {
  type ReactNode,
  type Ref,
  useCallback,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { Button } from "../ui/button.tsx";
import { classes } from "../ui/classes.ts";
import { useRowWindow } from "../ui/row-window.ts";
import css from "./diff.module.css";
import { LineText } from "./line-text.tsx";
import type { DiffLine } from "./model.ts";
import { columnsOf, type DiffRow, type ShownFile } from "./rows.ts";

export interface DiffListHandle {
  /** Scrolls to a file's head. */
  readonly showFile: (path: string) => void;
  /** Scrolls to the next place that was changed, or the one before. */
  readonly showHunk: (step: 1 | -1) => void;
}

interface DiffListProps {
  readonly label: string;
  readonly files: readonly ShownFile[];
  readonly rows: readonly DiffRow[];
  readonly split: boolean;
  /** What stands in the row of a file; without it rows have none. */
  readonly head?: (file: ShownFile) => ReactNode;
  readonly onNote?: (file: ShownFile, action: "expand" | "load") => void;
  /** The file at the upper edge is another one. */
  readonly onTop?: (file: ShownFile) => void;
  readonly ref?: Ref<DiffListHandle>;
}

/** Heights in rem, as in the style sheet. */
const LINE = 1.375;
const HEAD = 2.25;
/** That an arrow key scrolls sideways. */
const KEY_PIXELS = 40;

/** Lines of diffs, of which only those in sight are there, however many there are. */
export function DiffList({ label, files, rows, split, head, onNote, onTop, ref }: DiffListProps) {
  const heightOf = useCallback((row: number) => (rows[row]?.kind === "file" ? HEAD : LINE), [rows]);
  const list = useRowWindow(rows.length, heightOf, head === undefined ? 0 : HEAD);
  const columns = useMemo(() => widest(rows), [rows]);
  const [shift, setShift] = useState(0);
  const bar = useRef<HTMLDivElement>(null);
  const topFile = files[rows[list.top]?.file ?? -1];
  /** The row that has the focus stays, wherever one scrolls. */
  const [held, setHeld] = useState<number>();

  const starts = useMemo(() => startsOf(files, rows), [files, rows]);
  useKeptPlace(starts, topFile?.path, list);
  const told = useRef<string>(undefined);
  useLayoutEffect(() => {
    if (topFile === undefined || told.current === topFile.path) return;
    told.current = topFile.path;
    onTop?.(topFile);
  }, [topFile, onTop]);
  useImperativeHandle(
    ref,
    () => ({
      showFile(path) {
        const row = starts.get(path);
        if (row !== undefined) list.show(row, "start");
      },
      showHunk(step) {
        const box = list.element();
        if (box === null) return;
        const covered = head === undefined ? 0 : list.offset(1);
        const now = box.scrollTop + covered;
        const isNext = (row: number) => rows[row]?.kind === "hunk" && (list.offset(row) - now) * step > 1;
        const order = rows.keys().filter(isNext);
        const found = step === 1 ? order.next().value : [...order].at(-1);
        if (found !== undefined) box.scrollTop = list.offset(found) - covered;
      },
    }),
    [rows, starts, list, head],
  );

  const shown: ReactNode[] = [];
  const add = (at: number) => {
    const row = rows[at];
    const file = files[row?.file ?? -1];
    if (row === undefined || file === undefined) return;
    const isAbove = row.kind === "file" && file === topFile && at !== held;
    shown.push(
      <div key={at} data-row={at} className={css.row} style={{ top: list.offset(at) }}>
        {!isAbove && <Row row={row} file={file} head={head} onNote={onNote} />}
      </div>,
    );
  };
  if (held !== undefined && held < list.first) add(held);
  for (let at = list.first; at < list.last; at++) add(at);
  if (held !== undefined && held >= list.last) add(held);
  return (
    <div className={css.frame}>
      <section
        ref={list.box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys
        tabIndex={0}
        aria-label={label}
        className={classes(css.list, split && css.split)}
        style={{ "--columns": columns, "--shift": `${shift}px` } as Record<string, string | number>}
        onScroll={list.onScroll}
        onFocus={({ target }) => {
          const row = target.closest<HTMLElement>("[data-row]")?.dataset.row;
          setHeld(row === undefined ? undefined : Number(row));
        }}
        onBlur={() => setHeld(undefined)}
        onKeyDown={(event) => {
          const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
          if (!split || step === undefined || event.target !== event.currentTarget) return;
          if (bar.current !== null) bar.current.scrollLeft += step * KEY_PIXELS;
          event.preventDefault();
        }}
        onWheel={(event) => {
          if (split && bar.current !== null) bar.current.scrollLeft += event.deltaX;
        }}
      >
        {head !== undefined && topFile !== undefined && (
          <div className={css.sticky}>
            <div className={css.head}>{head(topFile)}</div>
          </div>
        )}
        <div className={css.canvas} style={{ height: list.offset(rows.length) }}>
          {shown}
        </div>
      </section>
      {split && (
        <div
          ref={bar}
          className={css.bar}
          style={{ "--columns": columns } as Record<string, number>}
          aria-hidden="true"
          onScroll={(event) => setShift(event.currentTarget.scrollLeft)}
        >
          <div />
        </div>
      )}
    </div>
  );
}

/** What is looked at stays where it is when rows above it come or go. */
function useKeptPlace(
  starts: ReadonlyMap<string, number>,
  path: string | undefined,
  list: ReturnType<typeof useRowWindow>,
): void {
  const place = useRef<{ readonly path: string; readonly start: number; readonly of: unknown }>(undefined);
  useLayoutEffect(() => {
    const box = list.element();
    const before = place.current;
    if (box === null) return;
    if (before !== undefined && before.of !== starts) {
      const row = starts.get(before.path);
      const moved = row === undefined ? 0 : list.offset(row) - before.start;
      if (moved !== 0) box.scrollTop += moved;
    }
    const row = path === undefined ? undefined : starts.get(path);
    if (path !== undefined && row !== undefined)
      place.current = { path, start: list.offset(row), of: starts };
  });
}

interface RowProps {
  readonly row: DiffRow;
  readonly file: ShownFile;
  readonly head: DiffListProps["head"];
  readonly onNote: DiffListProps["onNote"];
}

function Row({ row, file, head, onNote }: RowProps) {
  switch (row.kind) {
    case "file":
      return <div className={css.head}>{head?.(file)}</div>;
    case "hunk":
      return (
        <div className={css.hunk}>
          <span>
            {row.text} <span className={css.heading}>{row.heading}</span>
          </span>
        </div>
      );
    case "note": {
      const { action } = row;
      return (
        <div className={css.note}>
          <span>{row.text}</span>
          {action !== undefined && onNote !== undefined && (
            <Button kind="quiet" onClick={() => onNote(file, action)} className={css.action}>
              {action === "expand" ? "Show" : "Load"}
            </Button>
          )}
        </div>
      );
    }
    case "line":
      return (
        <div className={classes(css.line, toneOf(row.line))}>
          <LineNumber value={row.line.old} />
          <LineNumber value={row.line.new} />
          <span className={css.sign}>{row.line.kind}</span>
          <LineText line={row.line} other={row.other} />
        </div>
      );
    case "pair":
      return (
        <div className={css.pair}>
          <Side line={row.left} other={row.right} side="old" />
          <Side line={row.right} other={row.left} side="new" />
        </div>
      );
  }
}

interface SideProps {
  readonly line: DiffLine | undefined;
  readonly other: DiffLine | undefined;
  readonly side: "old" | "new";
}

function Side({ line, other, side }: SideProps) {
  if (line === undefined) return <div className={classes(css.line, css.nothing)} />;
  return (
    <div className={classes(css.line, toneOf(line))}>
      <LineNumber value={line[side]} />
      <span className={css.sign}>{line.kind}</span>
      <span className={css.window}>
        <LineText line={line} other={other} />
      </span>
    </div>
  );
}

function LineNumber({ value }: { readonly value: number | null }) {
  return <span className={css.number}>{value}</span>;
}

function toneOf({ kind }: DiffLine): string | undefined {
  return kind === "+" ? css.added : kind === "-" ? css.removed : undefined;
}

/** The first row of each file. */
function startsOf(files: readonly ShownFile[], rows: readonly DiffRow[]): ReadonlyMap<string, number> {
  const starts = new Map<string, number>();
  for (const [at, { file }] of rows.entries()) {
    const path = files[file]?.path;
    if (path !== undefined && !starts.has(path)) starts.set(path, at);
  }
  return starts;
}

function widest(rows: readonly DiffRow[]): number {
  let most = 0;
  for (const row of rows) {
    if (row.kind === "line") most = Math.max(most, columnsOf(row.line.text));
    else if (row.kind === "pair") {
      most = Math.max(most, columnsOf(row.left?.text ?? ""), columnsOf(row.right?.text ?? ""));
    }
  }
  return most + 2;
}
