import * as z from "zod";
import { type BerthError, isBerthError } from "../../contract/errors.ts";
import { MASKED } from "../../contract/mask.ts";
import type { FileChange } from "../../contract/text.ts";
import { inputOf, type ToolDefinition } from "../define.ts";
import { insidePath } from "../paths.ts";
import type { ToolContext } from "../tool.ts";
import { CHANGED_FILE, change, changesText, expected, refuseMask, shownChange } from "./change.ts";
import { nearestLines, noSuchPath, withText } from "./errors.ts";
import type { PatchedFile } from "./patch/lines.ts";
import { MAX_PATCHED_FILES, parsePatch } from "./patch/parse.ts";
import { rootNote, shownPath } from "./place.ts";

const INPUT = inputOf({
  patch: z
    .string()
    .min(1)
    .describe(
      'A patch that begins with "*** Begin Patch", or a unified diff. Paths are relative to the root.',
    ),
  dry_run: z.boolean().optional().describe("Only tells whether it applies, and what would come of it."),
});
const OUTPUT = z.object({ dry_run: z.boolean(), files: z.array(CHANGED_FILE) });

type Input = z.infer<typeof INPUT>;
type Output = z.infer<typeof OUTPUT>;

/** A file of a patch with its absolute paths. */
interface Target {
  readonly file: PatchedFile;
  readonly path: string;
  readonly moveTo: string | undefined;
}

/** `apply_patch`: changes of several files, all of them or none. */
export function applyPatch(context: ToolContext): ToolDefinition<Input, Output> {
  return {
    name: "apply_patch",
    title: "Apply a patch",
    description: `Changes, creates, renames and deletes files by a patch: all of it or nothing, up to ${MAX_PATCHED_FILES} files. Two forms are understood. The first:
*** Begin Patch
*** Update File: src/a.ts
@@ class or function that comes before it
 context
-old line
+new line
*** Add File: b.txt
+its lines
*** Delete File: c.txt
*** End Patch
("*** Move to: PATH" behind Update File renames; "*** End of File" behind a hunk says that it is at the end.) The second: a unified diff, as of git. Give three lines of context, and enough for the place to be the only one. When a file was changed since it was read, nothing is done and the difference is shown; then call again. Modes, links and binary files are not patched. ${rootNote(context)}`,
    input: INPUT,
    output: OUTPUT,
    readOnly: false,
    destructive: true,
    async run({ patch, dry_run: dryRun = false }, call) {
      const targets = parsePatch(patch).map((file) => target(context, file));
      const paths = targets.flatMap(({ path, moveTo }) => (moveTo === undefined ? [path] : [path, moveTo]));
      let changed: Awaited<ReturnType<typeof change>>;
      try {
        changed = await change(context, call, paths, () => targets.map((one) => fileChange(context, one)), {
          dryRun,
        });
      } catch (error) {
        call.signal.throwIfAborted();
        if (!isBerthError(error)) throw error;
        const about = targets.find(({ path }) => path === error.path);
        if (about === undefined) throw error;
        if (error.code === "ENOENT") {
          const missing = await noSuchPath(context, about.path, call);
          throw withText(missing, `line ${about.file.line} of the patch: ${missing.message}`, missing.hint);
        }
        throw explained(context, about, error);
      }
      const files = changed.map((file) => shownChange(context, file));
      return { output: { dry_run: dryRun, files }, content: changesText(context, files, dryRun) };
    },
  };
}

function target(context: ToolContext, file: PatchedFile): Target {
  const moveTo = file.type === "update" ? file.moveTo : undefined;
  return {
    file,
    path: insidePath(context, file.path),
    moveTo: moveTo === undefined ? undefined : insidePath(context, moveTo),
  };
}

function fileChange(context: ToolContext, { file, path, moveTo }: Target): FileChange {
  if (file.type === "add") {
    const { content, mode } = file;
    return { type: "write", path, content, expected: null, ...(mode === undefined ? {} : { mode }) };
  }
  const state = expected(context, path);
  if (file.type === "delete") return { type: "remove", path, ...state };
  const edits = file.hunks.map(({ hunk }) => hunk);
  refuseMask(
    context,
    path,
    edits.flatMap(({ lines }) => lines.map(({ text }) => text)),
  );
  return { type: "edit", path, edits, ...(moveTo === undefined ? {} : { moveTo }), ...state };
}

/** With the line of the patch, and the nearest place in the file. */
function explained(context: ToolContext, { file, path }: Target, error: BerthError): BerthError {
  const number = error.context.edit;
  const placed = file.type === "update" && typeof number === "number" ? file.hunks[number - 1] : undefined;
  const line = placed?.line ?? file.line;
  const name = shownPath(context, path);
  const start = `line ${line} of the patch: `;
  if (error.code === "EEXIST" && file.type === "add") {
    const hint = "Change it by Update File, or replace its content by file_write.";
    return withText(error, `${start}${name} is there already; nothing was changed`, hint);
  }
  if (error.code === "fs.changed") return withText(error, start + error.message, error.hint);
  if (error.code !== "edit.not_found" || placed === undefined) {
    return withText(error, start + error.message, error.hint + nearestLines(error));
  }
  const masked = placed.hunk.lines.some(({ kind, text }) => kind !== "add" && text.includes(MASKED));
  const hint = masked
    ? `What is shown as ${MASKED} is a secret with other letters in the file: leave its line out of the patch.`
    : error.hint + nearestLines(error);
  return withText(error, `${start}the old lines of the hunk are not in ${name}; nothing was changed`, hint);
}
