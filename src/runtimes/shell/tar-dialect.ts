import { nameFromBytes, nameToBytes } from "../../files/names.ts";
import { BLOCK_BYTES, encodeHeader, padding, TAR_END, type TarEntry } from "../../files/tar-format.ts";

/**
 * What the `tar` of a place understands: pax headers (GNU, BSD), which also carry fractions of a second, or only
 * GNU's entries for long names (busybox skips pax headers, and with them every name over 100 bytes).
 */
export type TarDialect = "pax" | "long-names";

const NAME_BYTES = 100;

/** Entries one by one, as TarReader gives them. */
export interface EntrySource {
  next(): Promise<TarEntry | undefined>;
  content(): Promise<Uint8Array | undefined>;
}

/**
 * The entries of an archive, written anew in a dialect. busybox sets a directory's mode and time at once, before it
 * writes what is in it: there each directory comes writable first, and at the end once more as it is to be.
 */
export async function* inDialect(
  reader: EntrySource,
  dialect: TarDialect,
): AsyncGenerator<Uint8Array, void, undefined> {
  const directories: TarEntry[] = [];
  for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) {
    if (dialect === "pax") yield paxHeader(entry);
    else if (entry.type === "directory") {
      directories.push(entry);
      yield longNameHeader({ ...entry, mode: entry.mode | 0o700 });
    } else yield longNameHeader(entry);
    for (let bytes = await reader.content(); bytes !== undefined; bytes = await reader.content()) yield bytes;
    if (entry.size % BLOCK_BYTES !== 0) yield padding(entry.size);
  }
  for (const entry of directories.reverse()) yield longNameHeader(entry);
  yield TAR_END;
}

/** An archive of one entry, or the entry alone. The content is cut or filled to `size`. */
export async function* asArchive(
  entry: TarEntry,
  content: AsyncIterable<Uint8Array>,
  whole = true,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield encodeHeader(entry);
  let left = entry.size;
  for await (const bytes of content) {
    const part = bytes.subarray(0, left);
    left -= part.length;
    if (part.length > 0) yield part;
  }
  for (; left > 0; left -= Math.min(left, TAR_END.length)) yield TAR_END.subarray(0, left);
  if (entry.size % BLOCK_BYTES !== 0) yield padding(entry.size);
  if (whole) yield TAR_END;
}

function nameBytes(entry: TarEntry): Buffer {
  const name = entry.type === "directory" && !entry.name.endsWith("/") ? `${entry.name}/` : entry.name;
  return nameToBytes(name);
}

/** The entry's own block, without what encodeHeader puts before it. */
function plainBlock(entry: TarEntry): Buffer {
  const name = entry.type === "directory" ? entry.name.replace(/\/$/, "") : entry.name;
  return encodeHeader({ ...entry, name }).subarray(-BLOCK_BYTES);
}

function paxHeader(entry: TarEntry): Buffer {
  const name = nameBytes(entry);
  const link = nameToBytes(entry.linkname);
  const isText = [entry.name, entry.linkname].every((text) => nameFromBytes(Buffer.from(text)) === text);
  const records = [
    ...(isText ? [] : [record("hdrcharset", Buffer.from("BINARY"))]),
    record("path", name),
    ...(link.length > 0 ? [record("linkpath", link)] : []),
    record("mtime", Buffer.from((entry.mtimeMs / 1000).toFixed(6))),
    ...(entry.type === "file" ? [record("size", Buffer.from(String(entry.size)))] : []),
  ];
  return Buffer.concat([special("x", "PaxHeader", Buffer.concat(records)), plainBlock(entry)]);
}

function longNameHeader(entry: TarEntry): Buffer {
  const parts: Buffer[] = [];
  const link = nameToBytes(entry.linkname);
  const name = nameBytes(entry);
  const ended = (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0)]);
  if (link.length > NAME_BYTES) parts.push(special("K", "././@LongLink", ended(link)));
  if (name.length > NAME_BYTES) parts.push(special("L", "././@LongLink", ended(name)));
  return Buffer.concat([...parts, plainBlock(entry)]);
}

/** `length key=value\n`, where the length counts its own digits (pax). */
function record(key: string, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  const length = rest + String(rest + String(rest).length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, "latin1"), value, Buffer.from("\n")]);
}

/** A header block of a type of its own, and its body. */
function special(flag: string, name: string, body: Buffer): Buffer {
  const block = encodeHeader({
    name,
    type: "file",
    size: body.length,
    mode: 0o644,
    mtimeMs: 0,
    linkname: "",
  });
  const sum = Number.parseInt(block.toString("latin1", 148, 154), 8) - block[156]! + flag.charCodeAt(0);
  block.write(flag, 156, "latin1");
  block.write(sum.toString(8).padStart(6, "0"), 148, "latin1");
  return Buffer.concat([block, body, padding(body.length)]);
}
