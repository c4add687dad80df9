import { useMemo, useState } from "react";
import { DiffList } from "../../diff/diff-list.tsx";
import { mergeTexts } from "../../diff/merge.ts";
import { count, rowsOf } from "../../diff/rows.ts";
import { diffTexts } from "../../diff/texts.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote, Note } from "../../ui/notes.tsx";
import { say } from "../../ui/toasts.tsx";
import { useNarrow } from "../changes/narrow.ts";
import type { Buffers, Conflict, OpenFile } from "./buffers.ts";
import css from "./files.module.css";

interface ConflictDialogProps {
  readonly conflict: Conflict;
  readonly file: OpenFile;
  readonly buffers: Buffers;
  /** Writes what is edited over what stands there now; gives another conflict when that has changed again. */
  readonly overwrite: (conflict: Conflict) => Promise<Conflict | undefined>;
  readonly onConflict: (conflict: Conflict) => void;
  readonly onClose: () => void;
}

/** The file was changed in the place while it was edited here: both are shown, and nothing is lost unasked. */
export function ConflictDialog({
  conflict,
  file,
  buffers,
  overwrite,
  onConflict,
  onClose,
}: ConflictDialogProps) {
  const { path, theirs } = conflict;
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const isNarrow = useNarrow();
  const mine = buffers.textOf(path);
  const merged = useMemo(
    () => (theirs === undefined ? undefined : mergeTexts(file.base.text, mine, theirs.text)),
    [file, mine, theirs],
  );
  const keepMine = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const again = await overwrite(conflict);
      if (again !== undefined) onConflict(again);
      else {
        say(`${path} was saved as you have it.`);
        onClose();
      }
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  const takeTheirs = () => {
    if (theirs === undefined) buffers.giveUp(path);
    else buffers.rebase(conflict, theirs.text);
    say(theirs === undefined ? `${path} was given up.` : `${path} is shown as it is in the place.`);
    onClose();
  };
  const merge = () => {
    if (merged === undefined) return;
    buffers.rebase(conflict, merged.text);
    say(
      merged.conflicts === 0
        ? "Both changes are in the text now. Look at it, and save it."
        : `Both changes are in the text now, with ${count(merged.conflicts, "place")} to decide between markers.`,
    );
    onClose();
  };
  return (
    <Dialog
      title={theirs === undefined ? `${path} was removed meanwhile` : `${path} was changed meanwhile`}
      wide
      onClose={onClose}
      actions={
        <>
          <Button kind="quiet" onClick={onClose}>
            Edit on
          </Button>
          <Button onClick={takeTheirs}>{theirs === undefined ? "Give up mine" : "Take theirs"}</Button>
          <Button busy={isBusy} onClick={() => void keepMine()}>
            {theirs === undefined ? "Save mine anew" : "Keep mine"}
          </Button>
          {merged !== undefined && (
            <Button kind="primary" onClick={merge}>
              {merged.conflicts === 0 ? "Merge both" : "Merge by hand"}
            </Button>
          )}
        </>
      }
    >
      <p>
        {theirs === undefined
          ? "Somebody has removed the file in the place while you edited it. Nothing was written."
          : "Somebody has changed the file in the place while you edited it. Nothing was written over."}
      </p>
      {merged !== undefined && (
        <Note kind="info">
          <p>
            {merged.conflicts === 0
              ? "The changes are in different places: both can be kept."
              : `In ${count(merged.conflicts, "place")} both say something else.`}
          </p>
        </Note>
      )}
      {error !== undefined && <ErrorNote error={error} />}
      {theirs !== undefined && <BothTexts path={path} theirs={theirs.text} mine={mine} split={!isNarrow} />}
    </Dialog>
  );
}

interface BothTextsProps {
  readonly path: string;
  readonly theirs: string;
  readonly mine: string;
  readonly split: boolean;
}

function BothTexts({ path, theirs, mine, split }: BothTextsProps) {
  const files = useMemo(() => {
    const diff = diffTexts(path, theirs, mine);
    const { added, deleted } = diff;
    return [{ path, oldPath: null, status: "modified", added, deleted, binary: false, diff }];
  }, [path, theirs, mine]);
  const rows = useMemo(
    () => rowsOf(files, { split, collapsed: () => false, loading: false, heads: false }),
    [files, split],
  );
  if (rows.length === 0) return <p>Both texts are the same.</p>;
  return (
    <div className={css.both}>
      <p className={css.bothHead}>
        <span>− In the place</span>
        <span>+ Yours</span>
      </p>
      <div className={css.bothLines}>
        <DiffList label="In the place, and yours" files={files} rows={rows} split={split} />
      </div>
    </div>
  );
}
