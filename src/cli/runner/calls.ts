import { setTimeout as delay } from "node:timers/promises";
import { createParser } from "eventsource-parser";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { answeredError, connectionError } from "../../runtimes/remote/runner-address.ts";
import { type RunnerTarget, tokenOf } from "./target.ts";

/** A runner that is replaced or restarted is back well within this. */
const AWAY_MS = 30_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

export interface RunnerCall {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The answer of a runner to a call, its body not read yet.
 * @param path from /v1 on
 * @throws auth.*, runner.unreachable, runner.untrusted, runner.foreign, operation.aborted, and what the runner answers
 */
export async function callRunner(
  target: RunnerTarget,
  path: `/v1/${string}`,
  call: RunnerCall = {},
): Promise<Response> {
  const url = new URL(`${target.url}${path}`);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    const values = Array.isArray(value) ? value : [value];
    for (const one of values) if (one !== undefined) url.searchParams.append(name, String(one));
  }
  try {
    const response = await fetch(url, {
      method: call.method ?? "GET",
      headers: {
        authorization: `Bearer ${tokenOf(target)}`,
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      // Whoever the runner sends this to shall not get the token.
      redirect: "error",
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    if (response.ok) return response;
    throw answeredError(response.status, await response.text(), url);
  } catch (cause) {
    throw failure(cause, url, call.signal);
  }
}

/** The same, with its JSON. */
export async function jsonFromRunner(
  target: RunnerTarget,
  path: `/v1/${string}`,
  call: RunnerCall = {},
): Promise<unknown> {
  const response = await callRunner(target, path, call);
  const url = new URL(target.url);
  try {
    return JSON.parse(await response.text());
  } catch (cause) {
    throw cause instanceof SyntaxError ? answeredError(200, "", url) : failure(cause, url, call.signal);
  }
}

/** An event as it was sent. */
export interface SentEvent {
  readonly type: string;
  readonly id: string | undefined;
  readonly data: unknown;
}

/**
 * Server-sent events. After a cut it goes on behind the last one, until whoever reads it stops.
 * @throws as `callRunner`: also when the runner is away for too long
 */
export async function* eventsFromRunner(
  target: RunnerTarget,
  path: `/v1/${string}`,
  call: Pick<RunnerCall, "query" | "signal"> & { readonly after?: string | undefined } = {},
): AsyncIterable<SentEvent> {
  let last = call.after;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const headers = {
      accept: "text/event-stream",
      ...(last === undefined ? {} : { "last-event-id": last }),
    };
    const response = await whileAway(call.signal, () => callRunner(target, path, { ...call, headers }));
    try {
      for await (const event of parsed(response)) {
        last = event.id ?? last;
        pauseMs = FIRST_PAUSE_MS;
        yield event;
      }
    } catch (cause) {
      const error = failure(cause, new URL(target.url), call.signal);
      if (!isAway(error)) throw error;
    }
    await pause(pauseMs, call.signal);
  }
}

async function* parsed(response: Response): AsyncIterable<SentEvent> {
  const events: SentEvent[] = [];
  const parser = createParser({
    onEvent: ({ event = "message", id, data }) => events.push({ type: event, id, data: JSON.parse(data) }),
  });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* events.splice(0);
  }
}

async function whileAway<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + AWAY_MS;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (cause) {
      if (!isAway(cause) || performance.now() + pauseMs > endMs) throw cause;
      await pause(pauseMs, signal);
    }
  }
}

/** That a runner is being replaced or restarted looks like this. */
function isAway(cause: unknown): boolean {
  return isBerthError(cause, "runner.unreachable") || isBerthError(cause, "runner.stopping");
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch((cause) => {
    throw berthError("operation.aborted", { cause });
  });
}

function failure(cause: unknown, url: URL, signal: AbortSignal | undefined): BerthError {
  if (signal?.aborted) return berthError("operation.aborted", { cause });
  // fetch says what went wrong in its cause.
  return connectionError(cause instanceof TypeError ? (cause.cause ?? cause) : cause, url);
}
