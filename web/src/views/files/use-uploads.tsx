import { type ReactNode, useRef } from "react";
import type { RunnerClient } from "../../../../src/client/index.ts";
import { count } from "../../diff/rows.ts";
import { say, sayError } from "../../ui/toasts.tsx";
import { chosenFiles, type Dropped, droppedFiles } from "./dropped.ts";
import { makeDirectory } from "./name-work.ts";
import { joinPath } from "./paths.ts";
import type { Transfers } from "./transfers.ts";
import type { TreeModel } from "./tree-model.ts";

interface UploadOptions {
  readonly client: RunnerClient;
  readonly workspace: string;
  readonly transfers: Transfers;
  readonly tree: TreeModel;
}

interface Uploads {
  /** Lets somebody choose files, or a directory. */
  readonly choose: (directory: string, whole: boolean) => void;
  readonly drop: (directory: string, transfer: DataTransfer) => void;
  /** To be rendered somewhere. */
  readonly inputs: ReactNode;
}

/** The ways in which files of this machine get into a directory of the place. */
export function useUploads({ client, workspace, transfers, tree }: UploadOptions): Uploads {
  const files = useRef<HTMLInputElement>(null);
  const whole = useRef<HTMLInputElement>(null);
  const target = useRef("");
  const begin = async (directory: string, { files: found, emptyDirectories, isCut }: Dropped) => {
    if (isCut) say(`Only the first ${count(found.length, "file")} are uploaded.`);
    if (directory !== "") void tree.unfold(directory);
    transfers.upload(client, workspace, directory, found, (path) => tree.changed(path));
    for (const path of emptyDirectories) {
      await makeDirectory(client, workspace, joinPath(directory, path), true);
      tree.changed(joinPath(directory, path));
    }
  };
  const input = (isWhole: boolean) => (
    <input
      ref={(element) => {
        (isWhole ? whole : files).current = element;
        if (element !== null && isWhole) element.webkitdirectory = true;
      }}
      type="file"
      multiple
      hidden
      aria-label={isWhole ? "Directory to upload" : "Files to upload"}
      onChange={({ target: { files: chosen }, currentTarget }) => {
        if (chosen === null) return;
        const found = { files: chosenFiles(chosen), emptyDirectories: [], isCut: false };
        begin(target.current, found).catch(sayError);
        // The same file can be chosen again.
        currentTarget.value = "";
      }}
    />
  );
  return {
    choose(directory, isWhole) {
      target.current = directory;
      (isWhole ? whole : files).current?.click();
    },
    drop(directory, transfer) {
      // What is dropped is there during this call only.
      const entries = [...transfer.items]
        .map((item) => item.webkitGetAsEntry())
        .filter((entry) => entry !== null);
      // A drop that a program makes has files without entries.
      const plain = { files: chosenFiles(transfer.files), emptyDirectories: [], isCut: false };
      const dropped = entries.length > 0 ? droppedFiles(entries) : Promise.resolve(plain);
      dropped.then((found) => begin(directory, found)).catch(sayError);
    },
    inputs: (
      <>
        {input(false)}
        {input(true)}
      </>
    ),
  };
}
