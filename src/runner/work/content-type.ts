const TEXT = "text/plain; charset=utf-8";

/**
 * Types of which a browser runs nothing. Pages, SVG and scripts are told as text: what an agent wrote is never a page of
 * the runner's address.
 */
const TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  pdf: "application/pdf",
  json: "application/json",
  mp3: "audio/mpeg",
  ogg: "audio/ogg",
  wav: "audio/wav",
  mp4: "video/mp4",
  webm: "video/webm",
  zip: "application/zip",
  gz: "application/gzip",
  tar: "application/x-tar",
};

const TEXTS = new Set(
  (
    "txt md markdown rst log csv tsv diff patch html htm xhtml xml svg css scss less js mjs cjs jsx ts mts cts tsx vue svelte " +
    "yaml yml toml ini cfg conf env lock c h cc cpp hpp cs go rs py rb php java kt swift scala lua pl sh bash zsh fish sql " +
    "graphql proto tf gradle gitignore gitattributes editorconfig dockerfile makefile"
  ).split(" "),
);

/** The media type of a file by its name. */
export function contentTypeOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  const extension = name.slice(name.lastIndexOf(".") + 1);
  return TYPES[extension] ?? (TEXTS.has(extension) ? TEXT : "application/octet-stream");
}

/** Header that makes a browser save it under this name (RFC 6266). */
export function attachment(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
