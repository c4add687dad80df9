import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { berthError, fileError } from "../../contract/errors.ts";
import type { FileOptions, TransferOptions, TransferProgress } from "../../contract/files.ts";
import { FileCalls } from "../../files/calls.ts";
import { joinPath } from "../../files/names.ts";
import { extractTree } from "../../files/tar-extract.ts";
import { TAR_END } from "../../files/tar-format.ts";
import { packTree } from "../../files/tar-pack.ts";
import { TarReader } from "../../files/tar-read.ts";
import { DOWNLOAD_MODE_MASK, localPath, spotOf, temporaries, threads } from "../common/transfer.ts";
import { CheckedEntries } from "./checked-entries.ts";
import type { FileRuns } from "./file-runs.ts";
import { insideOnly } from "./links.ts";
import { listDirectory, statPath } from "./look.ts";
import { chunksOf, readChunks } from "./read.ts";
import { asArchive, type EntrySource, inDialect } from "./tar-dialect.ts";
import {
  attributesBody,
  directoryBody,
  packBody,
  removeLinkBody,
  replaceLinkBody,
  unpackBody,
} from "./transfer-scripts.ts";
import { writeWhole } from "./write.ts";

type Uploaded = { files: number; bytes: number };

/** Copies a local file or tree to `remote` (a path of the place): by its tar, else file by file. */
export async function upload(
  runs: FileRuns,
  local: string,
  remote: string,
  options: TransferOptions,
): Promise<TransferProgress> {
  try {
    if (options.signal?.aborted) throw berthError("operation.aborted", { cause: options.signal.reason });
    const at = await localPath(resolve(local), true);
    const stats = await stat(at);
    if (!stats.isDirectory()) return await uploadFile(runs, at, remote, options);
    const done: Uploaded = { files: 0, bytes: 0 };
    await unpack(runs, new TarReader(localTree(at, options, done, runs)), remote, options);
    return done;
  } catch (error) {
    throw fileError(error, local, "client");
  }
}

/** Unpacks a directory's archive by the place's tar, else entry by entry. */
async function unpack(
  runs: FileRuns,
  entries: EntrySource,
  remote: string,
  options: TransferOptions,
): Promise<void> {
  const tools = await runs.tools();
  if (tools.tar === "none") {
    await uploadEach(runs, entries, remote, options);
    return;
  }
  const input =
    tools.tar === "other"
      ? inDialect(await insideOnly(runs, entries, remote, options), "long-names")
      : inDialect(entries, "pax");
  await runs.run(unpackBody(remote, tools), remote, options, { input });
}

/** Unpacks an archive that anybody may have made. */
export async function writeArchive(
  runs: FileRuns,
  archive: AsyncIterable<Uint8Array>,
  remote: string,
  options: FileOptions,
): Promise<TransferProgress> {
  const entries = new CheckedEntries(new TarReader(archive), {
    onSkipped: (path, reason) => runs.skipped(path, reason),
  });
  try {
    const isFile = await entries.isFile();
    if (isFile) await uploadEach(runs, entries, remote, options);
    else await unpack(runs, entries, remote, options);
    return { files: entries.files, bytes: entries.bytes };
  } catch (error) {
    throw fileError(error, remote, "client");
  }
}

async function* localTree(
  at: string,
  options: TransferOptions,
  done: Uploaded,
  runs: FileRuns,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = packTree(new FileCalls(threads, at), at, {
    cancellation: {
      get aborted() {
        return options.signal?.aborted === true;
      },
    },
    onProgress: (progress) => {
      done.files = progress.files;
      done.bytes = progress.bytes;
      options.onProgress?.(progress);
    },
    onSkipped: ({ path, reason }) => runs.skipped(path, reason),
  });
  for await (const parts of chunks) yield* parts;
  // A packer that was cancelled ends early, and the archive would seem whole.
  if (options.signal?.aborted) throw berthError("operation.aborted", { cause: options.signal.reason });
}

async function uploadFile(
  runs: FileRuns,
  local: string,
  remote: string,
  options: TransferOptions,
): Promise<TransferProgress> {
  const { mode, mtimeMs, size } = await stat(local);
  let bytes = 0;
  async function* content(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of createReadStream(local) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      options.onProgress?.({ bytes, totalBytes: size, files: 0 });
      yield chunk;
    }
  }
  await writeWhole(runs, remote, content(), { ...options, mode: mode & 0o7777 });
  const body = attributesBody(remote, mode & 0o7777, mtimeMs, await runs.tools());
  await runs.run(body, remote, options);
  const progress = { bytes, totalBytes: size, files: 1 };
  options.onProgress?.(progress);
  return progress;
}

/** Without tar: a run or two for each entry. Further names of a file become copies of it. */
async function uploadEach(
  runs: FileRuns,
  reader: EntrySource,
  remote: string,
  options: TransferOptions,
): Promise<void> {
  const tools = await runs.tools();
  const directories: (readonly [string, number, number])[] = [];
  for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) {
    const name = entry.name.replace(/\/$/, "");
    const path = name === "." ? remote : joinPath(remote, name);
    if (entry.type === "directory") {
      await runs.run(directoryBody(path, name === "."), path, options);
      directories.push([path, entry.mode, entry.mtimeMs]);
    } else if (entry.type === "symlink") {
      await runs.run(replaceLinkBody(entry.linkname, path), path, options);
    } else {
      const content =
        entry.type === "link"
          ? readChunks(runs, joinPath(remote, entry.linkname), options)
          : contentOf(reader);
      await runs.run(removeLinkBody(path), path, options);
      await writeWhole(runs, path, content, { ...options, mode: entry.mode });
      await runs.run(attributesBody(path, entry.mode, entry.mtimeMs, tools), path, options);
    }
  }
  // What is written into a directory changes its time, and its mode may forbid it.
  for (const [path, mode, mtimeMs] of directories.reverse()) {
    await runs.run(attributesBody(path, mode, mtimeMs, tools), path, options);
  }
}

async function* contentOf(reader: EntrySource): AsyncGenerator<Uint8Array, void, undefined> {
  for (let bytes = await reader.content(); bytes !== undefined; bytes = await reader.content()) yield bytes;
}

/** Copies a file or tree of the place to `local`, as it comes. */
export async function download(
  runs: FileRuns,
  remote: string,
  local: string,
  options: TransferOptions,
): Promise<TransferProgress> {
  const { onProgress } = options;
  const archive = readArchive(runs, remote, options);
  try {
    const source = await begun(archive);
    const at = await localPath(resolve(local), false);
    return await extractTree(new FileCalls(threads, at), spotOf(at), source, {
      temporaries,
      modeMask: DOWNLOAD_MODE_MASK,
      onSkipped: ({ path, reason }) => runs.skipped(path, reason),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  } catch (error) {
    throw fileError(error, local, "client");
  } finally {
    await archive.return();
  }
}

/** The archive once its first bytes have come: for what is not there nothing is made here. */
async function begun(
  archive: AsyncGenerator<Uint8Array, void, undefined>,
): Promise<AsyncIterable<Uint8Array>> {
  const first = await archive.next();
  return first.done === true ? nothing() : rest(first.value, archive);
}

/** A file or tree of the place as an archive: by its tar, else entry by entry. */
export async function* readArchive(
  runs: FileRuns,
  path: string,
  options: FileOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const tools = await runs.tools();
  const chunks = chunksOf(runs, packBody(path, tools), path, options);
  try {
    const first = await chunks.next();
    if (first.done === true) {
      throw berthError("internal", { hop: "transport", message: "the place's shell prints something else" });
    }
    const isDirectory = first.value[0] === "d".charCodeAt(0);
    if (!isDirectory) yield* await fileArchive(runs, path, options);
    else if (tools.tar === "none") yield* treeArchive(runs, path, options);
    else yield* rest(first.value.subarray(1), chunks);
  } finally {
    await chunks.return();
  }
}

async function* rest(
  first: Uint8Array,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (first.length > 0) yield first;
  yield* chunks;
}

async function fileArchive(
  runs: FileRuns,
  path: string,
  options: FileOptions,
): Promise<AsyncIterable<Uint8Array>> {
  const { size, mode, mtimeMs } = await statPath(runs, path, options, true);
  return asArchive(
    { name: ".", type: "file", size, mode, mtimeMs, linkname: "" },
    readChunks(runs, path, options),
  );
}

/** Without tar: a run or two for each entry. */
async function* treeArchive(
  runs: FileRuns,
  path: string,
  options: FileOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* treeEntries(runs, path, ".", options);
  yield TAR_END;
}

async function* treeEntries(
  runs: FileRuns,
  path: string,
  name: string,
  options: FileOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const found = await statPath(runs, path, options, name === ".");
  const { type, mode, mtimeMs } = found;
  if (type !== "file" && type !== "directory" && type !== "symlink") {
    runs.skipped(name, `it is a ${type}`);
    return;
  }
  const size = type === "file" ? found.size : 0;
  const entry = { name, type, size, mode, mtimeMs, linkname: found.symlinkTarget ?? "" };
  const content = type === "file" ? readChunks(runs, path, options) : nothing();
  yield* asArchive(entry, content, false);
  if (type !== "directory") return;
  for (const { name: child } of await listDirectory(runs, path, options)) {
    yield* treeEntries(runs, joinPath(path, child), name === "." ? child : `${name}/${child}`, options);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}
