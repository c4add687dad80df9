import { posix } from "node:path";

const FILES = "berth://files/";
const PROCESSES = "berth://processes/";
const LOG = "/log";

/** Templates of the resources that there are (RFC 6570). */
export const FILE_TEMPLATE = `${FILES}{+path}`;
export const LOG_TEMPLATE = `${PROCESSES}{id}${LOG}`;

export type ResourceName =
  /** As a path of the place: relative to the root of the tools, or absolute. */
  { readonly type: "file"; readonly path: string } | { readonly type: "log"; readonly id: string };

/** `berth://files/src/a.ts` below the root, `berth://files//srv/a.ts` elsewhere. */
export function fileUri(root: string, path: string): string {
  const relative = posix.relative(root, path);
  const shown = relative.startsWith("../") || relative === ".." ? path : relative;
  return FILES + shown.split("/").map(encodeURIComponent).join("/");
}

export function logUri(id: string): string {
  return `${PROCESSES}${encodeURIComponent(id)}${LOG}`;
}

/** undefined: there is no such resource. */
export function parseResourceUri(uri: string): ResourceName | undefined {
  try {
    if (uri.startsWith(FILES) && uri.length > FILES.length) {
      return { type: "file", path: decodeURIComponent(uri.slice(FILES.length)) };
    }
    if (uri.startsWith(PROCESSES) && uri.endsWith(LOG)) {
      const id = decodeURIComponent(uri.slice(PROCESSES.length, -LOG.length));
      if (id !== "" && !id.includes("/")) return { type: "log", id };
    }
  } catch {
    // Not percent-encoded UTF-8.
  }
  return undefined;
}

/** By the extension; undefined where it says nothing. */
export function mimeTypeOf(path: string): string | undefined {
  const name = posix.basename(path).toLowerCase();
  return TYPES[name.slice(name.lastIndexOf(".") + 1)];
}

const TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  svg: "image/svg+xml",
  pdf: "application/pdf",
  json: "application/json",
  yaml: "application/yaml",
  yml: "application/yaml",
  xml: "application/xml",
  md: "text/markdown",
  html: "text/html",
  css: "text/css",
  csv: "text/csv",
  js: "text/javascript",
  mjs: "text/javascript",
  txt: "text/plain",
  log: "text/plain",
};
