import { berthError, fileError } from "../../contract/errors.ts";
import type { FileCalls } from "../../files/calls.ts";
import { copyTree } from "../../files/copy.ts";
import { nativePath } from "../../files/names.ts";
import { type Cancellation, removeTree } from "../../files/remove.ts";
import { errnoOf } from "../../files/stat.ts";
import type { Spot } from "../../files/walk.ts";
import type { Params } from "../../wire/messages.ts";
import { errno, type FileContext } from "./context.ts";

/** fs.rename: one rename, or across file systems a copy beside the destination, a rename and a removal. */
export async function rename(
  context: FileContext,
  params: Params<"fs.rename">,
  cancellation: Cancellation,
): Promise<unknown> {
  return context.at(params, params.from, { follow: false }, async (source, calls) => {
    requireEntry(source, params.from);
    return context.at(params, params.to, { follow: false }, async (target, targetCalls) => {
      requireEntry(target, params.to);
      try {
        await calls.rename(source.at, target.at);
      } catch (error) {
        if (errnoOf(error) === "EXDEV") {
          await moveAcross(context, { calls: targetCalls, source, target, cancellation });
        } else {
          // The errno alone does not say which of the two it is about: the source, if that is missing.
          await calls.lstat(source.at).catch((cause: unknown) => {
            throw fileError(cause, params.from);
          });
          throw error;
        }
      }
      return {};
    });
  });
}

async function moveAcross(
  context: FileContext,
  move: { calls: FileCalls; source: Spot; target: Spot; cancellation: Cancellation },
): Promise<void> {
  const { calls, source, target, cancellation } = move;
  await requireReplaceable(calls, source, target);
  const name = context.temporaries.take();
  const temporary = target.sibling(name);
  try {
    await copyTree(calls, source.at, temporary, {
      cancellation,
      copyAttributes: async (from, to) => {
        await context.attributes.copy(visible(from), visible(to));
      },
    });
    if (cancellation.aborted) throw berthError("operation.aborted", { hop: "berthd" });
    await calls.rename(temporary, target.at);
  } catch (error) {
    await removeAny(calls, temporary).catch(() => {});
    throw error;
  } finally {
    context.temporaries.release(name);
  }
  await removeAny(calls, source.at);
}

/** What rename(2) would refuse is refused before anything is copied. */
async function requireReplaceable(calls: FileCalls, source: Spot, target: Spot): Promise<void> {
  const from = await calls.lstat(source.at);
  const to = await calls.lstat(target.at).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (to === undefined) return;
  if (from.isDirectory() && !to.isDirectory()) throw errno("ENOTDIR");
  if (!from.isDirectory() && to.isDirectory()) throw errno("EISDIR");
}

/** fs.rm with the meaning of node:fs: a directory only with `recursive`, a missing path only with `force`. */
export async function rm(
  context: FileContext,
  params: Params<"fs.rm">,
  cancellation: Cancellation,
): Promise<unknown> {
  return context
    .at(params, params.path, { follow: false }, async (spot, calls) => {
      requireEntry(spot, params.path);
      try {
        const stats = await calls.lstat(spot.at);
        if (!stats.isDirectory()) await calls.unlink(spot.at);
        else if (params.recursive) await removeTree(calls, spot.at, cancellation);
        else throw errno("EISDIR");
      } catch (error) {
        if (!params.force || errnoOf(error) !== "ENOENT") throw error;
      }
      return {};
    })
    .catch((error: unknown) => {
      // A missing parent is a missing path too; the walk of a contained path finds that first.
      if (params.force && errnoOf(error) === "ENOENT") return {};
      throw error;
    });
}

/** The root of a containment is an entry of a directory outside. */
function requireEntry(spot: Spot, path: string): void {
  if (spot.pinned && spot.name === ".") {
    throw berthError("fs.outside_workspace", { hop: "berthd", context: { path } });
  }
}

async function removeAny(calls: FileCalls, at: string): Promise<void> {
  if ((await calls.lstat(at)).isDirectory()) await removeTree(calls, at);
  else await calls.unlink(at);
}

/** A path for another process: this one's descriptors by its pid, and names that are not UTF-8 as bytes. */
export function visible(at: string): string | Buffer {
  return nativePath(at.replace(/^\/proc\/self\//, `/proc/${process.pid}/`));
}
