import { berthError } from "../../contract/errors.ts";
import type { TarEntry } from "../../files/tar-format.ts";
import type { EntrySource } from "./tar-dialect.ts";

/**
 * Entries of an archive that anybody may have made, for a `tar` of which nothing is known: no name is absolute or has
 * `..`, none leads through a link of the same archive, and there are only files, directories and links.
 */
export class CheckedEntries implements EntrySource {
  readonly #source: EntrySource;
  readonly #onSkipped: (path: string, reason: string) => void;
  readonly #links = new Set<string>();
  #first: TarEntry | undefined;
  files = 0;
  bytes = 0;

  constructor(source: EntrySource, options: { readonly onSkipped: (path: string, reason: string) => void }) {
    this.#source = source;
    this.#onSkipped = options.onSkipped;
  }

  /** Whether its top is no directory; looks at the first entry, and gives it again. */
  async isFile(): Promise<boolean> {
    this.#first = await this.next();
    return this.#first?.name === "." && this.#first.type !== "directory";
  }

  /** @throws fs.archive_invalid, fs.archive_entry_outside */
  async next(): Promise<TarEntry | undefined> {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return first;
    for (;;) {
      const entry = await this.#source.next();
      if (entry === undefined) return undefined;
      const name = this.#plain(entry.name, entry.name);
      if (entry.type === "other") {
        this.#onSkipped(name, "neither file, directory nor link");
        continue;
      }
      if (entry.type === "symlink") this.#links.add(name);
      if (entry.type !== "directory") this.files += 1;
      if (entry.type !== "link") return { ...entry, name };
      return { ...entry, name, linkname: this.#plain(entry.linkname, entry.name) };
    }
  }

  async content(): Promise<Uint8Array | undefined> {
    const bytes = await this.#source.content();
    this.bytes += bytes?.length ?? 0;
    return bytes;
  }

  /** The path as plain components; "." for the top. */
  #plain(path: string, name: string): string {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    const leadsThroughLink = parts.some((_, at) => at > 0 && this.#links.has(parts.slice(0, at).join("/")));
    if (path.startsWith("/") || parts.includes("..") || leadsThroughLink) {
      throw berthError("fs.archive_entry_outside", { context: { path: name } });
    }
    return parts.length === 0 ? "." : parts.join("/");
  }
}
