import { type KeyboardEvent, useEffect, useId } from "react";
import type { ShownFile } from "../../diff/rows.ts";
import { classes } from "../../ui/classes.ts";
import { useRowWindow } from "../../ui/row-window.ts";
import { visible } from "../../ui/visible.ts";
import css from "./changes.module.css";
import { statusWord } from "./status-words.ts";

interface ChangedFilesProps {
  readonly files: readonly ShownFile[];
  readonly selected: string | undefined;
  readonly onSelect: (file: ShownFile) => void;
  /** Enter: into its lines. */
  readonly onEnter: () => void;
}

const ROW = 2;
const heightOf = () => ROW;

/** The files that were changed: a list box of which only what is in sight is drawn. */
export function ChangedFiles({ files, selected, onSelect, onEnter }: ChangedFilesProps) {
  const id = useId();
  const list = useRowWindow(files.length, heightOf);
  const at = files.findIndex(({ path }) => path === selected);
  const { show } = list;
  useEffect(() => {
    if (at >= 0) show(at);
  }, [at, show]);
  const onKeyDown = (event: KeyboardEvent) => {
    const page = 10;
    const to = {
      ArrowDown: at + 1,
      ArrowUp: Math.max(0, at - 1),
      PageDown: Math.min(files.length - 1, at + page),
      PageUp: Math.max(0, at - page),
      Home: 0,
      End: files.length - 1,
    }[event.key];
    if (event.key === "Enter") onEnter();
    else if (to === undefined) return;
    const file = files[to ?? -1];
    if (file !== undefined) onSelect(file);
    event.preventDefault();
  };
  const shown = files.slice(list.first, list.last);
  return (
    <div
      ref={list.box}
      role="listbox"
      tabIndex={0}
      aria-label="Changed files"
      aria-activedescendant={at >= list.first && at < list.last ? `${id}-${at}` : undefined}
      className={css.files}
      onScroll={list.onScroll}
      onKeyDown={onKeyDown}
    >
      <div role="presentation" className={css.canvas} style={{ height: list.offset(files.length) }}>
        {shown.map((file, index) => {
          const row = list.first + index;
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the list box has the keys
            <div
              key={file.path}
              id={`${id}-${row}`}
              role="option"
              tabIndex={-1}
              aria-selected={row === at}
              aria-posinset={row + 1}
              aria-setsize={files.length}
              title={file.oldPath === null ? file.path : `${file.oldPath} → ${file.path}`}
              className={classes(css.file, row === at && css.selected)}
              style={{ top: list.offset(row) }}
              onClick={() => onSelect(file)}
            >
              <StatusLetter status={file.status} />
              <FileName path={file.path} />
              <LineCounts added={file.added} deleted={file.deleted} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

export function StatusLetter({ status }: { readonly status: string }) {
  const { letter, word, tone } = statusWord(status);
  return (
    <span className={classes(css.letter, css[tone])} title={word}>
      <span aria-hidden="true">{letter}</span>
      <span className="unseen">{word}</span>
    </span>
  );
}

/** The name, with its directory behind it in a soft colour. */
function FileName({ path }: { readonly path: string }) {
  const slash = path.lastIndexOf("/");
  return (
    <span className={css.name}>
      {visible(path.slice(slash + 1))}
      {slash > 0 && <span className={css.directory}>{visible(path.slice(0, slash))}</span>}
    </span>
  );
}

interface LineCountsProps {
  readonly added: number | null;
  readonly deleted: number | null;
}

/** "+12 −3". */
export function LineCounts({ added, deleted }: LineCountsProps) {
  if (added === null && deleted === null) return <span className={css.soft}>binary</span>;
  return (
    <span className={css.counts}>
      {added !== null && added > 0 && <span className={css.plus}>+{added.toLocaleString("en")}</span>}
      {deleted !== null && deleted > 0 && <span className={css.minus}>−{deleted.toLocaleString("en")}</span>}
    </span>
  );
}
