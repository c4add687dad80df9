import { type DragEvent, type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { useObservable } from "../../state/observable.ts";
import { classes } from "../../ui/classes.ts";
import { shortBytes } from "../../ui/format.ts";
import { Icon } from "../../ui/icon.tsx";
import { toldError } from "../../ui/notes.tsx";
import { useRowWindow } from "../../ui/row-window.ts";
import { visible } from "../../ui/visible.ts";
import css from "./files.module.css";
import { NameInput } from "./name-input.tsx";
import { parentOf } from "./paths.ts";
import { type PathFacts, type TreeRow, treeRows, treeStep, typedAhead } from "./tree.ts";
import type { TreeModel } from "./tree-model.ts";

/** A name that is being typed in the tree. */
export interface Naming {
  readonly kind: "file" | "directory" | "rename";
  /** The directory that something new is made in, or what is renamed. */
  readonly path: string;
}

interface FileTreeProps {
  readonly tree: TreeModel;
  readonly active: string | undefined;
  /** Files with changes that are not saved. */
  readonly dirty: ReadonlySet<string>;
  readonly naming: Naming | undefined;
  readonly onActive: (path: string) => void;
  readonly onOpen: (row: TreeRow) => void;
  readonly onRename: (path: string) => void;
  readonly onDelete: (path: string) => void;
  readonly onNamed: (name: string | undefined) => void;
  /** undefined: nothing can be dropped here. */
  readonly onDrop: ((directory: string, transfer: DataTransfer) => void) | undefined;
}

const ROW = 1.75;
const heightOf = () => ROW;
/** Letters that are typed within this time belong together. */
const TYPED_MS = 700;
/** Sizes are asked for when scrolling has come to rest. */
const REST_MS = 150;

/** The directories and files of the place, as a tree of which only what is in sight is drawn. */
export function FileTree(props: FileTreeProps) {
  const { tree, active, dirty, naming, onActive, onOpen, onNamed, onDrop } = props;
  const state = useObservable(tree.state);
  const rows = useMemo(() => withName(treeRows(state), naming), [state, naming]);
  const list = useRowWindow(rows.length, heightOf);
  const id = useId();
  const typed = useRef({ text: "", at: 0 });
  const [target, setTarget] = useState<string>();
  const at = rows.findIndex(({ path }) => path === active);
  const { show, first, last } = list;
  const box = useRef<HTMLElement | null>(null);

  useEffect(() => {
    if (at >= 0) show(at);
  }, [at, show]);
  // "Loading…" was chosen, and what is in the directory is there now.
  const inside = at < 0 ? insteadOf(rows, active) : undefined;
  useEffect(() => {
    if (inside !== undefined) onActive(inside);
  }, [inside, onActive]);
  const nameAt = rows.findIndex((row) => isName(row));
  useEffect(() => {
    if (nameAt >= 0) show(nameAt);
  }, [nameAt, show]);
  useEffect(() => {
    const timer = setTimeout(() => {
      const shown = rows
        .slice(first, last)
        .filter((row) => row.note === undefined && row.type !== "directory" && !isName(row));
      void tree.learn(shown.map(({ path }) => path));
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [tree, rows, first, last]);

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = rows[at];
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 0) / (list.offset(1) || 1)) - 1);
    const step = treeStep(rows, active, event.key, page);
    const path = row === undefined || row.note !== undefined ? undefined : row.path;
    if (event.key.length > 1) typed.current.text = "";
    if (step !== undefined && "go" in step) onActive(step.go);
    else if (step !== undefined && "open" in step) void tree.unfold(step.open);
    else if (step !== undefined) tree.fold(step.close);
    else if (event.key === "Enter" && row !== undefined && path !== undefined) onOpen(row);
    else if (event.key === "F2" && path !== undefined) props.onRename(path);
    else if (event.key === "Delete" && path !== undefined) props.onDelete(path);
    else if (event.key.length === 1 && event.key !== " ") {
      const isNew = event.timeStamp - typed.current.at > TYPED_MS;
      typed.current = { text: (isNew ? "" : typed.current.text) + event.key, at: event.timeStamp };
      const found = typedAhead(rows, active, typed.current.text);
      if (found !== undefined) onActive(found);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const directoryOf = (element: EventTarget) => {
    const path =
      element instanceof Element ? element.closest<HTMLElement>("[data-path]")?.dataset.path : undefined;
    const row = rows.find((one) => one.path === path);
    if (row === undefined) return "";
    return row.isOpen === undefined ? parentOf(row.path) : row.path;
  };
  const dropping = (event: DragEvent) => {
    if (onDrop === undefined || !event.dataTransfer.types.includes("Files")) return false;
    event.preventDefault();
    return true;
  };
  return (
    <div
      ref={(found) => {
        list.box(found);
        box.current = found;
      }}
      role="tree"
      aria-label="Files"
      tabIndex={0}
      aria-activedescendant={at >= first && at < last ? `${id}-${at}` : undefined}
      className={classes(css.tree, target === "" && css.dropRoot)}
      onScroll={list.onScroll}
      onKeyDown={onKeyDown}
      onFocus={({ target: focused, currentTarget }) => {
        if (focused === currentTarget && active === undefined && rows[0] !== undefined)
          onActive(rows[0].path);
      }}
      onDragOver={(event) => {
        if (dropping(event)) setTarget(directoryOf(event.target));
      }}
      onDragLeave={() => setTarget(undefined)}
      onDrop={(event) => {
        if (!dropping(event)) return;
        setTarget(undefined);
        onDrop?.(directoryOf(event.target), event.dataTransfer);
      }}
    >
      <div role="presentation" className={css.canvas} style={{ height: list.offset(rows.length) }}>
        {rows.slice(first, last).map((row, index) => {
          const place = first + index;
          const style = { top: list.offset(place), paddingInlineStart: `${row.level * 0.875}rem` };
          if (isName(row)) {
            return (
              <div key="naming" role="none" className={css.treeRow} style={style}>
                <NameInput naming={naming} onNamed={onNamed} />
              </div>
            );
          }
          return (
            <Row
              key={row.path}
              id={`${id}-${place}`}
              row={row}
              style={style}
              facts={state.facts.get(row.path)}
              isActive={place === at}
              isDirty={dirty.has(row.path)}
              isTarget={target !== undefined && target !== "" && target === row.path}
              onClick={() => {
                if (row.note !== undefined) return;
                onActive(row.path);
                onOpen(row);
              }}
            />
          );
        })}
      </div>
    </div>
  );
}

interface RowProps {
  readonly id: string;
  readonly row: TreeRow;
  readonly style: { readonly top: number; readonly paddingInlineStart: string };
  readonly facts: PathFacts | null | undefined;
  readonly isActive: boolean;
  readonly isDirty: boolean;
  readonly isTarget: boolean;
  readonly onClick: () => void;
}

function Row({ id, row, style, facts, isActive, isDirty, isTarget, onClick }: RowProps) {
  const { path, name, type, isOpen, note } = row;
  const isBroken = facts === null && type === "symlink";
  const size = facts != null && type !== "directory" && !facts.isDirectory ? shortBytes(facts.size) : "";
  const words = [
    type === "symlink" && (isBroken ? "link that leads nowhere" : "link"),
    type !== "symlink" && type !== "file" && type !== "directory" && type,
    isDirty && "not saved",
  ].filter((word) => word !== false);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree has the keys
    <div
      id={id}
      role="treeitem"
      tabIndex={-1}
      aria-level={row.level}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      aria-expanded={isOpen}
      aria-selected={isActive}
      data-path={path}
      title={visible(name)}
      className={classes(css.treeRow, isActive && css.active, isTarget && css.dropTarget)}
      style={style}
      onClick={onClick}
    >
      {note === undefined ? (
        <>
          <span className={css.fold}>
            {isOpen !== undefined && <Icon name={isOpen ? "chevronDown" : "chevronRight"} size={12} />}
          </span>
          <span className={isOpen === undefined ? css.soft : css.folder}>
            <Icon name={isOpen === undefined ? "file" : "folder"} size={14} />
          </span>
          <span className={classes(css.treeName, isBroken && css.bad)}>{visible(name)}</span>
          {words.length > 0 && <span className={isDirty ? css.warn : css.soft}>{words.join(", ")}</span>}
          {size !== "" && <span className={css.size}>{size}</span>}
        </>
      ) : (
        <span className={note.kind === "error" ? css.bad : css.soft}>{noteWords(note)}</span>
      )}
    </div>
  );
}

function noteWords(note: NonNullable<TreeRow["note"]>): string {
  if (note.kind === "error") return toldError(note.error).message;
  return { loading: "Loading…", empty: "Nothing in it", cut: "There are more, which are not shown" }[
    note.kind
  ];
}

/** The first row of the directory that a note told of. */
function insteadOf(rows: readonly TreeRow[], active: string | undefined): string | undefined {
  const end = active?.indexOf("/\0") ?? -1;
  if (active === undefined || end < 0) return undefined;
  const directory = active.slice(0, end);
  return rows.find(({ path }) => path !== "" && parentOf(path) === directory)?.path;
}

const NAME = "\0naming";
const isName = ({ path }: TreeRow): boolean => path === NAME;

/** The rows, with one for the name that is being typed: below the directory, or in place of what is renamed. */
function withName(rows: TreeRow[], naming: Naming | undefined): TreeRow[] {
  if (naming === undefined) return rows;
  const at = rows.findIndex(({ path }) => path === naming.path);
  const row = rows[at];
  const name = { path: NAME, name: "", type: "file", isOpen: undefined, position: 1, siblings: 1 } as const;
  if (naming.kind === "rename")
    return row === undefined ? rows : rows.with(at, { ...name, level: row.level });
  return rows.toSpliced(at + 1, 0, { ...name, level: (row?.level ?? 0) + 1 });
}
