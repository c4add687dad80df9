import { constants, type Stats } from "node:fs";
import { berthError, fileError } from "../../contract/errors.ts";
import type { FileCalls } from "../../files/calls.ts";
import { splitPath } from "../../files/names.ts";
import { errnoOf } from "../../files/stat.ts";
import type { Spot } from "../../files/walk.ts";
import type { Params } from "../../wire/messages.ts";
import type { WireStream } from "../../wire/types.ts";
import { errno, type FileContext, type FileParams } from "./context.ts";
import { makeParents } from "./metadata.ts";
import { visible } from "./move.ts";
import { byteLength, Incoming } from "./stream-life.ts";
import {
  modeOf,
  openInPlace,
  openTemporary,
  resolveTarget,
  type Temporary,
  takeOwner,
  type WriteTarget,
} from "./write-target.ts";

/**
 * Where no sibling can be made, up to this much is held in memory until it is complete, so that an abort leaves
 * the old content; more goes straight into the file.
 */
const MEMORY_BYTES = 8 * 1024 * 1024;
const COPY_BYTES = 256 * 1024;
/** A new file that is made like no other. */
const NO_MODEL = { at: "", stats: undefined };
/** A FIFO or device that takes nothing now is asked again after this long. */
const RETRY_MS = 5;

export interface Written {
  readonly atomic: boolean;
  readonly bytes: number;
}

/** Where the content comes from. */
export interface WriteSource {
  /** Who writes has gone. */
  readonly aborted: boolean;
  /** What has come; undefined at the end. */
  take(): Promise<Uint8Array[] | undefined>;
  /** These bytes are used. */
  done(chunks: readonly Uint8Array[]): void;
}

/** How a content gets to its place. */
export interface WriteOptions {
  readonly contained?: unknown;
  /** Of a new file. */
  readonly mode?: number | undefined;
  readonly durable: boolean;
  /** Awaited when all is ready for the new content to be seen, right before the first step that changes anything. */
  readonly ready?: (() => Promise<void>) | undefined;
  /** There must be nothing yet. */
  readonly exclusive?: boolean | undefined;
  /** A new file gets owner, mode and attributes of this one. */
  readonly like?: WriteTarget | undefined;
}

/** fs.write: DATA and END of the client, then RESPONSE { atomic, bytes }. */
export async function write(
  context: FileContext,
  params: Params<"fs.write">,
  stream: WireStream,
): Promise<void> {
  const incoming = new Incoming(stream);
  const absolute = context.absolute(params.path);
  const calls = context.calls(params, absolute);
  let result: Written | undefined;
  try {
    const { spot, target } = await findTarget(context, calls, params, absolute);
    try {
      result = await new Write(context, calls, params, incoming, target).run();
    } finally {
      spot.release();
    }
  } catch (error) {
    throw fileError(error, params.path);
  }
  if (result === undefined) return;
  stream.respond(result);
  stream.end();
}

/** Walks again while the last component of a contained path turns into a link between two looks. */
export async function findTarget(
  context: FileContext,
  calls: FileCalls,
  params: FileParams,
  absolute: string,
  createParents = true,
): Promise<{ spot: Spot; target: WriteTarget }> {
  for (let attempt = 1; ; attempt++) {
    const spot = await context.spot(calls, params, absolute, { follow: true, createParents });
    try {
      if (spot.pinned && spot.name === ".")
        throw berthError("EISDIR", { hop: "berthd", context: { path: absolute } });
      return { spot, target: await resolveTarget(calls, spot) };
    } catch (error) {
      spot.release();
      if (!spot.pinned || errnoOf(error) !== "ELOOP" || attempt === 16) throw error;
    }
  }
}

/** One file that is written: into a sibling that gets its name at the end, where that can be. */
export class Write {
  readonly #context: FileContext;
  readonly #calls: FileCalls;
  readonly #params: WriteOptions;
  readonly #incoming: WriteSource;
  readonly #target: WriteTarget;
  /** The temporary's descriptor was closed before the rename. */
  #closed = false;
  #agreed = false;

  constructor(
    context: FileContext,
    calls: FileCalls,
    params: WriteOptions,
    incoming: WriteSource,
    target: WriteTarget,
  ) {
    this.#context = context;
    this.#calls = calls;
    this.#params = params;
    this.#incoming = incoming;
    this.#target = target;
  }

  /** Undefined when the client went away: then nothing has changed. */
  async run(): Promise<Written | undefined> {
    const { stats } = this.#target;
    if (stats !== undefined && !stats.isFile()) return this.#stream();
    let temporary: Temporary;
    const name = this.#context.temporaries.take();
    try {
      temporary = await this.#makeTemporary(name);
    } catch (error) {
      this.#context.temporaries.release(name);
      const code = errnoOf(error);
      if (stats !== undefined && (code === "EACCES" || code === "EPERM" || code === "EROFS")) {
        return this.#fromMemory();
      }
      throw error;
    }
    const { parent } = splitPath(this.#target.at);
    void this.#context.temporaries.sweep(
      this.#calls,
      this.#params.contained === undefined ? parent : splitPath(this.#calls.path).parent,
      this.#target.sibling,
    );
    let renamed = false;
    try {
      if (stats !== undefined) await this.#requireWritable(stats);
      const bytes = await this.#fill(temporary);
      if (bytes === undefined) return undefined;
      renamed = await this.#replace(temporary);
      if (!renamed) await this.#copyInto(temporary, bytes);
      if (this.#params.durable) await this.#syncDirectory();
      return { atomic: renamed, bytes };
    } finally {
      if (!this.#closed) await this.#calls.close(temporary.fd);
      if (!renamed) await this.#calls.unlink(temporary.at).catch(() => {});
      this.#context.temporaries.release(name);
    }
  }

  /**
   * A file without write permission is not written, although its directory would allow to replace it.
   * @throws EACCES, EROFS
   */
  async #requireWritable(stats: Stats): Promise<void> {
    if ((stats.mode & 0o222) !== 0o222) await this.#calls.access(this.#target.at, constants.W_OK);
  }

  async #makeTemporary(name: string): Promise<Temporary> {
    const at = this.#target.sibling(name);
    const { mode, like } = this.#params;
    const plain = this.#target.stats === undefined && mode === undefined && like === undefined;
    try {
      return await openTemporary(this.#calls, at, name, plain);
    } catch (error) {
      // A contained path's parents were made on the walk.
      if (errnoOf(error) !== "ENOENT" || this.#params.contained !== undefined) throw error;
      await makeParents(this.#calls, this.#target.at);
      return await openTemporary(this.#calls, at, name, plain);
    }
  }

  /** Everything the client sends; undefined when it goes away before its END. */
  async #fill(temporary: Temporary): Promise<number | undefined> {
    let bytes = 0;
    for (;;) {
      const chunks = await this.#incoming.take();
      if (chunks === undefined) return this.#incoming.aborted ? undefined : bytes;
      await this.#calls.write(temporary.fd, chunks);
      bytes += byteLength(chunks);
      this.#incoming.done(chunks);
    }
  }

  /** Gives the temporary the final owner, attributes and mode, and the final name; false where it can't be. */
  async #replace(temporary: Temporary): Promise<boolean> {
    const { stats, at } = this.#target;
    if (stats !== undefined && stats.nlink > 1) return false;
    const { at: modelAt, stats: model } =
      stats === undefined ? (this.#params.like ?? NO_MODEL) : this.#target;
    if (model !== undefined) {
      const same =
        (await takeOwner(this.#calls, temporary, model)) &&
        (await this.#context.attributes.copy(visible(modelAt), visible(temporary.at))) !== "failed";
      // A new file is written all the same, as somebody's who may not give it away.
      if (!same && stats !== undefined) return false;
    }
    const mode = model === undefined ? (this.#params.mode ?? modeOf(temporary.stats)) : modeOf(model);
    // Also when it is 0600 already: copying attributes may have changed it, and chown clears bits.
    await this.#calls.fchmod(temporary.fd, mode);
    if (this.#params.durable) await this.#calls.fsync(temporary.fd);
    // Network file systems report a full disk at the latest here.
    this.#closed = true;
    await this.#calls.closeChecked(temporary.fd);
    if (this.#incoming.aborted) throw aborted();
    await this.#ready();
    if (this.#params.exclusive === true) {
      await this.#giveNew(temporary.at, at);
      return true;
    }
    try {
      await this.#calls.rename(temporary.at, at);
      return true;
    } catch (error) {
      // A mount point is EBUSY; in a sticky directory only the owner may replace.
      const code = errnoOf(error);
      if (
        stats !== undefined &&
        (code === "EBUSY" || code === "EPERM" || code === "EACCES" || code === "EXDEV")
      ) {
        return false;
      }
      throw error;
    }
  }

  /** A name that nobody else has. @throws EEXIST */
  async #giveNew(temporary: string, at: string): Promise<void> {
    try {
      await this.#calls.link(temporary, at);
      await this.#calls.unlink(temporary).catch(() => {});
      return;
    } catch (error) {
      const code = errnoOf(error);
      if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "ENOSYS") throw error;
    }
    // A file system without hard links: between the look and the rename somebody else's file would be replaced.
    const there = await this.#calls.lstat(at).then(
      () => true,
      (error: unknown) => {
        if (errnoOf(error) === "ENOENT") return false;
        throw error;
      },
    );
    if (there) throw errno("EEXIST");
    await this.#calls.rename(temporary, at);
  }

  /** Waits for who has to agree, once. */
  async #ready(): Promise<void> {
    if (this.#agreed) return;
    this.#agreed = true;
    await this.#params.ready?.();
  }

  async #copyInto(temporary: Temporary, bytes: number): Promise<void> {
    await this.#ready();
    const from = this.#closed ? await this.#calls.open(temporary.at, constants.O_RDONLY) : temporary.fd;
    let fd: number | undefined;
    try {
      fd = await openInPlace(this.#calls, this.#target);
      const buffer = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, Math.max(bytes, 1)));
      for (let position = 0; position < bytes; ) {
        const length = await this.#calls.read(from, buffer, 0, buffer.length, position);
        if (length === 0) break;
        await this.#calls.write(fd, [buffer.subarray(0, length)], position);
        position += length;
      }
      await this.#finishInPlace(fd, bytes);
    } finally {
      if (fd !== undefined) await this.#calls.close(fd);
      if (this.#closed) await this.#calls.close(from);
    }
  }

  /** In place, complete in memory first where it fits. */
  async #fromMemory(): Promise<Written | undefined> {
    const held: Uint8Array[] = [];
    let heldBytes = 0;
    while (heldBytes <= MEMORY_BYTES) {
      const chunks = await this.#incoming.take();
      if (chunks === undefined) {
        if (this.#incoming.aborted) return undefined;
        break;
      }
      held.push(...chunks);
      heldBytes += byteLength(chunks);
      this.#incoming.done(chunks);
    }
    await this.#ready();
    const fd = await openInPlace(this.#calls, this.#target);
    try {
      if (held.length > 0) await this.#calls.write(fd, held, 0);
      let bytes = heldBytes;
      for (;;) {
        const chunks = await this.#incoming.take();
        if (chunks === undefined) break;
        await this.#calls.write(fd, chunks, bytes);
        bytes += byteLength(chunks);
        this.#incoming.done(chunks);
      }
      if (this.#incoming.aborted) return undefined;
      await this.#finishInPlace(fd, bytes);
      return { atomic: false, bytes };
    } finally {
      await this.#calls.close(fd);
    }
  }

  async #finishInPlace(fd: number, bytes: number): Promise<void> {
    await this.#calls.ftruncate(fd, bytes);
    if (this.#params.durable) await this.#calls.fsync(fd);
  }

  /** FIFOs and devices: straight into them as it comes. */
  async #stream(): Promise<Written | undefined> {
    const fd = await openInPlace(this.#calls, this.#target);
    let bytes = 0;
    try {
      for (;;) {
        const chunks = await this.#incoming.take();
        if (chunks === undefined) return this.#incoming.aborted ? undefined : { atomic: false, bytes };
        for (const chunk of chunks) if (!(await this.#writeReady(fd, chunk))) return undefined;
        bytes += byteLength(chunks);
        this.#incoming.done(chunks);
      }
    } finally {
      await this.#calls.close(fd);
    }
  }

  /** Writes one chunk to something that may be full for a while; false when the client has gone meanwhile. */
  async #writeReady(fd: number, chunk: Uint8Array): Promise<boolean> {
    for (let rest = chunk; rest.length > 0; ) {
      try {
        rest = rest.subarray(await this.#calls.writeSome(fd, rest));
      } catch (error) {
        if (errnoOf(error) !== "EAGAIN") throw error;
        if (this.#incoming.aborted) return false;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    return true;
  }

  async #syncDirectory(): Promise<void> {
    const fd = await this.#calls.open(this.#target.sibling("."), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await this.#calls.fsync(fd);
    } finally {
      await this.#calls.close(fd);
    }
  }
}

function aborted(): Error {
  return berthError("operation.aborted", { hop: "berthd" });
}
