import type { BigIntStats } from "node:fs";
import { berthError } from "../../contract/errors.ts";
import type { FileCalls } from "../../files/calls.ts";
import { KIND_BYTES, kindOf } from "../../files/text/kind.ts";
import { CHUNK_BYTES, memorySource, readLines, type TextSource } from "../../files/text/lines.ts";
import { contentHash, MAX_TEXT_BYTES, sameStat, statVersion } from "../../files/text/version.ts";
import type { Spot } from "../../files/walk.ts";
import type { Params } from "../../wire/messages.ts";
import type { WireStream } from "../../wire/types.ts";
import type { FileContext } from "./context.ts";
import { openForReading, readFully } from "./read.ts";
import { Outgoing } from "./stream-life.ts";

/** Up to here a file is held in memory while it is looked at, so that its lines and its version are of one moment. */
const HELD_BYTES = 1024 * 1024;
/**
 * A file that is written while it is read is read again so often, before it is taken as it comes. One that is too large to
 * be hashed is not: its version is that of the time before, and so is never taken for what was read of later.
 */
const MAX_READS = 3;

/** A regular file that is open, and its state when it was opened. */
export interface OpenText {
  readonly fd: number;
  readonly stats: BigIntStats;
  readonly source: TextSource;
}

/** fs.readText: RESPONSE { kind, … }, DATA (lines as JSON, or the bytes of an image), END. */
export async function readText(
  context: FileContext,
  params: Params<"fs.readText">,
  stream: WireStream,
): Promise<void> {
  const outgoing = new Outgoing(stream);
  await context.at(params, params.path, { follow: true }, async (spot, calls) => {
    for (let reads = 1; ; reads++) {
      const { facts, data, changed } = await withText(calls, spot, (text) =>
        look(calls, text, params, outgoing),
      );
      if (outgoing.aborted) return;
      if (changed && reads < MAX_READS) continue;
      stream.respond(facts);
      for (let at = 0; at < data.length && !outgoing.aborted; at += CHUNK_BYTES) {
        await outgoing.writable();
        if (!outgoing.aborted) stream.data(data.subarray(at, at + CHUNK_BYTES));
      }
      return;
    }
  });
  stream.end();
}

/**
 * Opens a regular file for the time of some work.
 * @throws fs.not_a_regular_file, EISDIR
 */
export async function withText<T>(
  calls: FileCalls,
  spot: Spot,
  work: (text: OpenText) => Promise<T>,
): Promise<T> {
  const { fd } = await openForReading(calls, spot, false, 0, 0);
  try {
    const stats = await calls.fstatExact(fd);
    return await work({ fd, stats, source: await sourceOf(calls, fd, Number(stats.size)) });
  } finally {
    void calls.close(fd);
  }
}

async function sourceOf(calls: FileCalls, fd: number, size: number): Promise<TextSource> {
  if (size === 0) return memorySource(await readUnknown(calls, fd));
  if (size <= HELD_BYTES) return memorySource(await readFully(calls, fd, 0, size));
  return {
    size,
    read: (position, length) => readFully(calls, fd, position, Math.min(length, size - position)),
  };
}

/** Files of /proc and the like have the size 0, and content. */
async function readUnknown(calls: FileCalls, fd: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let bytes = 0; ; ) {
    const chunk = await readFully(calls, fd, bytes, bytes === 0 ? 4096 : CHUNK_BYTES);
    chunks.push(chunk);
    bytes += chunk.length;
    if (chunk.length === 0) return Buffer.concat(chunks);
    if (bytes > MAX_TEXT_BYTES) {
      throw berthError("fs.too_large", { hop: "berthd", context: { path: calls.path, size: bytes } });
    }
  }
}

/** The whole content. @throws fs.too_large above MAX_TEXT_BYTES */
export async function readContent(calls: FileCalls, { source }: OpenText): Promise<Buffer> {
  if (source.size > MAX_TEXT_BYTES) {
    throw berthError("fs.too_large", { hop: "berthd", context: { path: calls.path, size: source.size } });
  }
  const chunks: Uint8Array[] = [];
  for (let position = 0; position < source.size; ) {
    const chunk = await source.read(position, CHUNK_BYTES);
    if (chunk.length === 0) break;
    chunks.push(chunk);
    position += chunk.length;
  }
  return Buffer.concat(chunks);
}

interface Look {
  /** The RESPONSE. */
  readonly facts: Record<string, unknown>;
  readonly data: Uint8Array;
  /** It was written meanwhile. */
  readonly changed: boolean;
}

async function look(
  calls: FileCalls,
  { fd, stats, source }: OpenText,
  params: Params<"fs.readText">,
  outgoing: Outgoing,
): Promise<Look> {
  const { startLine, maxLines, maxBytes, maxLineBytes, maxImageBytes } = params;
  const kind = kindOf(await source.read(0, KIND_BYTES));
  const hash = source.size <= MAX_TEXT_BYTES ? contentHash() : undefined;
  const hear = (chunk: Uint8Array): void => {
    if (outgoing.aborted) throw berthError("operation.aborted", { hop: "berthd" });
    hash?.update(chunk);
  };
  let data: Uint8Array = Buffer.alloc(0);
  let facts: Record<string, unknown>;
  if (kind.kind === "text") {
    const { lines, ...known } = await readLines(
      source,
      { startLine, maxLines, maxBytes, maxLineBytes },
      hear,
    );
    const first = lines[0]?.number ?? 1;
    data = Buffer.from(
      JSON.stringify(lines.map(({ text, cutBytes }) => (cutBytes === undefined ? text : [text, cutBytes]))),
    );
    facts = { ...kind, ...known, firstLine: first };
  } else {
    const parts: Uint8Array[] = [];
    const kept = kind.kind === "image" && source.size <= maxImageBytes;
    for (let position = 0; position < source.size && (hash !== undefined || kept); ) {
      const chunk = await source.read(position, CHUNK_BYTES);
      if (chunk.length === 0) break;
      hear(chunk);
      if (kept) parts.push(chunk);
      position += chunk.length;
    }
    data = Buffer.concat(parts);
    facts = { ...kind, hasData: kept };
  }
  const after = await calls.fstatExact(fd);
  return {
    facts: {
      ...facts,
      size: source.size,
      mtimeMs: Number(stats.mtimeNs) / 1e6,
      version: hash?.version() ?? statVersion(stats),
    },
    data,
    changed: hash !== undefined && !sameStat(stats, after),
  };
}
