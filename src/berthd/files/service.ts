import type { Duplex } from "node:stream";
import { TemporaryNames } from "../../files/temporary.ts";
import { FileThreads } from "../../files/threads.ts";
import type { Method, Params } from "../../wire/messages.ts";
import type { WireStream } from "../../wire/types.ts";
import { EarlyInput } from "../early-input.ts";
import { RipgrepFinder } from "../search/ripgrep.ts";
import { search } from "../search/search.ts";
import { SearchWorkers } from "../search/workers.ts";
import type { MethodHandler, Service } from "../service.ts";
import { type AttributeCopier, cpAttributeCopier } from "./attributes.ts";
import { Changes } from "./change.ts";
import { FileContext } from "./context.ts";
import { chmod, mkdir, readdir, realpath, stat, symlink } from "./metadata.ts";
import { rename, rm } from "./move.ts";
import { read } from "./read.ts";
import { readText } from "./read-text.ts";
import { Outgoing } from "./stream-life.ts";
import { download, upload } from "./transfer.ts";
import { UserWorkers } from "./user-workers.ts";
import { watch } from "./watch.ts";
import { write } from "./write.ts";

export interface FileServiceOptions {
  /** HOME of the daemon's user, for `~`. */
  readonly home: string;
  /** Default: by `cp`. */
  readonly attributes?: AttributeCopier;
  /** Starts `berthd.mjs file-worker` as a user; its stdin and stdout as one stream. */
  readonly startWorker?: (user: string) => Promise<Duplex>;
  /** PATH of the place, where ripgrep is looked for. Default: the one that every place has. */
  readonly searchPath?: Promise<string | undefined> | undefined;
  /** The daemon's script, for threads that search. Default: the sources. */
  readonly script?: string | undefined;
  /** After this long without requests a worker ends. Default 60 s. */
  readonly workerIdleMs?: number;
}

type FileMethod = Extract<Method, `fs.${string}`>;
type Work<M extends Method> = (context: FileContext, params: Params<M>, stream: WireStream) => Promise<void>;

/** One answer and nothing besides. */
function answer<M extends FileMethod>(
  work: (context: FileContext, params: Params<M>, outgoing: Outgoing) => Promise<unknown>,
): Work<M> {
  return async (context, params, stream) => {
    stream.respond(await work(context, params, new Outgoing(stream)));
    stream.end();
  };
}

/** The daemon's file operations (SEMANTICS, Files). Paths are absolute or begin with `~`. */
export function createFileService(options: FileServiceOptions): Service {
  const attributes = options.attributes ?? cpAttributeCopier();
  const context = new FileContext({
    home: options.home,
    threads: new FileThreads(),
    temporaries: new TemporaryNames(),
    attributes,
  });
  const { startWorker, workerIdleMs, script } = options;
  const engines = {
    ripgrep: new RipgrepFinder(options.searchPath),
    workers: new SearchWorkers(script ?? new URL("../search/worker-thread.ts", import.meta.url)),
  };
  const workers =
    startWorker === undefined
      ? undefined
      : new UserWorkers({ startWorker, ...(workerIdleMs === undefined ? {} : { idleMs: workerIdleMs }) });
  const changes = new Changes();
  let active = 0;

  const method = <M extends FileMethod>(name: M, work: Work<M>): MethodHandler<M> => {
    return async (params, stream) => {
      active += 1;
      try {
        const { user } = params;
        if (user === undefined || workers === undefined) return await work(context, params, stream);
        const early = new EarlyInput(stream);
        if (!(await workers.isOwn(user))) return await workers.forward(user, name, params, stream, early);
        const working = work(context, params, stream);
        early.replay(stream.handler);
        return await working;
      } finally {
        active -= 1;
      }
    };
  };

  return {
    methods: {
      "fs.stat": method("fs.stat", stat),
      "fs.read": method("fs.read", read),
      "fs.search": method("fs.search", (...request) => search(engines, ...request)),
      "fs.write": method("fs.write", write),
      "fs.readText": method("fs.readText", readText),
      "fs.change": method("fs.change", (own, params, stream) => changes.handle(own, params, stream)),
      "fs.realpath": method("fs.realpath", answer(realpath)),
      "fs.readdir": method("fs.readdir", readdir),
      "fs.mkdir": method("fs.mkdir", answer(mkdir)),
      "fs.rename": method("fs.rename", answer(rename)),
      "fs.rm": method("fs.rm", answer(rm)),
      "fs.symlink": method("fs.symlink", answer(symlink)),
      "fs.chmod": method("fs.chmod", answer(chmod)),
      "fs.watch": method("fs.watch", watch),
      "fs.upload": method("fs.upload", upload),
      "fs.download": method("fs.download", download),
    },
    busy: () => active > 0,
    async close() {
      attributes.close();
      await engines.workers.close();
      await workers?.close();
    },
  };
}
