import { gotoLine, openSearchPanel } from "@codemirror/search";
import { EditorState, type Text } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef } from "react";
import type { Buffers, OpenFile } from "./buffers.ts";
import { editorState, language, setAccess, wrap, wrapping } from "./editor-setup.ts";
import css from "./files.module.css";
import { languageOf } from "./languages.ts";
import type { TextFile } from "./text-file.ts";

export interface CodeEditorHandle {
  readonly find: () => void;
  readonly goToLine: () => void;
  readonly focus: () => void;
}

interface CodeEditorProps {
  readonly file: OpenFile;
  readonly buffers: Buffers;
  readonly readOnly: boolean;
  readonly wrap: boolean;
  /** From 1: shown first. */
  readonly line: number | undefined;
  readonly ref?: Ref<CodeEditorHandle>;
}

/** The text of one file. What is typed goes to the buffers, from where it comes again. */
export function CodeEditor({ file, buffers, readOnly, wrap: isWrapped, line, ref }: CodeEditorProps) {
  const parent = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const { path } = file;
  const newest = useRef(file);
  newest.current = file;
  const options = { label: `Text of ${path}`, readOnly, wrap: isWrapped };
  const given = useRef(options);
  given.current = options;

  useLayoutEffect(() => {
    if (parent.current === null) return;
    const draft = buffers.draft(path);
    const isCurrent = draft?.state instanceof EditorState && draft.version === newest.current.show.version;
    const saved = baseOf(newest);
    const made = new EditorView({
      parent: parent.current,
      state: isCurrent
        ? (draft.state as EditorState)
        : editorState(newest.current.base, newest.current.show.text, given.current),
      dispatchTransactions(transactions, target) {
        target.update(transactions);
        const { state } = target;
        const { version } = newest.current.show;
        buffers.typed(
          path,
          { state, version, text: () => state.doc.toString() },
          !state.doc.eq(saved(state)),
        );
      },
    });
    made.dispatch({ effects: [setAccess(given.current), wrapping.reconfigure(wrap(given.current.wrap))] });
    view.current = made;
    const load = languageOf(path);
    void load?.().then((support) => {
      if (view.current === made) made.dispatch({ effects: language.reconfigure(support) });
    });
    return () => {
      view.current = undefined;
      made.destroy();
    };
  }, [path, buffers]);

  const { version, text } = file.show;
  useLayoutEffect(() => {
    const shown = view.current;
    if (shown === undefined || buffers.draft(path)?.version === version) return;
    const isAsItStands = shown.state.facet(EditorState.lineSeparator) !== undefined;
    if (isAsItStands === (newest.current.base.lineEnd === "mixed")) {
      shown.dispatch({ changes: changeTo(shown.state, text) });
      return;
    }
    // Its lines end in another way now.
    shown.setState(editorState(newest.current.base, text, given.current));
    shown.dispatch({});
  }, [path, buffers, version, text]);

  useEffect(() => {
    view.current?.dispatch({ effects: wrapping.reconfigure(wrap(isWrapped)) });
  }, [isWrapped]);

  useEffect(() => {
    const shown = view.current;
    if (shown === undefined || line === undefined) return;
    const at = shown.state.doc.line(Math.max(1, Math.min(line, shown.state.doc.lines)));
    shown.dispatch({
      selection: { anchor: at.from },
      effects: EditorView.scrollIntoView(at.from, { y: "center" }),
    });
    shown.focus();
  }, [line]);

  useImperativeHandle(ref, () => {
    const run = (command: (target: EditorView) => boolean) => () => {
      if (view.current === undefined) return;
      view.current.focus();
      command(view.current);
    };
    return { find: run(openSearchPanel), goToLine: run(gotoLine), focus: () => view.current?.focus() };
  }, []);

  return <div ref={parent} className={css.editor} />;
}

/** The saved text as the editor has texts: comparing two of these is quick. */
function baseOf(file: { readonly current: OpenFile }): (state: EditorState) => Text {
  let known: { readonly base: TextFile; readonly text: Text } | undefined;
  return (state) => {
    const { base } = file.current;
    if (known?.base.text !== base.text) known = { base, text: state.toText(base.text) };
    return known.text;
  };
}

/** The change that makes a text of what is there, around what both have: the cursor stays where it can. */
function changeTo(state: EditorState, text: string): { from: number; to: number; insert: Text } {
  const before = state.doc.toString();
  const most = Math.min(before.length, text.length);
  let start = 0;
  while (start < most && before[start] === text[start]) start += 1;
  let end = 0;
  while (end < most - start && before.at(-1 - end) === text.at(-1 - end)) end += 1;
  return { from: start, to: before.length - end, insert: state.toText(text.slice(start, text.length - end)) };
}
