import type { Duplex } from "node:stream";
import { TemporaryNames } from "../../files/temporary.ts";
import { FileThreads } from "../../files/threads.ts";
import type { Method } from "../../wire/messages.ts";
import type { WireStream } from "../../wire/types.ts";
import type { MethodHandler, Service } from "../service.ts";
import { type AttributeCopier, cpAttributeCopier } from "./attributes.ts";
import { FileContext } from "./context.ts";
import { chmod, mkdir, readdir, realpath, stat, symlink } from "./metadata.ts";
import { rename, rm } from "./move.ts";
import { read } from "./read.ts";
import { Outgoing } from "./stream-life.ts";
import { download, upload } from "./transfer.ts";
import { write } from "./write.ts";

export interface FileServiceOptions {
  /** HOME of the daemon's user, for `~`. */
  readonly home: string;
  /** Default: by `cp`. */
  readonly attributes?: AttributeCopier;
  /** Starts `berthd.mjs file-worker` as a user; its stdin and stdout as one stream. */
  readonly startWorker?: (user: string) => Promise<Duplex>;
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
  let active = 0;
  const counted = <M extends Method>(work: MethodHandler<M>): MethodHandler<M> => {
    return async (params, stream, session) => {
      active += 1;
      try {
        await work(params, stream, session);
      } finally {
        active -= 1;
      }
    };
  };
  const simple = <M extends Method>(
    work: (
      context: FileContext,
      params: Parameters<MethodHandler<M>>[0],
      outgoing: Outgoing,
    ) => Promise<unknown>,
  ): MethodHandler<M> =>
    counted<M>(async (params, stream) => {
      const result = await work(context, params, new Outgoing(stream));
      stream.respond(result);
      stream.end();
    });
  const streaming = <M extends Method>(
    work: (
      context: FileContext,
      params: Parameters<MethodHandler<M>>[0],
      stream: WireStream,
    ) => Promise<void>,
  ): MethodHandler<M> => counted<M>((params, stream) => work(context, params, stream));

  return {
    methods: {
      "fs.stat": streaming<"fs.stat">(stat),
      "fs.read": streaming<"fs.read">(read),
      "fs.write": streaming<"fs.write">(write),
      "fs.realpath": simple<"fs.realpath">(realpath),
      "fs.readdir": streaming<"fs.readdir">(readdir),
      "fs.mkdir": simple<"fs.mkdir">(mkdir),
      "fs.rename": simple<"fs.rename">(rename),
      "fs.rm": simple<"fs.rm">(rm),
      "fs.symlink": simple<"fs.symlink">(symlink),
      "fs.upload": streaming<"fs.upload">(upload),
      "fs.download": streaming<"fs.download">(download),
      "fs.chmod": simple<"fs.chmod">(chmod),
    },
    busy: () => active > 0,
    async close() {
      attributes.close();
    },
  };
}
