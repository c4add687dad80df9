import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { styleNonce } from "../../nonce.ts";
import { indentOf } from "./indent.ts";
import type { TextFile } from "./text-file.ts";

/** What is changed while the editor is there. */
export const language = new Compartment();
export const wrapping = new Compartment();
const access = new Compartment();

const style = HighlightStyle.define([
  {
    tag: [tags.keyword, tags.modifier, tags.operatorKeyword, tags.controlKeyword],
    color: "var(--code-keyword)",
  },
  { tag: [tags.string, tags.special(tags.string), tags.regexp, tags.inserted], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom, tags.unit, tags.color], color: "var(--code-number)" },
  { tag: [tags.comment, tags.docComment], color: "var(--code-comment)", fontStyle: "italic" },
  { tag: [tags.typeName, tags.className, tags.namespace, tags.tagName], color: "var(--code-type)" },
  {
    tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.labelName, tags.link],
    color: "var(--code-function)",
  },
  {
    tag: [tags.propertyName, tags.attributeName, tags.definition(tags.propertyName)],
    color: "var(--code-name)",
  },
  { tag: [tags.meta, tags.annotation, tags.processingInstruction, tags.escape], color: "var(--code-meta)" },
  { tag: [tags.deleted, tags.invalid], color: "var(--bad)" },
  { tag: tags.heading, color: "var(--code-keyword)", fontWeight: "bold" },
  { tag: tags.strong, fontWeight: "bold" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strikethrough, textDecoration: "line-through" },
  { tag: tags.url, textDecoration: "underline" },
]);

const field = {
  minHeight: "1.75rem",
  margin: "0",
  padding: "0 var(--space-2)",
  border: "1px solid var(--line-strong)",
  borderRadius: "var(--radius)",
  background: "var(--surface)",
  backgroundImage: "none",
  color: "var(--ink)",
  fontSize: "var(--text-small)",
  fontFamily: "inherit",
} as const;

const theme = EditorView.theme({
  "&": { height: "100%", backgroundColor: "var(--surface)", color: "var(--ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", fontSize: "var(--text-small)", lineHeight: "1.6" },
  ".cm-content": { caretColor: "var(--ink)", padding: "var(--space-2) 0" },
  ".cm-line": { padding: "0 var(--space-3)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--ink-soft)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 var(--space-1) 0 var(--space-3)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  ".cm-activeLineGutter": { color: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "var(--marked)",
  },
  ".cm-selectionMatch": { backgroundColor: "var(--selected)" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-soft)", outline: "1px solid var(--warn)" },
  ".cm-searchMatch.cm-searchMatch-selected": { backgroundColor: "var(--marked)" },
  "&.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--selected)",
    outline: "1px solid var(--line-strong)",
  },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "var(--bad-soft)" },
  ".cm-specialChar": { color: "var(--bad)" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--ink)", fontFamily: "var(--font)" },
  ".cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panel.cm-search, .cm-panel.cm-dialog": {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    gap: "var(--space-1) var(--space-2)",
    padding: "var(--space-2) var(--space-8) var(--space-2) var(--space-3)",
  },
  ".cm-panel.cm-search br": { flexBasis: "100%", height: "0" },
  ".cm-panel.cm-search label, .cm-panel.cm-dialog label": {
    display: "inline-flex",
    alignItems: "center",
    gap: "var(--space-1)",
    margin: "0",
    fontSize: "var(--text-small)",
  },
  ".cm-panel .cm-textfield": field,
  ".cm-panel .cm-button": { ...field, cursor: "pointer", background: "var(--raised)" },
  ".cm-panel.cm-search [name=close], .cm-panel .cm-dialog-close": {
    position: "absolute",
    top: "var(--space-2)",
    right: "var(--space-2)",
    width: "1.75rem",
    height: "1.75rem",
    color: "var(--ink)",
    fontSize: "var(--text-large)",
    cursor: "pointer",
  },
  ".cm-panel :focus-visible": { outline: "none", boxShadow: "var(--focus)" },
});

export interface EditorOptions {
  readonly label: string;
  readonly readOnly: boolean;
  readonly wrap: boolean;
}

/** The editor with a text in it. */
export function editorState(file: TextFile, text: string, options: EditorOptions): EditorState {
  return EditorState.create({
    doc: text,
    extensions: [
      EditorView.cspNonce.of(styleNonce()),
      file.lineEnd === "mixed" ? AS_IT_STANDS : [],
      lineNumbers(),
      highlightActiveLineGutter(),
      highlightSpecialChars(),
      history(),
      drawSelection(),
      EditorState.allowMultipleSelections.of(true),
      EditorState.tabSize.of(4),
      indentUnit.of(indentOf(text)),
      indentOnInput(),
      bracketMatching(),
      highlightActiveLine(),
      highlightSelectionMatches(),
      syntaxHighlighting(style),
      search({ top: true }),
      keymap.of([...searchKeymap, ...historyKeymap, indentWithTab, ...defaultKeymap]),
      theme,
      language.of([]),
      wrapping.of(wrap(options.wrap)),
      access.of(accessOf(options)),
    ],
  });
}

/** Other signs than "\n" are letters of their lines. */
const AS_IT_STANDS = EditorState.lineSeparator.of("\n");

export const wrap = (isOn: boolean): Extension => (isOn ? EditorView.lineWrapping : []);

/** Name, and whether it can be written in: as they are now, whenever the state was made. */
export const setAccess = (options: EditorOptions) => access.reconfigure(accessOf(options));

function accessOf({ label, readOnly }: EditorOptions): Extension {
  return [
    EditorState.readOnly.of(readOnly),
    EditorView.contentAttributes.of({
      "aria-label": label,
      // It can be reached by keys anyhow; those who check pages only see this.
      tabindex: "0",
      ...(readOnly ? { "aria-readonly": "true" } : {}),
    }),
  ];
}
