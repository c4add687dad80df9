import { createHash } from "node:crypto";
import type { Dirent } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export type Encoding = "br" | "gzip";

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly type: string;
  /** SHA-256 of the file, so much of it that no two are alike. */
  readonly hash: string;
  readonly content: Buffer;
  /** The same, compressed when the page was built. */
  readonly compressed: ReadonlyMap<Encoding, Buffer>;
}

export interface PageFiles {
  /** By the path that they are asked for with, in the form in which a request has it. */
  readonly files: ReadonlyMap<string, PageFile>;
  /** The document; undefined: the page was not built. */
  readonly document: string | undefined;
}

const ENDINGS: ReadonlyMap<string, Encoding> = new Map([
  [".br", "br"],
  [".gz", "gzip"],
]);
const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
};

/** `dist/web` of this package, whether this file runs from `src/` or from `dist/`. */
export function pageDirectory(): string {
  return fileURLToPath(import.meta.url).replace(/\/(?:src|dist)\/(?!.*\/(?:src|dist)\/).*$/, "/dist/web");
}

/**
 * Reads the whole page: what is asked for is looked up among what was read, and no path of a request gets to the file
 * system. Links and hidden files are none of it.
 */
export async function readPageFiles(directory = pageDirectory()): Promise<PageFiles> {
  const paths = (await filesOf(directory))
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath, entry.name));
  const contents = new Map(
    await Promise.all(paths.map(async (path) => [relative(directory, path), await readFile(path)] as const)),
  );
  const files = new Map<string, PageFile>();
  for (const [path, content] of contents) {
    const type = TYPES[extname(path)];
    if (type === undefined || path === "index.html") continue;
    const compressed = new Map<Encoding, Buffer>();
    for (const [ending, encoding] of ENDINGS) {
      const small = contents.get(path + ending);
      if (small !== undefined) compressed.set(encoding, small);
    }
    const hash = createHash("sha256").update(content).digest("base64url").slice(0, 22);
    const asked = path.split("/").map(encodeURIComponent).join("/");
    files.set(`/${asked}`, { type, hash, content, compressed });
  }
  return { files, document: contents.get("index.html")?.toString("utf8") };
}

/** None where there is no such directory. */
async function filesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { recursive: true, withFileTypes: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw cause;
  }
}
