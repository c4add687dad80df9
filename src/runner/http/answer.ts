import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { errorStatus, errorToJson } from "../../api/json-errors.ts";
import type { BerthError } from "../../contract/errors.ts";
import type { ServerEvent } from "../handlers.ts";
import { type EventStreamOptions, eventStreamText } from "./server-events.ts";

/** Of every answer: nothing of it is cached, guessed, framed, or run by a browser. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Any answer of a handler; its own types are stricter (AnswerOf). */
export interface AnyAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Of a body that is told exactly: what is kept of it for repeats with the same Idempotency-Key (`Call.kept`). */
  readonly kept?: unknown;
  readonly stream?: AsyncIterable<Uint8Array | string> | readonly string[];
  readonly events?: AsyncIterable<ServerEvent>;
}

export interface SendOptions extends EventStreamOptions {
  /** Of a stream. */
  readonly contentType?: string | undefined;
  /** Without its body: of HEAD. */
  readonly head: boolean;
  readonly writeTimeoutMs: number;
}

/** Sends an answer; settles when it is sent, or its receiver has left. @throws what its stream throws */
export async function sendAnswer(
  response: ServerResponse,
  answer: AnyAnswer,
  options: SendOptions,
): Promise<void> {
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.events !== undefined) {
    response.writeHead(answer.status, {
      "content-type": "text/event-stream; charset=utf-8",
      "x-accel-buffering": "no",
    });
    await sendStream(response, eventStreamText(answer.events, options), options);
  } else if (answer.stream !== undefined) {
    if (!response.hasHeader("content-type") && options.contentType !== undefined) {
      response.setHeader("content-type", options.contentType);
    }
    response.writeHead(answer.status);
    await sendStream(response, answer.stream, options);
  } else if (answer.body === undefined) {
    response.writeHead(answer.status).end();
  } else {
    sendJson(response, answer.status, options.mask(JSON.stringify(answer.body)), options.head);
  }
}

export function sendJson(response: ServerResponse, status: number, json: string, head = false): void {
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(json),
  });
  response.end(head ? undefined : json);
}

/** The JSON of an error answer. What arose in this process arose in the runner, as its caller sees it. */
export function errorJson(error: BerthError, requestId: string): string {
  const json = errorToJson(error);
  const hop = json.hop === "client" ? "runner" : json.hop;
  return JSON.stringify({ error: { ...json, hop, request_id: requestId } });
}

/** Status of an error, and headers that belong to it. */
export function errorHead(error: BerthError): { status: number; headers: Record<string, string> } {
  const headers: Record<string, string> = {};
  const status = errorStatus(error);
  const wait = error.context.retryAfterSeconds;
  if (typeof wait === "number") headers["retry-after"] = String(Math.ceil(wait));
  else if (status === 503 && error.retryable) headers["retry-after"] = "1";
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="berth"';
  if (typeof error.context.allow === "string") headers.allow = error.context.allow;
  if (status === 416 && typeof error.context.size === "number") {
    headers["content-range"] = `bytes */${error.context.size}`;
  }
  if (status === 426) {
    headers.upgrade = "websocket";
    headers.connection = "upgrade";
  }
  return { status, headers };
}

/**
 * Bytes as they come, no faster than they are taken. Who takes nothing for a while although there is something is left;
 * Node counts it as progress when the kernel took a part of what is written.
 */
async function sendStream(
  response: ServerResponse,
  stream: AsyncIterable<Uint8Array | string> | readonly string[],
  { head, writeTimeoutMs }: SendOptions,
): Promise<void> {
  const source = Readable.from(stream);
  if (head) {
    source.destroy();
    response.end();
    return;
  }
  response.flushHeaders();
  response.setTimeout(writeTimeoutMs, () => {
    if (response.writableNeedDrain) response.destroy();
  });
  try {
    await pipeline(source, response);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw cause;
  }
}
