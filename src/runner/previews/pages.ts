import type { IncomingMessage, ServerResponse } from "node:http";
import type { BerthError } from "../../contract/errors.ts";
import { errorHead, errorJson, SECURITY_HEADERS } from "../http/answer.ts";
import { newRequestId } from "../http/cause.ts";
import { escapeHtml } from "../http/html.ts";

/** A page about an application that does not answer looks again so often. */
const RETRY_SECONDS = 2;
const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:36rem;padding:0 1.5rem;color:#1c1c1c;background:#fbfbf9}h1{font-size:1.3rem}p{margin:.6rem 0}small{color:#666}@media(prefers-color-scheme:dark){body{color:#eee;background:#1b1b1d}small{color:#999}}";
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** Answers a request to a preview by Berth itself: a page for who looks at pages, JSON for who does not. */
export function answerError(
  request: IncomingMessage,
  response: ServerResponse,
  error: BerthError,
  title: string,
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const requestId = newRequestId();
  const { status, headers } = errorHead(error);
  const wantsPage = /\btext\/html\b/.test(request.headers.accept ?? "");
  const body = wantsPage ? page(title, error) : errorJson(error, requestId);
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    ...headers,
    ...(wantsPage ? { "content-security-policy": POLICY } : {}),
    ...(status === 502 ? { "retry-after": String(RETRY_SECONDS) } : {}),
    "berth-request-id": requestId,
    "content-type": wantsPage ? "text/html; charset=utf-8" : "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    // What is left of the request is not waited for.
    ...(request.complete ? {} : { connection: "close" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function page(title: string, { message, hint, retryable, code }: BerthError): string {
  const again = retryable ? `<meta http-equiv="refresh" content="${RETRY_SECONDS}">` : "";
  const waits = retryable ? "<p>This page looks again by itself.</p>" : "";
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${again}<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><h1>${escapeHtml(title)}</h1><p>${escapeHtml(message)}.</p><p>${escapeHtml(hint)}</p>${waits}<p><small>Berth, ${escapeHtml(code)}</small></p></body></html>\n`;
}
