import { nameFromBytes } from "./names.ts";
import {
  BLOCK_BYTES,
  decodeBlock,
  decodeRecords,
  type Extension,
  extendedLength,
  invalid,
  type TarEntry,
} from "./tar-format.ts";

/**
 * Reads a tar archive as it comes: `next()` for each entry, `content()` for its bytes (what is not read of it is
 * skipped). Memory is bounded by the chunks of the source.
 */
export class TarReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  /** Content of the current entry that was not read yet, and the zeros behind it. */
  #left = 0;
  #padding = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /**
   * The next entry; undefined at the end of the archive.
   * @throws fs.archive_invalid, also for an archive without its end
   */
  async next(): Promise<TarEntry | undefined> {
    await this.#skip(this.#left + this.#padding);
    this.#left = 0;
    this.#padding = 0;
    const extension: Extension = {};
    for (;;) {
      const parsed = decodeBlock(await this.#exactly(BLOCK_BYTES));
      if (parsed === undefined) {
        await this.#drain();
        return undefined;
      }
      const { flag, entry } = parsed;
      if (flag === "x" || flag === "g" || flag === "L" || flag === "K") {
        const size = extendedLength(entry.size);
        const body = await this.#exactly(size);
        await this.#skip(fill(size));
        if (flag === "x") Object.assign(extension, decodeRecords(body));
        else if (flag === "L") extension.path = untilNul(body);
        else if (flag === "K") extension.linkpath = untilNul(body);
        continue;
      }
      const name = extension.path ?? entry.name;
      const linkname = extension.linkpath ?? entry.linkname;
      if (name === "" || `${name}${linkname}`.includes("\0")) throw invalid("a name is empty or has a NUL");
      // Before POSIX a directory was a file with a slash at the end of its name.
      const type = entry.type === "file" && name.endsWith("/") ? "directory" : entry.type;
      const size = type === "file" || type === "other" ? (extension.size ?? entry.size) : 0;
      this.#left = size;
      this.#padding = fill(size);
      return {
        ...entry,
        name,
        type,
        size,
        linkname,
        mtimeMs: extension.mtimeMs ?? entry.mtimeMs,
      };
    }
  }

  /** Some bytes of the current entry's content, without copying; undefined behind the last. */
  async content(): Promise<Uint8Array | undefined> {
    if (this.#left === 0) return undefined;
    if (this.#chunk.length === 0) await this.#more();
    const bytes = this.#chunk.subarray(0, Math.min(this.#left, this.#chunk.length));
    this.#chunk = this.#chunk.subarray(bytes.length);
    this.#left -= bytes.length;
    return bytes;
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#source.next();
    if (done === true) throw invalid("it ends in the middle");
    this.#chunk = value;
  }

  async #exactly(length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length; ) {
      while (this.#chunk.length === 0) await this.#more();
      const part = this.#chunk.subarray(0, length - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
    return bytes;
  }

  async #skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      while (this.#chunk.length === 0) await this.#more();
      const skipped = Math.min(left, this.#chunk.length);
      this.#chunk = this.#chunk.subarray(skipped);
      left -= skipped;
    }
  }

  /** Whatever stands behind the end; tar fills its last record with zeros. */
  async #drain(): Promise<void> {
    while ((await this.#source.next()).done !== true);
  }
}

function fill(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
}

function untilNul(body: Buffer): string {
  const end = body.indexOf(0);
  return nameFromBytes(end < 0 ? body : body.subarray(0, end));
}
