import * as z from "zod";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { MASKED } from "../../contract/mask.ts";
import type { ChangedFile, FileChange } from "../../contract/text.ts";
import { formatNumber, shorten } from "../cut.ts";
import type { RunningCall } from "../define.ts";
import type { ToolContext } from "../tool.ts";
import { changedSince } from "./changed-since.ts";
import { linesAfter } from "./known-lines.ts";
import { placeOptions, shownPath } from "./place.ts";

/** What became of one file, for programs. */
export const CHANGED_FILE = z.object({
  path: z.string(),
  moved_to: z.string().optional(),
  created: z.boolean(),
  removed: z.boolean(),
  additions: z.number(),
  deletions: z.number(),
  /** Unified, without the names; at most 64 KiB of it. */
  diff: z.string(),
  diff_cut: z.boolean(),
  /** Something was found only without regard to blanks. */
  fuzzy: z.boolean(),
});
export type ShownChange = z.infer<typeof CHANGED_FILE>;

/**
 * Makes the changes of a call, all of them or none, in one round trip, when no other call of the conversation is at these
 * files. What comes of them counts as seen. `make` is asked in turn: what calls before have learned is known by then.
 * @throws as FileSystem.change; fs.changed says what is there now
 */
export async function change(
  context: ToolContext,
  call: RunningCall,
  paths: readonly string[],
  make: () => readonly FileChange[],
  options: { readonly dryRun?: boolean } = {},
): Promise<ChangedFile[]> {
  return context.seen.inTurn(paths, async () => {
    call.signal.throwIfAborted();
    const changes = make();
    let changed: ChangedFile[];
    try {
      changed = await context.runtime.fs.change(changes, { ...placeOptions(context, call), ...options });
    } catch (error) {
      call.signal.throwIfAborted();
      throw await explained(context, call, changes, error);
    }
    if (options.dryRun !== true) for (const file of changed) learn(context, file);
    return changed;
  });
}

/** The version that the model has seen of a file. */
export function expected(context: ToolContext, path: string): { readonly expected?: string } {
  const version = context.seen.version(path);
  return version === undefined ? {} : { expected: version };
}

/**
 * Refuses text that was copied from what the model saw of a file whose secrets were masked: it would put the mask into the
 * file, in place of the secret.
 * @throws edit.invalid
 */
export function refuseMask(context: ToolContext, path: string, texts: readonly string[]): void {
  if (!texts.some((text) => text.includes(MASKED))) return;
  for (const line of context.seen.lines(path)?.values() ?? []) {
    if (context.maskOutput(line) === line) continue;
    throw berthError("edit.invalid", {
      message: `${shownPath(context, path)} holds a secret that is shown as ${MASKED}: the text given would write these letters in its place`,
      hint: "Change only text around the secret, or use a command that does not need its value.",
      context: { path },
    });
  }
}

export function shownChange(context: ToolContext, file: ChangedFile): ShownChange {
  const { path, movedTo, created, removed, additions, deletions, diff, diffCut, fuzzy } = file;
  return {
    path: shownPath(context, path),
    ...(movedTo === undefined ? {} : { moved_to: shownPath(context, movedTo) }),
    ...{ created, removed, additions, deletions, diff: shownDiff(diff), diff_cut: diffCut, fuzzy },
  };
}

/** For the model: what was done to each file, and the difference where it does not know that already. */
export function changesText(context: ToolContext, changes: readonly ShownChange[], dryRun = false): string {
  const blocks = changes.map((one) => {
    const head = headOf(one, dryRun);
    // Of a file that was made or removed it knows the content.
    if (one.created || one.removed || one.diff === "") return head;
    return `${head}\n${context.maskOutput(one.diff).trimEnd()}${one.diff_cut ? "\n… more of the difference is left out …" : ""}`;
  });
  return shorten(blocks.join("\n"), context.limits).text;
}

function headOf(
  { path, moved_to: movedTo, created, removed, additions, deletions, fuzzy }: ShownChange,
  dryRun: boolean,
): string {
  const would = dryRun ? "would be " : "";
  const name = movedTo === undefined ? path : `${path} -> ${movedTo}`;
  const done = created ? "created" : removed ? "removed" : movedTo === undefined ? "changed" : "moved";
  const lines = `+${formatNumber(additions)} -${formatNumber(deletions)}`;
  const note = fuzzy ? "; the old lines were found only without regard to blanks: check the result" : "";
  return `${name}: ${would}${done}, ${lines} lines${note}`;
}

/** Without the names, which are told beside it, and with line ends as the model gives them. */
function shownDiff(diff: string): string {
  const hunks = diff.startsWith("--- ") ? diff.slice(diff.indexOf("\n", diff.indexOf("\n") + 1) + 1) : diff;
  return hunks.replaceAll("\r\n", "\n");
}

/** Whoever changed a file knows it as it is now. */
function learn({ seen, limits }: ToolContext, { path, movedTo, version, diff, diffCut }: ChangedFile): void {
  const before = seen.lines(path) ?? new Map<number, string>();
  seen.forget(path);
  if (version === null) return;
  // Where not all of the difference is told, it is not known which lines are where.
  seen.saw(movedTo ?? path, version, diffCut ? undefined : linesAfter(before, diff, limits.maxLineBytes));
}

async function explained(
  context: ToolContext,
  call: RunningCall,
  changes: readonly FileChange[],
  error: unknown,
): Promise<unknown> {
  if (!isBerthError(error) || error.path === undefined) return error;
  const { path } = error;
  const about = changes.find((one) => one.path === path);
  if (error.code === "fs.changed" && about !== undefined) return changedSince(context, call, path, error);
  return error.code === "EEXIST" ? isThere(context, path, about) : error;
}

/** What was to be made, or moved to, is there. */
function isThere(context: ToolContext, path: string, about: FileChange | undefined): BerthError {
  const name = shownPath(context, path);
  const move = about?.type !== "write";
  return berthError("EEXIST", {
    message: `${name} is there already${move ? "" : ", and was not read in this conversation"}; nothing was changed`,
    hint: move ? "Choose another name, or remove it first." : "Read it first, or change it by file_edit.",
    context: { path },
  });
}
