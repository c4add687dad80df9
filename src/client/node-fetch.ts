import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";

const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/** `fetch` with certificates of the caller's own, for which the global one has no option. Redirects are not followed. */
export function nodeFetch(request: Request, ca: string): Promise<Response> {
  const { url, method, headers, body, signal } = request;
  const send = url.startsWith("https:") ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = send(url, { method, headers: Object.fromEntries(headers), ca, signal }, (message) => {
      const fields = new Headers();
      for (const [name, values] of Object.entries(message.headersDistinct)) {
        for (const value of values ?? []) fields.append(name, value);
      }
      const status = message.statusCode ?? 502;
      const init = { status, statusText: message.statusMessage ?? "", headers: fields };
      if (BODILESS.has(status)) {
        message.resume();
        resolve(new Response(null, init));
      } else resolve(new Response(Readable.toWeb(message) as unknown as globalThis.ReadableStream, init));
    });
    sent.on("error", reject);
    if (body === null) sent.end();
    else pipeline(Readable.fromWeb(body as ReadableStream), sent).catch(reject);
  });
}
