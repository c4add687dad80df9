import { berthError, fileError } from "../../contract/errors.ts";
import type { WatchEvent } from "../../contract/files.ts";
import type { FileCalls } from "../../files/calls.ts";
import type { DirectoryHandle } from "../../files/handles.ts";
import { splitPath } from "../../files/names.ts";
import { errnoOf } from "../../files/stat.ts";
import type { Params } from "../../wire/messages.ts";
import type { WireStream } from "../../wire/types.ts";
import { errno, type FileContext } from "./context.ts";
import { openPinned, statSpot } from "./metadata.ts";
import { Outgoing } from "./stream-life.ts";
import { ignoreMatcher } from "./watch-ignore.ts";
import { WatchLoad } from "./watch-load.ts";
import { WatchTree } from "./watch-tree.ts";

const EVENTS_PER_FRAME = 500;
/** Time for the last event to leave before the reset that would overtake it. */
const FAREWELL_MS = 50;

const load = new WatchLoad();

/**
 * fs.watch: RESPONSE {} once the watch is in place, then EVENT { events }. It ends by the client's reset; when the
 * watched directory itself goes, by its `remove` and then RESET with ENOENT.
 */
export async function watch(
  context: FileContext,
  params: Params<"fs.watch">,
  stream: WireStream,
): Promise<void> {
  const outgoing = new Outgoing(stream);
  const absolute = context.absolute(params.path);
  const rootPath = absolute.replace(/(?<=.)\/+$/, "");
  const emit = (events: WatchEvent[]): void => {
    for (let start = 0; start < events.length; start += EVENTS_PER_FRAME) {
      stream.event({ events: events.slice(start, start + EVENTS_PER_FRAME) });
    }
  };
  let checking = false;
  let inode: number | undefined;
  let tree: WatchTree | undefined;
  /** The directory that is watched: of a single file, the one that it is in. */
  let watched = rootPath;
  /** Only the name tells whether the root is still there: the watch follows the directory wherever it goes. */
  const checkRoot = async (): Promise<void> => {
    if (checking || outgoing.aborted) return;
    checking = true;
    const now = await statRoot(context, params, watched).catch(() => undefined);
    checking = false;
    if (outgoing.aborted || now?.ino === inode) return;
    tree?.close();
    emit([{ type: "remove", path: watched, inode, fileType: "directory" }]);
    setTimeout(
      () => stream.reset(berthError("ENOENT", { hop: "berthd", context: { path: params.path } })),
      FAREWELL_MS,
    );
  };
  const stats = await context.at(params, params.path, { follow: true }, (spot, calls) =>
    statSpot(calls, spot, true),
  );
  const isDirectory = stats.isDirectory();
  if (!isDirectory) watched = splitPath(rootPath).parent;
  const openRoot = (): Promise<DirectoryHandle> =>
    context.at(params, watched, { follow: true }, async (spot, calls) => {
      const handle = await openPinned(calls, spot);
      const now = (await calls.lstat(handle.at("."))).ino;
      inode ??= now;
      if (inode === now) return handle;
      handle.close();
      throw errno("ENOENT");
    });
  const calls = context.calls(params, watched);
  tree = new WatchTree({
    calls,
    load,
    openRoot,
    rootPath: watched,
    recursive: params.recursive && isDirectory,
    ...(isDirectory ? {} : { only: splitPath(rootPath).name }),
    ignored: ignoreMatcher(params.ignore),
    contained: params.contained !== undefined,
    emit,
    onRootChanged: () => void checkRoot(),
  });
  outgoing.onAbort = () => tree?.close();
  try {
    await tree.start();
  } catch (error) {
    tree.close();
    throw explain(error, calls);
  }
  if (outgoing.aborted) tree?.close();
  else stream.respond({});
}

async function statRoot(
  context: FileContext,
  params: Params<"fs.watch">,
  path: string,
): Promise<{ readonly ino: number }> {
  return context.at(params, path, { follow: true }, async (spot, calls) => statSpot(calls, spot, true));
}

/** The kernel's limits on watches have errno names that mean something else elsewhere. */
function explain(error: unknown, calls: FileCalls): Error {
  const code = errnoOf(error);
  if (code !== "ENOSPC" && code !== "EMFILE") return fileError(error, calls.path);
  const setting = code === "ENOSPC" ? "max_user_watches" : "max_user_instances";
  return berthError(code, {
    hop: "berthd",
    message: `the kernel has no inotify watches left: ${calls.path}`,
    hint: `Raise fs.inotify.${setting} with sysctl on the machine, or ignore large directories.`,
    context: { path: calls.path },
    cause: error,
  });
}
