import { randomBytes } from "node:crypto";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { pathOf } from "../http/match.ts";
import type { Encoding, PageFile, PageFiles } from "./files.ts";

/** Of the document: what stands for the number that its styles may be known by. */
const NONCE = "__BERTH_NONCE__";
/** Named by what is in them: they never change. */
const ASSETS = "/assets/";

/** What a browser lets the page do, which is to read and to write the clipboard. */
const PERMISSIONS = [
  ...[
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "gamepad",
    "geolocation",
    "gyroscope",
    "hid",
    "identity-credentials-get",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "storage-access",
    "usb",
    "xr-spatial-tracking",
  ].map((name) => `${name}=()`),
  "clipboard-read=(self)",
  "clipboard-write=(self)",
].join(", ");

const NOT_BUILT = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Berth</title></head><body>
<h1>The page is not built</h1><p>Run <code>npm run build</code> in Berth's checkout, and start the runner again. The API is at <a href="/v1/docs">/v1/docs</a>.</p></body></html>
`;

/** The page in a browser: everything of the runner's origin that is not the API. */
export interface Page {
  /** Answers if the request is for the page or a file of it; it has been admitted, and needs no token. */
  answer(request: IncomingMessage, response: ServerResponse): boolean;
}

/** The page of these files. */
export function createPage({ files, document }: PageFiles): Page {
  return {
    answer(request, response) {
      const { method = "", headers } = request;
      const path = pathOf(request.url);
      if ((method !== "GET" && method !== "HEAD") || isOfApi(path)) return false;
      const file = files.get(path);
      if (file !== undefined) {
        sendFile(request, response, file, path.startsWith(ASSETS));
        return true;
      }
      // Addresses within the page are the page's own to read.
      const wanted =
        path === "/" || (!path.startsWith(ASSETS) && /\btext\/html\b/i.test(headers.accept ?? ""));
      if (!wanted) return false;
      sendDocument(response, document, method === "HEAD");
      return true;
    },
  };
}

function isOfApi(path: string): boolean {
  return path === "/v1" || path.startsWith("/v1/");
}

function sendDocument(response: ServerResponse, document: string | undefined, isHead: boolean): void {
  const type = "text/html; charset=utf-8";
  if (document === undefined) {
    send(response, 503, { "content-type": type }, Buffer.from(NOT_BUILT), isHead);
    return;
  }
  const nonce = randomBytes(18).toString("base64url");
  const headers = {
    "content-type": type,
    "content-security-policy": policy(nonce),
    "permissions-policy": PERMISSIONS,
  };
  send(response, 200, headers, Buffer.from(document.replaceAll(NONCE, nonce)), isHead);
}

/**
 * Scripts and styles are the page's own files, and it speaks to its own origin alone. Styles that a script makes (the
 * editor's) have the nonce. Pictures of a place are shown from memory. No text becomes markup or a script, whichever code
 * asks for it.
 */
function policy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' blob: data:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "manifest-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}

function sendFile(
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  file: PageFile,
  isNamedByContent: boolean,
): void {
  const encoding = encodingFor(headers["accept-encoding"], file);
  const etag = `"${file.hash}${encoding === undefined ? "" : `-${encoding}`}"`;
  const about: OutgoingHttpHeaders = {
    etag,
    "cache-control": isNamedByContent ? "public, max-age=31536000, immutable" : "no-cache",
    ...(file.compressed.size === 0 ? {} : { vary: "Accept-Encoding" }),
  };
  if (isKnown(headers["if-none-match"], etag)) {
    response.writeHead(304, about).end();
    return;
  }
  const content = (encoding && file.compressed.get(encoding)) ?? file.content;
  const type = {
    "content-type": file.type,
    ...(encoding === undefined ? {} : { "content-encoding": encoding }),
  };
  send(response, 200, { ...about, ...type }, content, method === "HEAD");
}

function send(
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  content: Buffer,
  isHead: boolean,
): void {
  response.writeHead(status, { ...headers, "content-length": content.length });
  response.end(isHead ? undefined : content);
}

/** The smallest form that the caller takes. */
function encodingFor(accepted: string | undefined, { compressed }: PageFile): Encoding | undefined {
  const taken = new Set(
    (accepted ?? "").split(",").flatMap((part) => {
      const [name = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
      return parameters.some((text) => /^q=0(?:\.0*)?$/.test(text)) ? [] : [name];
    }),
  );
  return (["br", "gzip"] as const).find((encoding) => taken.has(encoding) && compressed.has(encoding));
}

function isKnown(header: string | undefined, etag: string): boolean {
  const known = (header ?? "").split(",").map((text) => text.trim().replace(/^W\//, ""));
  return known.includes(etag) || known.includes("*");
}
