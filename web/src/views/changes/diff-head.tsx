import type { ShownFile } from "../../diff/rows.ts";
import { navigate, workspacePath } from "../../state/router.ts";
import { IconButton } from "../../ui/button.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import { visible } from "../../ui/visible.ts";
import { LineCounts, StatusLetter } from "./changed-files.tsx";
import css from "./changes.module.css";
import { statusWord } from "./status-words.ts";

interface DiffHeadProps {
  readonly file: ShownFile;
  readonly workspace: string;
  readonly isFolded: boolean;
  readonly onFold: () => void;
}

/** Above the lines of a file: which one it is, and what can be done with it. */
export function DiffHead({ file, workspace, isFolded, onFold }: DiffHeadProps) {
  const { path, oldPath, status, added, deleted } = file;
  const copy = () =>
    void navigator.clipboard.writeText(path).then(() => say(`${path} is in the clipboard.`), sayError);
  return (
    <>
      <IconButton
        icon={isFolded ? "chevronRight" : "chevronDown"}
        label={isFolded ? `Show the lines of ${path}` : `Fold the lines of ${path}`}
        aria-expanded={!isFolded}
        onClick={onFold}
      />
      <StatusLetter status={status} />
      <h3 className={css.path} title={visible(path)}>
        {oldPath !== null && <span className={css.soft}>{visible(oldPath)} → </span>}
        {visible(path)}
      </h3>
      <span className={css.soft} aria-hidden="true">
        {statusWord(status).word}
      </span>
      <LineCounts added={added} deleted={deleted} />
      <IconButton icon="copy" label={`Copy the path ${path}`} onClick={copy} />
      {status !== "deleted" && (
        <IconButton
          icon="edit"
          label={`Open ${path} in files`}
          onClick={() => navigate(workspacePath(workspace, "files", { path, ...lineOf(file) }))}
        />
      )}
    </>
  );
}

/** The first line that was changed. */
function lineOf({ diff }: ShownFile): { readonly line?: string } {
  const first = diff?.hunks[0]?.lines.find(({ kind, new: at }) => kind === "+" && at !== null);
  return first?.new == null ? {} : { line: String(first.new) };
}
