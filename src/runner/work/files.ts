import { posix } from "node:path";
import { fileStatToJson, watchEventToJson } from "../../api/json-files.ts";
import { berthError } from "../../contract/errors.ts";
import type { Containment, FileOptions } from "../../contract/files.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { holds } from "../access/scopes.ts";
import type { Call, Caller, RunnerContext } from "../context.ts";
import type { Handlers, ServerEvent } from "../handlers.ts";
import { pageOf } from "../http/page.ts";
import { archiveHandlers } from "./archives.ts";
import { contentHandlers } from "./content.ts";
import { primed } from "./primed.ts";

type FileCalls =
  | "listDirectory"
  | "statFile"
  | "statFiles"
  | "makeDirectory"
  | "renameFile"
  | "removeFile"
  | "watchFiles";

/** What every call on files says besides its path. */
export interface FileFields {
  readonly user?: string | undefined;
  readonly contained?: boolean | undefined;
}

/** Files of a workspace, for one call; disposed when it is answered. */
export interface OpenFiles extends Disposable {
  readonly workspace: Workspace;
  readonly runtime: Runtime;
  readonly fs: Runtime["fs"];
  readonly options: FileOptions;
  /** Tells what was done, by path and never by content. */
  tell(type: string, message: string, data: Readonly<Record<string, unknown>>): void;
}

export type FilesCall = Pick<Call<{ readonly workspace: string }>, "params" | "caller" | "signal">;

/**
 * The files of the workspace that a call means; a set-up that runs is not waited for.
 * @throws workspace.unknown, what opening the place throws
 */
export async function filesOf(
  context: RunnerContext,
  { params, caller, signal }: FilesCall,
  fields: FileFields,
): Promise<OpenFiles> {
  const workspace = await context.workspace(params.workspace, caller);
  if (fields.user !== undefined && !holds(caller.scope, "operate")) {
    throw forbidden("a token that may only look sees files as the place's own user");
  }
  const lease = await context.runtimes.lease(workspace, signal, { now: true });
  const { runtime } = lease;
  let contained: Containment | undefined;
  try {
    contained = containment(runtime, caller, fields);
  } catch (error) {
    lease[Symbol.dispose]();
    throw error;
  }
  const options: FileOptions = {
    signal,
    ...(fields.user === undefined ? {} : { user: fields.user }),
    ...(contained === undefined ? {} : { contained }),
  };
  return {
    workspace,
    runtime,
    fs: runtime.fs,
    options,
    tell: (type, message, data) => context.emit({ type, message, workspace: workspace.id, data }),
    [Symbol.dispose]: () => lease[Symbol.dispose](),
  };
}

/**
 * Who may only look is held inside of the workspace, as the place's own user: elsewhere in a place of this machine lies the
 * runner's own token. For who may run commands it is a guard against mistakes: by them they reach everything.
 * @throws auth.forbidden
 */
function containment(runtime: Runtime, caller: Caller, { contained }: FileFields): Containment | undefined {
  const inside = { root: runtime.workdir };
  if (holds(caller.scope, "operate")) {
    const wanted = contained === true || (caller.workspaces !== undefined && runtime.capabilities.contained);
    return wanted ? inside : undefined;
  }
  if (runtime.capabilities.contained) return inside;
  throw forbidden(
    "a token that may only look sees the workspace's own directory, and this place can't hold it there",
  );
}

function forbidden(message: string): Error {
  return berthError("auth.forbidden", { hop: "runner", message, context: { scope: "operate" } });
}

export function fileHandlers(
  context: RunnerContext,
): Handlers<FileCalls> & ReturnType<typeof contentHandlers> & ReturnType<typeof archiveHandlers> {
  return {
    ...contentHandlers(context),
    ...archiveHandlers(context),
    listDirectory: async (call) => {
      const { query } = call;
      using files = await filesOf(context, call, query);
      const entries = await files.fs.readdir(query.path, files.options);
      const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
      return {
        status: 200,
        body: pageOf(
          sorted,
          query,
          ({ name }) => name,
          ({ name, type }) => ({ name, type }),
        ),
      };
    },
    statFile: async (call) => {
      const { query } = call;
      using files = await filesOf(context, call, query);
      const { fs, options } = files;
      const stat = query.follow ? await fs.stat(query.path, options) : await fs.lstat(query.path, options);
      return { status: 200, body: fileStatToJson(stat) };
    },
    statFiles: async (call) => {
      const { body } = call;
      using files = await filesOf(context, call, body);
      const stats = await files.fs.statMany(body.paths, files.options);
      return {
        status: 200,
        body: { items: stats.map((stat) => (stat === null ? null : fileStatToJson(stat))) },
      };
    },
    makeDirectory: async (call) => {
      const { path, mode, recursive } = call.body;
      using files = await filesOf(context, call, call.body);
      await files.fs.mkdir(path, { ...files.options, recursive, ...(mode === undefined ? {} : { mode }) });
      files.tell("file.directory_made", `the directory ${path} was made`, { path });
      return { status: 204 };
    },
    renameFile: async (call) => {
      const { from, to } = call.body;
      using files = await filesOf(context, call, call.body);
      await files.fs.rename(from, to, files.options);
      files.tell("file.renamed", `${from} is ${to} now`, { from, to });
      return { status: 204 };
    },
    removeFile: async (call) => {
      const { path, recursive, force } = call.query;
      using files = await filesOf(context, call, call.query);
      await files.fs.rm(path, { ...files.options, recursive, force });
      files.tell("file.removed", `${path} was removed`, { path });
      return { status: 204 };
    },
    watchFiles: async (call) => {
      const { query, signal, headers } = call;
      const files = await filesOf(context, call, query);
      const isBack = headers["last-event-id"] !== undefined;
      const events = watched(files, query, isBack);
      try {
        const stream = await primed(events, () => files[Symbol.dispose]());
        signal.addEventListener("abort", () => files[Symbol.dispose](), { once: true });
        return { status: 200, events: stream };
      } catch (error) {
        files[Symbol.dispose]();
        throw error;
      }
    },
  };
}

type WatchJson = ReturnType<typeof watchEventToJson>;

/** A client that comes back is told to look at everything: what happened meanwhile is known to nobody. */
async function* watched(
  { fs, options, runtime }: OpenFiles,
  query: {
    readonly path: string;
    readonly recursive: boolean;
    readonly ignore?: readonly string[] | undefined;
  },
  isBack: boolean,
): AsyncGenerator<ServerEvent<WatchJson>> {
  const { path, recursive, ignore } = query;
  await using watch = await fs.watch(path, {
    ...options,
    recursive,
    ...(ignore === undefined ? {} : { ignore }),
  });
  let number = 0;
  const told = (data: WatchJson): ServerEvent<WatchJson> => {
    number += 1;
    return { event: data.type, id: String(number), data };
  };
  const top = path.startsWith("~") ? await fs.realpath(path, options) : posix.resolve(runtime.workdir, path);
  yield told({ type: "ready", path: top });
  if (isBack) yield told({ type: "rescan", path });
  for await (const event of watch) yield told(watchEventToJson(event));
}

/** The precondition of a write does not hold. */
export function changedError(path: string): Error {
  return berthError("fs.changed", { hop: "runner", context: { path } });
}
