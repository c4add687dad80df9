import { protocolError } from "./frame-codec.ts";

/** Nesting of the messages themselves is below 10; the rest is room for extension. */
export const MAX_JSON_DEPTH = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const UNICODE_ESCAPE = 0x75;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Decodes the JSON payload of a frame from an untrusted peer. The size is bounded by the frame, the depth here,
 * before anything is built; keys named `__proto__` are removed, so that no later assignment changes a prototype.
 * Throws `wire.protocol_error`.
 */
export function decodeJson(payload: Buffer): unknown {
  const escaped = checkDepth(payload);
  const text = payload.toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw protocolError("a payload is not JSON", cause);
  }
  if (escaped || text.includes("__proto__")) removePrototypeKeys(value);
  return value;
}

/** Throws when brackets nest too deep; returns whether a string has a \u escape, which may hide a key. */
function checkDepth(payload: Buffer): boolean {
  let depth = 0;
  let escaped = false;
  const end = payload.length;
  for (let at = 0; at < end; at += 1) {
    const byte = payload[at]!;
    if (byte === QUOTE) {
      for (at += 1; at < end && payload[at] !== QUOTE; at += 1) {
        if (payload[at] === BACKSLASH) {
          at += 1;
          if (payload[at] === UNICODE_ESCAPE) escaped = true;
        }
      }
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      if (depth > MAX_JSON_DEPTH) throw protocolError(`JSON nested deeper than ${MAX_JSON_DEPTH}`);
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
    }
  }
  return escaped;
}

function removePrototypeKeys(root: unknown): void {
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value !== "object" || value === null) continue;
    if (!Array.isArray(value) && Object.hasOwn(value, "__proto__")) {
      Reflect.deleteProperty(value, "__proto__");
    }
    for (const child of Object.values(value)) {
      if (typeof child === "object" && child !== null) pending.push(child);
    }
  }
}
