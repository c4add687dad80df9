import type { Stats } from "node:fs";
import fs from "node:fs";
import { fileError } from "../../contract/errors.ts";
import type { FileStat } from "../../contract/files.ts";
import { type FileCalls, O_PATH } from "../../files/calls.ts";
import { openDirectory } from "../../files/handles.ts";
import { listDirectory } from "../../files/list.ts";
import { nameToBytes, splitPath } from "../../files/names.ts";
import { forEachParallel } from "../../files/parallel.ts";
import { errnoOf, toFileStat } from "../../files/stat.ts";
import { makeDirectory, type Spot } from "../../files/walk.ts";
import type { Params } from "../../wire/messages.ts";
import type { WireStream } from "../../wire/types.ts";
import { becameLink, errno, type FileContext } from "./context.ts";

/** Calls under way at once for one request of many paths, half of the thread pool. */
const PARALLEL_STATS = 8;
/** Results in one JSON frame: far below the frame's limit even with long paths in errors. */
const STATS_PER_FRAME = 1000;
const NAME_BYTES_PER_FRAME = 128 * 1024;

/** Stats what is at a spot. Contained paths were walked with `follow`, so a link there now is a new one. */
export async function statSpot(calls: FileCalls, spot: Spot, follow: boolean): Promise<Stats> {
  if (!spot.pinned && follow) return calls.stat(spot.at);
  const stats = await calls.lstat(spot.at);
  if (follow && stats.isSymbolicLink()) throw becameLink();
  return stats;
}

type StatResult = { readonly ok: FileStat } | { readonly error: unknown };

/** fs.stat: each path gets its own result; more than a frame's worth comes as EVENT { stats } before. */
export async function stat(
  context: FileContext,
  params: Params<"fs.stat">,
  stream: WireStream,
): Promise<void> {
  const { paths, follow } = params;
  for (let start = 0; start < paths.length && !stream.closed; start += STATS_PER_FRAME) {
    const part = paths.slice(start, start + STATS_PER_FRAME);
    const stats = new Array<StatResult>(part.length);
    await forEachParallel(part, PARALLEL_STATS, async (path, index) => {
      stats[index] = await statOne(context, params, path, follow);
    });
    if (start + STATS_PER_FRAME < paths.length) {
      stream.event({ stats });
    } else {
      stream.respond({ stats });
      stream.end();
    }
  }
}

async function statOne(
  context: FileContext,
  params: Params<"fs.stat">,
  path: string,
  follow: boolean,
): Promise<StatResult> {
  try {
    return await context.at(params, path, { follow }, async (spot, calls) => {
      const stats = await statSpot(calls, spot, follow);
      const target = stats.isSymbolicLink() ? await calls.readlink(spot.at) : undefined;
      return { ok: toFileStat(stats, target) };
    });
  } catch (error) {
    return { error: fileError(error, path).toJSON() };
  }
}

export async function realpath(context: FileContext, params: Params<"fs.realpath">): Promise<unknown> {
  return context.at(params, params.path, { follow: true }, async (spot, calls) => {
    if (!spot.pinned) return { path: await calls.realpath(spot.at) };
    const fd = await calls.open(spot.at, O_PATH | fs.constants.O_NOFOLLOW);
    try {
      if ((await calls.fstat(fd)).isSymbolicLink()) throw becameLink();
      return { path: await calls.readlink(`/proc/self/fd/${fd}`) };
    } finally {
      void calls.close(fd);
    }
  });
}

/** fs.readdir: lists of more than a frame's worth come as EVENT { entries } frames before the RESPONSE. */
export async function readdir(
  context: FileContext,
  params: Params<"fs.readdir">,
  stream: WireStream,
): Promise<void> {
  let last: [string, string][] = [];
  await context.at(params, params.path, { follow: true }, async (spot, calls) => {
    const directory = spot.pinned ? await openPinned(calls, spot) : undefined;
    try {
      let bytes = 0;
      for await (const batch of listDirectory(calls, directory?.at(".") ?? spot.at)) {
        if (stream.closed) return;
        if (bytes > NAME_BYTES_PER_FRAME) {
          stream.event({ entries: last });
          last = [];
          bytes = 0;
        }
        for (const entry of batch) {
          last.push([entry.name, entry.type]);
          bytes += entry.name.length + 12;
        }
      }
    } finally {
      directory?.close();
    }
  });
  stream.respond({ entries: last });
  stream.end();
}

/** Opens the directory at a contained spot; a link that is there now makes the walk start again. */
export async function openPinned(
  calls: FileCalls,
  spot: Spot,
): Promise<Awaited<ReturnType<typeof openDirectory>>> {
  try {
    return await openDirectory(calls, spot.at, !spot.pinned);
  } catch (error) {
    if (spot.pinned && errnoOf(error) === "ENOTDIR" && (await calls.lstat(spot.at)).isSymbolicLink()) {
      throw becameLink();
    }
    throw error;
  }
}

export async function mkdir(context: FileContext, params: Params<"fs.mkdir">): Promise<unknown> {
  const { recursive, mode } = params;
  return context.at(
    params,
    params.path,
    { follow: recursive, createParents: recursive },
    async (spot, calls) => {
      try {
        if (recursive && !spot.pinned) await makeParents(calls, spot.at);
        await calls.mkdir(spot.at, mode ?? 0o777);
      } catch (error) {
        if (!recursive || errnoOf(error) !== "EEXIST") throw error;
        if (!(await statSpot(calls, spot, true)).isDirectory()) throw error;
      }
      return {};
    },
  );
}

/** Makes the parents of a path that is not contained, from the nearest that is there. */
export async function makeParents(calls: FileCalls, path: string): Promise<void> {
  const missing: string[] = [];
  for (let { parent } = splitPath(path); parent !== "/"; parent = splitPath(parent).parent) {
    try {
      if ((await calls.stat(parent)).isDirectory()) break;
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      missing.push(parent);
      continue;
    }
    throw errno("ENOTDIR");
  }
  for (const directory of missing.reverse()) await makeDirectory(calls, directory);
}

export async function symlink(context: FileContext, params: Params<"fs.symlink">): Promise<unknown> {
  if (params.target.includes("\0") || nameToBytes(params.target).length > 4095)
    throw fileError(errno("EINVAL"), params.path);
  return context.at(params, params.path, { follow: false }, async (spot, calls) => {
    await calls.symlink(params.target, spot.at);
    return {};
  });
}

export async function chmod(context: FileContext, params: Params<"fs.chmod">): Promise<unknown> {
  return context.at(params, params.path, { follow: true }, async (spot, calls) => {
    if (!spot.pinned) {
      await calls.chmod(spot.at, params.mode);
      return {};
    }
    const fd = await calls.open(spot.at, O_PATH | fs.constants.O_NOFOLLOW);
    try {
      if ((await calls.fstat(fd)).isSymbolicLink()) throw becameLink();
      // fchmod refuses an O_PATH descriptor; its entry in /proc is the file itself.
      await calls.chmod(`/proc/self/fd/${fd}`, params.mode);
      return {};
    } finally {
      void calls.close(fd);
    }
  });
}
