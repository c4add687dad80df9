import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { DiffList, type DiffListHandle } from "../../diff/diff-list.tsx";
import type { DiffFile } from "../../diff/model.ts";
import { count, rowsOf, type ShownFile } from "../../diff/rows.ts";
import { useCommands } from "../../shell/commands.ts";
import { useClient } from "../../state/context.ts";
import { keep, kept } from "../../state/kept.ts";
import { useLive } from "../../state/live.ts";
import { navigate, workspacePath } from "../../state/router.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { Empty, ErrorNote, Waiting } from "../../ui/notes.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import type { WorkspaceViewProps } from "../workspace-page.tsx";
import { BaseChoice } from "./base-choice.tsx";
import { ChangedFiles, LineCounts } from "./changed-files.tsx";
import css from "./changes.module.css";
import { DiffHead } from "./diff-head.tsx";
import { loadChanges, loadFile, MOST_OF_FILE } from "./load-changes.ts";
import { useNarrow } from "./narrow.ts";

/** For the lines of one file. */
const READ_MS = 60_000;
/** So long what comes to the upper edge has come there because a file was chosen. */
const CHOSEN_MS = 300;
const SPLIT = "berth.changes.split";

/** What a workspace has that a commit has not: its files, and their lines. */
export function ChangesView({ workspace, query }: WorkspaceViewProps) {
  const { id } = workspace;
  const client = useClient();
  const base = query.get("base") ?? "trunk";
  const onlyFile = query.get("file") ?? undefined;
  const { value, error, isLoading, refresh } = useLive(
    `${id} ${base}`,
    (signal) => loadChanges({ client, workspace: id, base, signal }),
    (event) =>
      event.workspace === id && /^(?:process\.(?:exited|executed)|files?\.|workspace\.)/.test(event.type),
  );
  const [isSplit, setSplit] = useState(() => kept(SPLIT) === "1");
  const isNarrow = useNarrow();
  const split = isSplit && !isNarrow;
  const [folded, setFolded] = useState<ReadonlyMap<string, boolean>>(new Map());
  const [top, setTop] = useState<string>();
  const diffs = useRef<DiffListHandle>(null);
  /** The last files can't be scrolled to the upper edge; they are the chosen ones all the same. */
  const chosenAt = useRef(Number.NEGATIVE_INFINITY);
  const extra = useExtraFiles(value, (file, signal) =>
    loadFile({ client, workspace: id, base, signal }, file),
  );

  const all = extra.files;
  const files = useMemo(
    () => (onlyFile === undefined ? all : all.filter(({ path }) => path === onlyFile)),
    [all, onlyFile],
  );
  const selected = onlyFile ?? top ?? all[0]?.path;
  const isFolded = useCallback(
    (file: ShownFile) =>
      folded.get(file.path) ??
      (onlyFile === undefined && (file.added ?? 0) + (file.deleted ?? 0) > MOST_OF_FILE),
    [folded, onlyFile],
  );
  const rows = useMemo(
    () => rowsOf(files, { split, collapsed: isFolded, loading: false, heads: true }),
    [files, split, isFolded],
  );

  const alone = onlyFile === undefined ? undefined : files[0];
  const { load } = extra;
  useEffect(() => {
    if (alone !== undefined && alone.diff === undefined && !alone.binary) void load(alone);
  }, [alone, load]);

  const go = (changed: { readonly base?: string; readonly file?: string | undefined }) => {
    const next = { base, file: onlyFile, ...changed };
    const { file } = next;
    const parts = {
      ...(next.base === "trunk" ? {} : { base: next.base }),
      ...(file === undefined ? {} : { file }),
    };
    navigate(workspacePath(id, "changes", parts), { replace: true });
  };
  const select = (file: ShownFile) => {
    chosenAt.current = performance.now();
    setTop(file.path);
    if (onlyFile !== undefined) go({ file: file.path });
    else diffs.current?.showFile(file.path);
  };
  const step = (by: 1 | -1) => {
    const at = all.findIndex(({ path }) => path === selected);
    const file = all[at + by];
    if (file !== undefined) select(file);
  };
  const fold = (file: ShownFile) => setFolded(new Map(folded).set(file.path, !isFolded(file)));
  const setView = (isOn: boolean) => {
    keep(SPLIT, isOn ? "1" : "0");
    setSplit(isOn);
  };
  const group = "Changes";
  useCommands([
    { id: "changes-next", title: "Next file", keys: "j", group, run: () => step(1) },
    { id: "changes-previous", title: "Previous file", keys: "k", group, run: () => step(-1) },
    { id: "changes-hunk", title: "Next change", keys: "n", group, run: () => diffs.current?.showHunk(1) },
    {
      id: "changes-hunk-before",
      title: "Previous change",
      keys: "p",
      group,
      run: () => diffs.current?.showHunk(-1),
    },
    {
      id: "changes-split",
      title: "Old and new side by side, or in one column",
      keys: "s",
      group,
      run: () => setView(!isSplit),
    },
    { id: "changes-refresh", title: "Look for changes again", keys: "r", group, run: refresh },
  ]);

  const note = (file: ShownFile, action: "expand" | "load") => {
    if (action === "expand") fold(file);
    if (file.diff === undefined && !file.binary) void extra.load(file);
  };
  const summary = value?.summary;
  return (
    <div className={css.view}>
      <header className={css.bar}>
        <h2 className="unseen">Changes</h2>
        <BaseChoice key={base} base={base} onChange={(next) => go({ base: next, file: undefined })} />
        <p role="status" className={css.sum}>
          {summary !== undefined && (
            <>
              <span>
                {summary.truncated && "more than "}
                {count(summary.files.length, "file")}
              </span>
              <LineCounts added={summary.added} deleted={summary.deleted} />
            </>
          )}
        </p>
        {!isNarrow && (
          <Button kind="quiet" icon="splitRight" aria-pressed={isSplit} onClick={() => setView(!isSplit)}>
            Side by side
          </Button>
        )}
        <Button
          kind="quiet"
          icon="file"
          aria-pressed={onlyFile !== undefined}
          onClick={() => go({ file: onlyFile === undefined ? selected : undefined })}
        >
          One file
        </Button>
        <IconButton icon="refresh" label="Look for changes again" busy={isLoading} onClick={refresh} />
      </header>
      {error !== undefined && (
        <ErrorNote error={error} actions={<Button onClick={refresh}>Try again</Button>} />
      )}
      {value === undefined && error === undefined && <Waiting what="Comparing files…" />}
      {value !== undefined && all.length === 0 && (
        <Empty icon="changes" title="Nothing was changed">
          <p>{emptyWords(base)}</p>
        </Empty>
      )}
      {all.length > 0 && (
        <div className={css.body}>
          <ChangedFiles
            files={all}
            selected={selected}
            onSelect={select}
            onEnter={() => document.querySelector<HTMLElement>(`.${css.diffs} section`)?.focus()}
          />
          <div className={css.diffs}>
            <DiffList
              ref={diffs}
              label="Changed lines"
              files={files}
              rows={rows}
              split={split}
              onNote={note}
              onTop={(file) => {
                if (performance.now() - chosenAt.current > CHOSEN_MS) setTop(file.path);
              }}
              head={(file) => (
                <DiffHead file={file} workspace={id} isFolded={isFolded(file)} onFold={() => fold(file)} />
              )}
            />
          </div>
        </div>
      )}
    </div>
  );
}

function emptyWords(base: string): string {
  if (base === "trunk") return "The workspace is as trunk was when its branch left it.";
  if (base === "head") return "Everything is committed.";
  return `The workspace is as it is in ${base}.`;
}

/** Files with the lines that were asked for one by one, until all is read anew. */
function useExtraFiles(
  value: { readonly files: readonly ShownFile[] } | undefined,
  read: (file: ShownFile, signal: AbortSignal) => Promise<DiffFile | undefined>,
): { readonly files: readonly ShownFile[]; readonly load: (file: ShownFile) => Promise<void> } {
  const [found, setFound] = useState<{ readonly of: unknown; readonly diffs: ReadonlyMap<string, DiffFile> }>(
    {
      of: undefined,
      diffs: new Map(),
    },
  );
  const isCurrent = found.of === value;
  const files = useMemo(
    () =>
      (value?.files ?? []).map((file) => {
        const diff = isCurrent ? found.diffs.get(file.path) : undefined;
        return diff === undefined ? file : { ...file, diff };
      }),
    [value, found, isCurrent],
  );
  const newest = useRef(read);
  newest.current = read;
  const load = useCallback(
    async (file: ShownFile) => {
      try {
        const diff = await newest.current(file, AbortSignal.timeout(READ_MS));
        if (diff === undefined) say(`${file.path} is as it was.`);
        else {
          setFound((before) => ({
            of: value,
            diffs: new Map(before.of === value ? before.diffs : []).set(file.path, diff),
          }));
        }
      } catch (error) {
        sayError(error);
      }
    },
    [value],
  );
  return { files, load };
}
