import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useCommands } from "../../shell/commands.ts";
import { useClient, useMay } from "../../state/context.ts";
import { useObservable } from "../../state/observable.ts";
import { navigate, workspacePath } from "../../state/router.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { classes } from "../../ui/classes.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { shortBytes } from "../../ui/format.ts";
import { Menu } from "../../ui/menu.tsx";
import { Empty } from "../../ui/notes.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import type { WorkspaceViewProps } from "../workspace-page.tsx";
import { DeleteDialog } from "./delete-dialog.tsx";
import { FilePane } from "./file-pane.tsx";
import { FileTree, type Naming } from "./file-tree.tsx";
import css from "./files.module.css";
import { makeNew, moveTo } from "./name-work.ts";
import { isWithin, nameOf, parentOf } from "./paths.ts";
import { TransfersPanel } from "./transfers-panel.tsx";
import type { TreeRow } from "./tree.ts";
import { useFiles } from "./use-files.ts";
import { useUploads } from "./use-uploads.tsx";

/** What is downloaded lies in the browser's memory first: from here on it is asked about. */
const LARGE_DOWNLOAD = 512 * 1024 * 1024;

/** The files of a workspace's place: a tree, and the file that is open. */
export function FilesView({ workspace, query }: WorkspaceViewProps) {
  const { id } = workspace;
  const client = useClient();
  const mayWrite = useMay("operate");
  const files = useFiles(id);
  const { tree, buffers, transfers } = files;
  const state = useObservable(tree.state);
  const texts = useObservable(buffers.files);
  const path = query.get("path") ?? undefined;
  const line = Number(query.get("line")) || undefined;
  const [active, setActive] = useState<string | undefined>(path);
  const [naming, setNaming] = useState<Naming>();
  const [deleting, setDeleting] = useState<string>();
  const [large, setLarge] = useState<{ readonly path: string; readonly size: number }>();
  const side = useRef<HTMLDivElement>(null);
  const focusTree = () => side.current?.querySelector<HTMLElement>('[role="tree"]')?.focus();

  useEffect(() => {
    if (path === undefined) return;
    setActive(path);
    void tree.reveal(path);
  }, [tree, path]);

  const dirty = useMemo(
    () => new Set([...texts.values()].filter(({ isDirty }) => isDirty).map((file) => file.path)),
    [texts],
  );
  const isDirectory = useCallback(
    (one: string): boolean =>
      state.directories.has(one) ||
      state.facts.get(one)?.isDirectory === true ||
      state.directories
        .get(parentOf(one))
        ?.entries?.some(({ name, type }) => name === nameOf(one) && type === "directory") === true,
    [state],
  );
  /** Where something new goes: into the directory that is chosen, or that of the file. */
  const here = active === undefined ? "" : isDirectory(active) ? active : parentOf(active);
  const go = (to: string | undefined) =>
    navigate(workspacePath(id, "files", to === undefined ? {} : { path: to }));
  const open = (row: TreeRow) => {
    if (row.isOpen === true) tree.fold(row.path);
    else if (row.isOpen === false) void tree.unfold(row.path);
    else go(row.path);
  };
  const make = (kind: "file" | "directory") => {
    if (here !== "") void tree.unfold(here);
    setNaming({ kind, path: here });
  };
  const named = async (name: string | undefined) => {
    const given = naming;
    setNaming(undefined);
    focusTree();
    if (given === undefined || name === undefined) return;
    try {
      const rename = given.kind === "rename";
      const to = rename
        ? await moveTo(client, id, given.path, name)
        : await makeNew(client, id, given.kind, given.path, name);
      if (rename) buffers.renamed(given.path, to);
      tree.changed(to);
      if (rename) tree.removed(given.path);
      setActive(to);
      void tree.reveal(to);
      if (given.kind === "file" || (rename && path === given.path)) go(to);
      else if (rename && path !== undefined && isWithin(path, given.path)) {
        go(to + path.slice(given.path.length));
      }
      say(rename ? `${given.path} is ${to} now.` : `${to} was made.`);
    } catch (error) {
      sayError(error);
    }
  };
  const deleted = (one: string) => {
    buffers.removed(one);
    tree.removed(one);
    say(`${one} was deleted.`);
    if (path !== undefined && isWithin(path, one)) go(undefined);
    setActive(parentOf(one) === "" ? undefined : parentOf(one));
  };
  const download = (one: string, directory: boolean, size: number | undefined) => {
    if (size !== undefined && size >= LARGE_DOWNLOAD && large === undefined) setLarge({ path: one, size });
    else transfers.download(client, id, one, { directory, size, name: nameOf(one) || workspace.name });
  };
  const uploads = useUploads({ client, workspace: id, transfers, tree });
  const copyPath = (one: string) =>
    void navigator.clipboard.writeText(one).then(() => say(`${one} is in the clipboard.`), sayError);

  const group = "Files";
  useCommands([
    { id: "files-tree", title: "Go to the tree of files", keys: "t", group, run: focusTree },
    { id: "files-refresh", title: "Read the files again", keys: "r", group, run: () => tree.refresh() },
    {
      id: "files-hidden",
      title: "Show hidden files, or not",
      keys: ".",
      group,
      run: () => tree.setHidden(!state.hidden),
    },
    ...(mayWrite
      ? [
          { id: "files-new", title: "New file", group, run: () => make("file") },
          { id: "files-directory", title: "New directory", group, run: () => make("directory") },
          {
            id: "files-upload",
            title: "Upload files",
            keys: "u",
            group,
            run: () => uploads.choose(here, false),
          },
        ]
      : []),
  ]);
  const unsaved = [...dirty].filter((one) => one !== path);
  return (
    <div className={classes(css.view, path !== undefined && css.hasFile)}>
      <div className={css.side} ref={side}>
        <div className={css.tools}>
          {mayWrite && (
            <>
              <IconButton icon="plus" label="New file" onClick={() => make("file")} />
              <IconButton icon="folder" label="New directory" onClick={() => make("directory")} />
              <IconButton icon="upload" label="Upload files" onClick={() => uploads.choose(here, false)} />
            </>
          )}
          <span className={css.grow} />
          <IconButton icon="refresh" label="Read the files again" onClick={() => tree.refresh()} />
          <Menu
            label="More for files"
            items={[
              {
                label: state.hidden ? "Leave out hidden files" : "Show hidden files",
                run: () => tree.setHidden(!state.hidden),
              },
              ...(mayWrite
                ? [
                    {
                      label: "Upload a directory",
                      icon: "upload" as const,
                      run: () => uploads.choose(here, true),
                    },
                  ]
                : []),
              {
                label: "Download everything",
                icon: "download",
                run: () => download("", true, undefined),
              },
              ...(active === undefined
                ? []
                : [
                    {
                      label: `Copy the path`,
                      icon: "copy" as const,
                      separated: true,
                      run: () => copyPath(active),
                    },
                    {
                      label: `Download ${nameOf(active)}`,
                      icon: "download" as const,
                      run: () => download(active, isDirectory(active), state.facts.get(active)?.size),
                    },
                    ...(mayWrite
                      ? [
                          {
                            label: `Rename or move ${nameOf(active)}`,
                            icon: "edit" as const,
                            run: () => setNaming({ kind: "rename", path: active }),
                          },
                          {
                            label: `Delete ${nameOf(active)}`,
                            icon: "trash" as const,
                            danger: true,
                            run: () => setDeleting(active),
                          },
                        ]
                      : []),
                  ]),
            ]}
          />
        </div>
        <FileTree
          tree={tree}
          active={active}
          dirty={dirty}
          naming={naming}
          onActive={setActive}
          onOpen={open}
          onRename={(one) => mayWrite && setNaming({ kind: "rename", path: one })}
          onDelete={(one) => mayWrite && setDeleting(one)}
          onNamed={(name) => void named(name)}
          onDrop={mayWrite ? uploads.drop : undefined}
        />
        {unsaved.length > 0 && (
          <div className={css.unsaved}>
            <p className={css.soft}>Not saved:</p>
            {unsaved.slice(0, 5).map((one) => (
              <Button key={one} kind="quiet" onClick={() => go(one)} title={one}>
                {nameOf(one)}
              </Button>
            ))}
            {unsaved.length > 5 && <p className={css.soft}>and {unsaved.length - 5} more</p>}
          </div>
        )}
        <TransfersPanel transfers={transfers} />
        {uploads.inputs}
      </div>
      <div className={css.main}>
        {path === undefined ? (
          <div className={css.nothing}>
            <Empty icon="file" title="No file is open">
              <p>Choose one in the tree{mayWrite ? ", or drop files there to upload them" : ""}.</p>
            </Empty>
          </div>
        ) : (
          <FilePane
            key={path}
            workspace={id}
            path={path}
            line={line}
            files={files}
            onBack={() => go(undefined)}
            onDownload={download}
          />
        )}
      </div>
      {deleting !== undefined && (
        <DeleteDialog
          workspace={id}
          path={deleting}
          isDirectory={isDirectory(deleting)}
          isDirty={[...dirty].some((one) => isWithin(one, deleting))}
          onClose={() => setDeleting(undefined)}
          onDeleted={() => deleted(deleting)}
        />
      )}
      {large !== undefined && (
        <Dialog
          title="Download a large file?"
          onClose={() => setLarge(undefined)}
          actions={
            <>
              <Button onClick={() => setLarge(undefined)}>Leave it</Button>
              <Button
                kind="primary"
                onClick={() => {
                  download(large.path, false, large.size);
                  setLarge(undefined);
                }}
              >
                Download
              </Button>
            </>
          }
        >
          <p>
            <code>{large.path}</code> is {shortBytes(large.size)} long. The browser holds all of it before it
            saves it.
          </p>
        </Dialog>
      )}
    </div>
  );
}
