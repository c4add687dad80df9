import * as z from "zod";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { MASKED } from "../../contract/mask.ts";
import type { TextEdit } from "../../contract/text.ts";
import { inputOf, type ToolDefinition } from "../define.ts";
import { insidePath } from "../paths.ts";
import type { ToolContext } from "../tool.ts";
import { CHANGED_FILE, change, changesText, expected, refuseMask, shownChange } from "./change.ts";
import { nearestLines, noSuchPath, withText } from "./errors.ts";
import { rootNote, shownPath } from "./place.ts";

const MAX_EDITS = 100;

const EDIT = z.strictObject({
  old_text: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Text to replace, the same to the letter and without line numbers. It has to be in the file once.",
    ),
  new_text: z.string().describe("What is put in its place, or inserted."),
  replace_all: z.boolean().optional().describe("Replaces old_text wherever it is. Default false."),
  insert_line: z
    .int()
    .min(-1)
    .optional()
    .describe(
      "In place of old_text: new_text is inserted as whole lines behind this line; 0 at the start, -1 at the end.",
    ),
});

const INPUT = inputOf({
  path: z.string().min(1).describe("File, relative to the root or absolute."),
  edits: z
    .array(
      EDIT.refine(
        ({ old_text, insert_line }) => (old_text === undefined) !== (insert_line === undefined),
        "give either old_text or insert_line",
      ).refine(
        ({ replace_all, insert_line }) => replace_all === undefined || insert_line === undefined,
        "replace_all goes with old_text",
      ),
    )
    .min(1)
    .max(MAX_EDITS)
    .describe("Made in order, each in what the one before left: all of them or none."),
});

type Input = z.infer<typeof INPUT>;
type Output = z.infer<typeof CHANGED_FILE>;
type Edit = Input["edits"][number];

/** `file_edit`: exact replacements and insertions in one file, all of them or none. */
export function fileEdit(context: ToolContext): ToolDefinition<Input, Output> {
  const requireRead = context.options.files?.requireRead !== false;
  const rule = requireRead ? " To insert behind a line, the file has to have been read." : "";
  return {
    name: "file_edit",
    title: "Edit a file",
    description: `Changes parts of a text file: replaces text that is in it exactly once, or everywhere with replace_all, or inserts lines. Several edits of a call are all made or none.${rule} When the file was changed since it was read, nothing is done and the difference is shown; then call again. Line ends of the file (CRLF) are kept. Afterwards the file counts as read. The result is the difference, with line numbers. ${rootNote(context)}`,
    input: INPUT,
    output: CHANGED_FILE,
    readOnly: false,
    destructive: true,
    async run({ path: given, edits }, call) {
      const path = insidePath(context, given);
      let changed: Awaited<ReturnType<typeof change>>;
      try {
        changed = await change(context, call, [path], () => {
          refuseMask(
            context,
            path,
            edits.flatMap(({ old_text = "", new_text }) => [old_text, new_text]),
          );
          const state = expected(context, path);
          if (!("expected" in state)) refuseUnknownLines(context, path, edits);
          return [{ type: "edit", path, edits: edits.map(textEdit), ...state }];
        });
      } catch (error) {
        call.signal.throwIfAborted();
        if (isBerthError(error, "ENOENT")) throw await noSuchPath(context, path, call);
        throw isBerthError(error) ? explained(edits, error) : error;
      }
      const [first] = changed;
      if (first === undefined) throw berthError("internal", { message: "the place told of no change" });
      const shown = shownChange(context, first);
      return { output: shown, content: changesText(context, [shown]) };
    },
  };
}

function textEdit({ old_text, new_text, replace_all, insert_line }: Edit): TextEdit {
  if (old_text !== undefined) {
    return { type: "replace", oldText: old_text, newText: new_text, all: replace_all === true };
  }
  return { type: "insert", line: insert_line ?? -1, text: new_text };
}

/** A line's number says nothing of a file that was not read; its start and its end are known. */
function refuseUnknownLines(context: ToolContext, path: string, edits: readonly Edit[]): void {
  if (context.options.files?.requireRead === false) return;
  if (!edits.some(({ insert_line }) => insert_line !== undefined && insert_line > 0)) return;
  throw berthError("edit.invalid", {
    message: `${shownPath(context, path)} was not read in this conversation, so that its line numbers are not known`,
    hint: "Read it first, or replace text that is in it.",
    context: { path },
  });
}

/** With what models get wrong: numbers of lines, and masks, copied from what they were shown. */
function explained(edits: readonly Edit[], error: BerthError): BerthError {
  const number = error.context.edit;
  const oldText = typeof number === "number" ? edits[number - 1]?.old_text : undefined;
  const nearest = nearestLines(error);
  if (error.code !== "edit.not_found" || oldText === undefined) {
    return withText(error, error.message, error.hint + nearest);
  }
  const numbered = oldText.split("\n").every((line) => /^ *\d+\t/.test(line));
  const why = numbered
    ? "Leave out the line numbers and the tabs behind them: they are no part of the file."
    : oldText.includes(MASKED)
      ? `What is shown as ${MASKED} is a secret with other letters in the file: replace only text around it.`
      : oldText.includes("\ufffd")
        ? "\ufffd stands for bytes that are no UTF-8: replace only text around them, or use a command."
        : error.hint;
  return withText(error, `${error.message} (edit ${number})`, why + (numbered ? "" : nearest));
}
