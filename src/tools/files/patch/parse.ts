import { posix } from "node:path";
import { beginOfPatch, parseBeginPatch } from "./begin-patch.ts";
import { invalidPatch, type PatchedFile, patchLines } from "./lines.ts";
import { parseUnifiedDiff } from "./unified.ts";

/** Of one patch. */
export const MAX_PATCHED_FILES = 500;

/**
 * Understands a patch in either of its forms, `*** Begin Patch` or a unified diff. Parts of one file are put together.
 * @throws patch.invalid with the line of the patch
 */
export function parsePatch(text: string): PatchedFile[] {
  const lines = patchLines(text);
  const files = together(beginOfPatch(lines) === -1 ? parseUnifiedDiff(lines) : parseBeginPatch(lines));
  const over = files[MAX_PATCHED_FILES];
  if (over === undefined) return files;
  throw invalidPatch(
    over.line,
    `there are more than ${MAX_PATCHED_FILES} files`,
    "Make several patches of it.",
  );
}

function together(parts: readonly PatchedFile[]): PatchedFile[] {
  const files = new Map<string, PatchedFile>();
  const taken = new Set<string>();
  for (const part of parts) {
    const name = posix.normalize(part.path);
    const known = files.get(name);
    if (known?.type === "update" && part.type === "update" && known.moveTo === undefined) {
      files.set(name, { ...known, moveTo: part.moveTo, hunks: [...known.hunks, ...part.hunks] });
    } else if (known !== undefined || taken.has(name)) {
      throw invalidPatch(
        part.line,
        "the file is in the patch already",
        "Put what is done to a file in one place.",
      );
    } else {
      files.set(name, part);
    }
    if (part.type !== "update" || part.moveTo === undefined) continue;
    const target = posix.normalize(part.moveTo);
    if (files.has(target) || taken.has(target)) {
      throw invalidPatch(part.line, "what it renames the file to is in the patch already");
    }
    taken.add(target);
  }
  return [...files.values()];
}
