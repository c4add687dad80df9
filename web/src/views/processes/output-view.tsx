import { type ReactNode, useEffect, useMemo, useState } from "react";
import { Button, IconButton } from "../../ui/button.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import { findIn } from "./find.ts";
import css from "./output.module.css";
import { type Line, textOf } from "./output-lines.ts";
import { OutputText } from "./output-text.tsx";

interface OutputViewProps {
  readonly lines: readonly Line[];
  readonly empty: string;
  /** What is shown: another part begins at its beginning. */
  readonly part?: number | undefined;
  /** undefined: what is shown does not grow. */
  readonly follow?: boolean | undefined;
  readonly onFollow: (follow: boolean) => void;
  readonly onDownload: () => void;
  readonly isDownloading: boolean;
  /** Above the lines: what is not among them, and the way there. */
  readonly earlier?: ReactNode;
  /** Below the lines. */
  readonly children?: ReactNode;
}

/** Output with what one does with it: find, wrap, copy, keep. */
export function OutputView({
  lines,
  empty,
  part,
  follow,
  onFollow,
  onDownload,
  isDownloading,
  earlier,
  children,
}: OutputViewProps) {
  const [wanted, setWanted] = useState("");
  const [at, setAt] = useState(0);
  const [wrap, setWrap] = useState(true);
  const found = useMemo(() => findIn(lines, wanted), [lines, wanted]);
  const current = found.length === 0 ? 0 : ((at % found.length) + found.length) % found.length;
  const isFinding = wanted !== "";
  useEffect(() => {
    if (isFinding) onFollow(false);
  }, [isFinding, onFollow]);
  const copy = () => {
    navigator.clipboard.writeText(textOf(lines)).then(() => say("Copied what is shown"), sayError);
  };
  return (
    <div className={css.view}>
      <div className={css.tools}>
        <input
          type="search"
          className={css.find}
          placeholder="Find in the output"
          aria-label="Find in the output"
          spellCheck={false}
          value={wanted}
          onChange={(event) => {
            setWanted(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") setAt(current + (event.shiftKey ? -1 : 1));
            if (event.key === "Escape") setWanted("");
          }}
        />
        {isFinding && (
          <>
            <span className={css.count} role="status">
              {found.length === 0 ? "nothing found" : `${current + 1} of ${found.length}`}
            </span>
            <Button kind="quiet" disabled={found.length === 0} onClick={() => setAt(current - 1)}>
              Previous
            </Button>
            <Button kind="quiet" disabled={found.length === 0} onClick={() => setAt(current + 1)}>
              Next
            </Button>
          </>
        )}
        {follow !== undefined && (
          <label className={css.tool}>
            <input type="checkbox" checked={follow} onChange={(event) => onFollow(event.target.checked)} />
            Follow
          </label>
        )}
        <label className={css.tool}>
          <input type="checkbox" checked={wrap} onChange={(event) => setWrap(event.target.checked)} />
          Wrap
        </label>
        <IconButton icon="copy" label="Copy the output that is shown" onClick={copy} />
        <IconButton icon="download" label="Download the log" busy={isDownloading} onClick={onDownload} />
      </div>
      {earlier !== undefined && <div className={css.earlier}>{earlier}</div>}
      <OutputText
        key={part}
        lines={lines}
        wrap={wrap}
        isGrowing={follow !== undefined}
        follow={follow ?? false}
        onFollow={onFollow}
        found={found}
        current={current}
        empty={empty}
      />
      {children !== undefined && <div className={css.foot}>{children}</div>}
    </div>
  );
}
