import type { IncomingMessage } from "node:http";
import { berthError } from "../../contract/errors.ts";
import { invalid } from "./input.ts";

/**
 * A body as it arrives.
 * @throws request.too_large; request.timeout: nothing came for `idleMs`, or not all of it within `totalMs`;
 * request.invalid: it was cut off
 */
export async function* readBytes(
  request: IncomingMessage,
  limits: { readonly maxBytes: number; readonly idleMs?: number; readonly totalMs?: number },
): AsyncGenerator<Buffer> {
  const { maxBytes, idleMs, totalMs } = limits;
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const chunks: AsyncIterator<Buffer> = request.iterator({ destroyOnReturn: false });
  let fail: ((error: Error) => void) | undefined;
  const late = (): void => fail?.(berthError("request.timeout", { hop: "runner" }));
  const next = (): Promise<IteratorResult<Buffer>> =>
    new Promise((resolve, reject) => {
      fail = reject;
      chunks.next().then(resolve, () => reject(invalid([{ field: "body", reason: "was cut off" }])));
    });
  const total = totalMs === undefined ? undefined : setTimeout(late, totalMs);
  let bytes = 0;
  try {
    for (;;) {
      // Only who is waited for can be late: a place that takes its time to write holds up nobody.
      const idle = idleMs === undefined ? undefined : setTimeout(late, idleMs);
      const chunk = await next().finally(() => clearTimeout(idle));
      if (chunk.done === true) return;
      bytes += chunk.value.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      yield chunk.value;
    }
  } finally {
    clearTimeout(total);
    // Behind a read that is still waited for this would wait as well: it ends with the connection.
    void chunks.return?.().catch(() => undefined);
  }
}

/**
 * A JSON body, its size, depth and encoding checked before anything is made of it; undefined when there is none.
 * @throws request.invalid, request.unsupported_media_type, request.too_large, request.timeout
 */
export async function readJson(
  request: IncomingMessage,
  limits: { readonly bodyBytes: number; readonly bodyDepth: number; readonly bodyTimeoutMs: number },
): Promise<{ readonly value: unknown; readonly bytes: Buffer }> {
  const chunks: Buffer[] = [];
  for await (const chunk of readBytes(request, {
    maxBytes: limits.bodyBytes,
    totalMs: limits.bodyTimeoutMs,
  })) {
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (bytes.length === 0) return { value: undefined, bytes };
  const type = request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    throw berthError("request.unsupported_media_type", {
      hop: "runner",
      context: { wanted: "application/json" },
    });
  }
  checkDepth(bytes, limits.bodyDepth);
  return { value: parse(bytes), bytes };
}

function parse(bytes: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalid([{ field: "body", reason: "is not valid UTF-8" }]);
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words hold a piece of the body.
    throw invalid([{ field: "body", reason: "is not valid JSON" }]);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function checkDepth(bytes: Buffer, maxDepth: number): void {
  let depth = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      for (at += 1; at < bytes.length && bytes[at] !== QUOTE; at += 1) if (bytes[at] === BACKSLASH) at += 1;
    } else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      if (depth > maxDepth) {
        throw invalid([{ field: "body", reason: `is nested deeper than ${maxDepth}` }]);
      }
    } else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1;
    }
  }
}

function tooLarge(limitBytes: number): Error {
  return berthError("request.too_large", { hop: "runner", context: { limitBytes } });
}
