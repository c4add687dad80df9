import { isBerthError, type RunnerClient } from "../../../../src/client/index.ts";
import { readText, type TextFile, writeText } from "./text-file.ts";

/** Files up to here are edited; of larger ones parts are shown. */
export const MOST_EDITED = 2 * 1024 * 1024;
/** So much of a large file is shown at a time. */
export const PART_BYTES = 256 * 1024;
const HEX_BYTES = 1024;
/** Pictures up to here are shown. */
const MOST_PICTURE = 64 * 1024 * 1024;

const PICTURES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  ico: "image/x-icon",
  svg: "image/svg+xml",
};

/** What a path turns out to be, with as much of it as is shown. */
export type Content =
  | { readonly kind: "text"; readonly file: TextFile; readonly etag: string; readonly size: number }
  /** `isText`: it can be shown as a text, too. */
  | { readonly kind: "picture"; readonly blob: Blob; readonly size: number; readonly isText: boolean }
  | { readonly kind: "binary"; readonly bytes: Uint8Array; readonly size: number; readonly reason: string }
  | { readonly kind: "large"; readonly size: number }
  | { readonly kind: "directory" }
  /** A pipe, a socket, a device. */
  | { readonly kind: "special"; readonly type: string };

export interface FileAt {
  readonly client: RunnerClient;
  readonly workspace: string;
  readonly path: string;
  readonly signal?: AbortSignal | undefined;
}

/** `asText`: a picture, too. @throws what the place says: ENOENT, EACCES, … */
export async function readContent(
  at: FileAt,
  { asText = false }: { readonly asText?: boolean } = {},
): Promise<Content> {
  const { client, workspace, path, signal } = at;
  const stat = await client.get("/v1/workspaces/{workspace}/files/stat", {
    params: { path: { workspace }, query: { path } },
    ...(signal === undefined ? {} : { signal }),
  });
  const { type, size } = stat;
  if (type === "directory") return { kind: "directory" };
  if (type !== "file") return { kind: "special", type };
  const picture = PICTURES[path.slice(path.lastIndexOf(".") + 1).toLowerCase()];
  if (picture !== undefined && size <= MOST_PICTURE && !asText) {
    const { bytes } = await readBytes(at);
    const isText = picture === "image/svg+xml" && bytes.length <= MOST_EDITED;
    return { kind: "picture", blob: new Blob([bytes], { type: picture }), size, isText };
  }
  if (size > MOST_EDITED) {
    const { bytes } = await readBytes(at, { start: 0, end: HEX_BYTES - 1 });
    if (bytes.includes(0)) return { kind: "binary", bytes, size, reason: "It has bytes of no text." };
    return { kind: "large", size };
  }
  const { bytes, etag } = await readBytes(at);
  const content = readText(bytes);
  if (content.kind === "text") return { kind: "text", file: content.file, etag, size: bytes.length };
  return { kind: "binary", bytes: bytes.slice(0, HEX_BYTES), size: bytes.length, reason: content.reason };
}

/** A file, or the bytes of it from the first one to the last one. */
export async function readBytes(
  { client, workspace, path, signal }: FileAt,
  range?: { readonly start: number; readonly end: number },
): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly etag: string }> {
  const { data, response } = await client.api.GET("/v1/workspaces/{workspace}/files/content", {
    params: {
      path: { workspace },
      query: { path },
      ...(range === undefined ? {} : { header: { Range: `bytes=${range.start}-${range.end}` } }),
    },
    parseAs: "arrayBuffer",
    ...(signal === undefined ? {} : { signal }),
  });
  return { bytes: new Uint8Array(data as ArrayBuffer), etag: response.headers.get("etag") ?? "" };
}

/** What a save is held to: the file as it was read, or that there is none. */
export type Precondition = { readonly etag: string } | "absent";

/**
 * Writes a text, and gives the tag that it has now; "changed": the file is not as the precondition says.
 * @throws what the place says
 */
export async function writeContent(
  { client, workspace, path, signal }: FileAt,
  file: TextFile,
  precondition: Precondition,
): Promise<{ readonly etag: string } | "changed"> {
  try {
    const { etag } = await client.put("/v1/workspaces/{workspace}/files/content", {
      params: {
        path: { workspace },
        query: { path },
        header: precondition === "absent" ? { "If-None-Match": "*" } : { "If-Match": precondition.etag },
      },
      headers: { "content-type": "application/octet-stream" },
      body: writeText(file),
      bodySerializer: (bytes: unknown) => bytes as BodyInit,
      ...(signal === undefined ? {} : { signal }),
    });
    return { etag };
  } catch (error) {
    if (isBerthError(error, "fs.changed")) return "changed";
    throw error;
  }
}
