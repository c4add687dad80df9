import { isUtf8 } from "node:buffer";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { FileOptions, FileStat, ReadOptions } from "../../contract/files.ts";
import { decode } from "./capture.ts";

/** How many paths one request for their stats may have. */
export interface StatPortion {
  readonly paths: number;
  readonly characters: number;
}

type Encoded = ReadOptions & { readonly encoding?: "utf8" };

/**
 * What the file systems of all runtimes have in common: text out of bytes, looks that follow a link or not, and lists
 * of paths cut into requests. Paths are checked and made those of the place by `place` before anything else is done.
 */
export abstract class PlaceFiles {
  /** For errors. */
  protected abstract readonly description: string;
  protected abstract readonly statPortion: StatPortion;

  /** @throws EINVAL, and runtime.capability_unsupported for options that are not to be had */
  protected abstract place(path: string, options: FileOptions): string;
  protected abstract readBytes(path: string, options: ReadOptions, text: boolean): Promise<Uint8Array>;
  protected abstract readChunks(path: string, options: ReadOptions): AsyncIterator<Uint8Array>;
  protected abstract look(path: string, options: FileOptions, follow: boolean): Promise<FileStat>;
  /** null for what is not there. */
  protected abstract lookAtAll(
    paths: readonly string[],
    options: FileOptions,
  ): Promise<readonly (FileStat | null)[]>;

  readFile(path: string, encoding: "utf8"): Promise<string>;
  readFile(path: string, options: Encoded & { readonly encoding: "utf8" }): Promise<string>;
  readFile(path: string, options?: ReadOptions): Promise<Uint8Array>;
  async readFile(path: string, options: "utf8" | Encoded = {}): Promise<string | Uint8Array> {
    const given = typeof options === "string" ? { encoding: options } : options;
    const text = given.encoding === "utf8";
    const bytes = await this.readBytes(this.place(path, given), given, text);
    if (!text) return bytes;
    if (isUtf8(bytes)) return decode(bytes);
    throw berthError("fs.encoding_invalid", { runtime: this.description, context: { path } });
  }

  createReadStream(path: string, options: ReadOptions = {}): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => this.readChunks(this.place(path, options), options) };
  }

  async stat(path: string, options: FileOptions = {}): Promise<FileStat> {
    return await this.look(this.place(path, options), options, true);
  }

  async lstat(path: string, options: FileOptions = {}): Promise<FileStat> {
    return await this.look(this.place(path, options), options, false);
  }

  async exists(path: string, options: FileOptions = {}): Promise<boolean> {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (isBerthError(error, "ENOENT") || isBerthError(error, "ENOTDIR")) return false;
      throw error;
    }
  }

  async statMany(paths: readonly string[], options: FileOptions = {}): Promise<(FileStat | null)[]> {
    const most = this.statPortion;
    const found: (FileStat | null)[] = [];
    for (let start = 0; start < paths.length; ) {
      const portion: string[] = [];
      for (let characters = 0; start < paths.length && portion.length < most.paths; start++) {
        const path = this.place(paths[start]!, options);
        characters += path.length;
        if (portion.length > 0 && characters > most.characters) break;
        portion.push(path);
      }
      found.push(...(await this.lookAtAll(portion, options)));
    }
    return found;
  }
}
