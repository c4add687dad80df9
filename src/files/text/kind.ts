/** So much of a file's start says what it is; a NUL behind it is a character of its line. */
export const KIND_BYTES = 64 * 1024;

export type FileKind =
  | { readonly kind: "text" }
  | { readonly kind: "image"; readonly mediaType: string }
  | { readonly kind: "binary"; readonly mediaType?: string | undefined };

/** Signatures as the formats' own specifications give them; "." in the text is any byte. */
const SIGNATURES: readonly { readonly mediaType: string; readonly bytes: string; readonly image?: true }[] = [
  { mediaType: "image/png", bytes: "\x89PNG\r\n\x1a\n", image: true },
  { mediaType: "image/jpeg", bytes: "\xff\xd8\xff", image: true },
  { mediaType: "image/gif", bytes: "GIF87a", image: true },
  { mediaType: "image/gif", bytes: "GIF89a", image: true },
  { mediaType: "application/pdf", bytes: "%PDF-" },
  { mediaType: "application/zip", bytes: "PK\x03\x04" },
  { mediaType: "application/zip", bytes: "PK\x05\x06" },
  { mediaType: "application/gzip", bytes: "\x1f\x8b\x08" },
  { mediaType: "application/zstd", bytes: "\x28\xb5\x2f\xfd" },
  { mediaType: "application/x-xz", bytes: "\xfd7zXZ\x00" },
  { mediaType: "application/x-bzip2", bytes: "BZh" },
  { mediaType: "application/x-executable", bytes: "\x7fELF" },
  { mediaType: "application/wasm", bytes: "\x00asm" },
  { mediaType: "application/vnd.sqlite3", bytes: "SQLite format 3\x00" },
];

/**
 * What a file is, by its first KIND_BYTES bytes: an image or another known format by its signature, otherwise text unless
 * there is a NUL. UTF-16 with its byte order mark is binary with a media type that says so; SVG is text.
 */
export function kindOf(head: Uint8Array): FileKind {
  const start = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 16)).toString("latin1");
  for (const { mediaType, bytes, image } of SIGNATURES) {
    if (!start.startsWith(bytes)) continue;
    if (image === true) return { kind: "image", mediaType };
    // Few letters that prose may begin with, too.
    if (mediaType === "application/x-bzip2" && !/^BZh[1-9]1AY&SY/.test(start)) continue;
    return { kind: "binary", mediaType };
  }
  if (start.startsWith("RIFF") && start.startsWith("WEBP", 8))
    return { kind: "image", mediaType: "image/webp" };
  if (start.startsWith("\xff\xfe\x00\x00"))
    return { kind: "binary", mediaType: "text/plain; charset=utf-32le" };
  if (start.startsWith("\xff\xfe")) return { kind: "binary", mediaType: "text/plain; charset=utf-16le" };
  if (start.startsWith("\xfe\xff")) return { kind: "binary", mediaType: "text/plain; charset=utf-16be" };
  const looked = head.length > KIND_BYTES ? head.subarray(0, KIND_BYTES) : head;
  return looked.includes(0) ? { kind: "binary" } : { kind: "text" };
}
