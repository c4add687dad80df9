import { useEffect, useState } from "react";
import { count } from "../../diff/rows.ts";
import { useClient } from "../../state/context.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { countWithin } from "./tree-model.ts";

interface DeleteDialogProps {
  readonly workspace: string;
  readonly path: string;
  readonly isDirectory: boolean;
  readonly isDirty: boolean;
  readonly onClose: () => void;
  readonly onDeleted: () => void;
}

/** Asks before something is deleted, and says how much it is. */
export function DeleteDialog({
  workspace,
  path,
  isDirectory,
  isDirty,
  onClose,
  onDeleted,
}: DeleteDialogProps) {
  const client = useClient();
  const [inside, setInside] = useState<Awaited<ReturnType<typeof countWithin>>>();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    if (!isDirectory) return;
    const stop = new AbortController();
    countWithin(client, workspace, path, stop.signal).then(setInside, () => undefined);
    return () => stop.abort();
  }, [client, workspace, path, isDirectory]);
  const remove = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await client.delete("/v1/workspaces/{workspace}/files", {
        params: { path: { workspace }, query: { path, recursive: isDirectory } },
      });
      onDeleted();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={isDirectory ? "Delete the directory?" : "Delete the file?"}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button kind="danger" busy={isBusy} onClick={() => void remove()}>
            Delete
          </Button>
        </>
      }
    >
      <p>
        <code>{path}</code>
        {isDirectory &&
          `, with ${inside === undefined ? "everything in it (counting…)" : insideWords(inside)}`}
        . It can't be brought back from here.
      </p>
      {isDirty && <p>It has changes that were not saved.</p>}
      {error !== undefined && <ErrorNote error={error} />}
    </Dialog>
  );
}

function insideWords({ files, directories, isMore }: Awaited<ReturnType<typeof countWithin>>): string {
  const more = isMore ? "more than " : "";
  if (directories === 0) return `${more}${count(files, "file")} in it`;
  return `${more}${count(files, "file")} and ${directories === 1 ? "a directory" : `${directories} directories`} in it`;
}
