import { Suspense, useRef, useState } from "react";
import { conflictsIn } from "../../diff/merge.ts";
import { useCommands } from "../../shell/commands.ts";
import { later } from "../../shell/later.ts";
import { useClient, useMay } from "../../state/context.ts";
import { keep, kept } from "../../state/kept.ts";
import { useObservable } from "../../state/observable.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { shortBytes } from "../../ui/format.ts";
import { Empty, ErrorNote, Note, Waiting } from "../../ui/notes.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import { visible } from "../../ui/visible.ts";
import type { Conflict, OpenFile } from "./buffers.ts";
import type { CodeEditorHandle } from "./code-editor.tsx";
import { ConflictDialog } from "./conflict-dialog.tsx";
import type { Content } from "./content.ts";
import css from "./files.module.css";
import { nameOf, parentOf } from "./paths.ts";
import { formatWords } from "./text-file.ts";
import { useContent } from "./use-content.ts";
import type { Files } from "./use-files.ts";

const CodeEditor = later(async () => (await import("./code-editor.tsx")).CodeEditor);
const others = () => import("./other-views.tsx");
const PictureView = later(async () => (await others()).PictureView);
const BinaryView = later(async () => (await others()).BinaryView);
const LargeView = later(async () => (await others()).LargeView);

const WRAP = "berth.files.wrap";

interface FilePaneProps {
  readonly workspace: string;
  readonly path: string;
  readonly line: number | undefined;
  readonly files: Files;
  readonly onBack: () => void;
  readonly onDownload: (path: string, isDirectory: boolean, size: number | undefined) => void;
}

/** One file: edited where it is a text, and shown as well as can be where it is not. */
export function FilePane({ workspace, path, line, files, onBack, onDownload }: FilePaneProps) {
  const client = useClient();
  const mayWrite = useMay("operate");
  const { buffers } = files;
  const [asText, setAsText] = useState(false);
  const found = useContent(workspace, path, asText, files);
  const open = useObservable(buffers.files).get(path);
  const [isWrapped, setWrapped] = useState(() => kept(WRAP) === "1");
  const [conflict, setConflict] = useState<Conflict>();
  const editor = useRef<CodeEditorHandle>(null);
  const at = { client, workspace, path };

  const content = found.state === "there" ? found.content : undefined;
  const isText = open !== undefined && (open.isDirty || content === undefined || content.kind === "text");
  const save = async () => {
    if (open === undefined || !mayWrite) return;
    if (!open.isDirty) {
      say(`${path} has nothing that is not saved.`);
      return;
    }
    try {
      const stopped = await buffers.save(at);
      if (stopped === undefined) say(`${path} is saved.`);
      else setConflict(stopped);
    } catch (error) {
      sayError(error);
    }
  };
  const compare = () => void buffers.conflictOf(at).then(setConflict, sayError);
  const toggleWrap = () => {
    keep(WRAP, isWrapped ? "0" : "1");
    setWrapped(!isWrapped);
  };
  const group = "Files";
  useCommands(
    isText
      ? [
          ...(mayWrite
            ? [{ id: "file-save", title: "Save the file", keys: "Mod+S", group, run: () => void save() }]
            : []),
          { id: "file-find", title: "Find in the file", group, run: () => editor.current?.find() },
          {
            id: "file-line",
            title: "Go to a line of the file",
            group,
            run: () => editor.current?.goToLine(),
          },
          { id: "file-wrap", title: "Wrap long lines, or not", group, run: toggleWrap },
        ]
      : [],
  );
  const size = content !== undefined && "size" in content ? content.size : undefined;
  const words = [
    ...(size === undefined ? [] : [shortBytes(size)]),
    ...(isText ? formatWords(open.base) : []),
    ...(isText && !mayWrite ? ["to be read only"] : []),
  ];
  return (
    <div className={css.pane}>
      <header className={css.bar}>
        <IconButton icon="menu" label="Back to the tree" className={css.back} onClick={onBack} />
        <h2 className={css.title} title={visible(path)}>
          {parentOf(path) !== "" && <span className={css.soft}>{visible(parentOf(path))}/</span>}
          {visible(nameOf(path))}
        </h2>
        <span className={css.words}>{words.join(" · ")}</span>
        {isText && (
          <>
            <IconButton icon="search" label="Find in the file" onClick={() => editor.current?.find()} />
            <Button
              kind="quiet"
              aria-label="Wrap long lines"
              aria-pressed={isWrapped}
              title="Wrap long lines"
              onClick={toggleWrap}
            >
              Wrap
            </Button>
          </>
        )}
        <IconButton
          icon="download"
          label={content?.kind === "directory" ? "Download as an archive" : "Download the file"}
          onClick={() => onDownload(path, content?.kind === "directory", size)}
        />
        {asText && !isDirtyText(open) && (
          <Button kind="quiet" onClick={() => setAsText(false)}>
            Show as picture
          </Button>
        )}
        {isText && mayWrite && (
          <Button
            kind={open.isDirty ? "primary" : "plain"}
            busy={open.isSaving}
            disabled={!open.isDirty}
            onClick={() => void save()}
          >
            {open.isDirty ? "Save" : "Saved"}
          </Button>
        )}
      </header>
      {isText && <DiskNote open={open} onCompare={compare} />}
      {isText ? (
        <Suspense fallback={<Waiting what="Loading the editor…" />}>
          <CodeEditor
            key={path}
            ref={editor}
            file={open}
            buffers={buffers}
            readOnly={!mayWrite}
            wrap={isWrapped}
            line={line}
          />
        </Suspense>
      ) : (
        <div className={css.rest}>
          {found.state === "loading" && <Waiting what="Reading…" />}
          {found.state === "failed" && (
            <ErrorNote error={found.error} actions={<Button onClick={found.reload}>Try again</Button>} />
          )}
          <Suspense fallback={<Waiting what="Loading…" />}>
            {content !== undefined && (
              <Other content={content} workspace={workspace} path={path} onText={() => setAsText(true)} />
            )}
          </Suspense>
        </div>
      )}
      {conflict !== undefined && open !== undefined && (
        <ConflictDialog
          conflict={conflict}
          file={open}
          buffers={buffers}
          overwrite={(over) => buffers.overwrite(at, over)}
          onConflict={setConflict}
          onClose={() => {
            setConflict(undefined);
            found.reload();
          }}
        />
      )}
    </div>
  );
}

const isDirtyText = (open: OpenFile | undefined): boolean => open?.isDirty === true;

/** What there is to know of the file in the place while it is edited here. */
function DiskNote({ open, onCompare }: { readonly open: OpenFile; readonly onCompare: () => void }) {
  const { disk, isDirty, show } = open;
  const left = show.version > 1 ? conflictsIn(show.text) : 0;
  if (disk === "same" || !isDirty) {
    return left > 0 && isDirty ? (
      <Note kind="warn" title="Places that both have changed stand between markers: <<<<<<< and >>>>>>>." />
    ) : null;
  }
  return (
    <div role="status">
      <Note
        kind="warn"
        title={
          disk === "gone"
            ? "The file was removed in the place; what you have is not saved."
            : "The file was changed in the place meanwhile; what you have is not saved."
        }
        actions={<Button onClick={onCompare}>Compare</Button>}
      />
    </div>
  );
}

interface OtherProps {
  readonly content: Content;
  readonly workspace: string;
  readonly path: string;
  readonly onText: () => void;
}

function Other({ content, workspace, path, onText }: OtherProps) {
  switch (content.kind) {
    case "picture":
      return (
        <PictureView blob={content.blob} name={nameOf(path)} onText={content.isText ? onText : undefined} />
      );
    case "binary":
      return <BinaryView {...content} />;
    case "large":
      return <LargeView key={path} workspace={workspace} path={path} size={content.size} />;
    case "directory":
      return (
        <Empty icon="folder" title={path}>
          <p>A directory. What is in it stands in the tree.</p>
        </Empty>
      );
    case "special":
      return (
        <Empty icon="file" title={path}>
          <p>A {content.type}: there is nothing to be read as a file.</p>
        </Empty>
      );
    case "text":
      return null;
  }
}
