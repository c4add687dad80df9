import { connectionOf } from "../../client/connection.ts";
import { followServerEvents } from "../../client/server-events.ts";
import { type BerthError, berthError } from "../../contract/errors.ts";
import { answeredError, connectionError } from "../../runtimes/remote/runner-address.ts";
import { type RunnerTarget, tokenOf } from "./target.ts";

/** A runner that is replaced or restarted is back well within this. */
const AWAY_MS = 30_000;

/** Milliseconds for an answer that is made at once. */
export const PROMPT_MS = 15_000;

/** A runner and its token, where that is saved nowhere yet. */
export interface UnsavedTarget {
  readonly url: string;
  readonly secret: string;
}

export interface RunnerCall {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** For the whole of the answer; over it the runner counts as unreachable. Default: none. */
  readonly timeoutMs?: number;
}

/**
 * The answer of a runner to a call, its body not read yet.
 * @param path from /v1 on
 * @throws auth.*, runner.unreachable, runner.untrusted, runner.foreign, operation.aborted, and what the runner answers
 */
export async function callRunner(
  target: RunnerTarget | UnsavedTarget,
  path: `/v1/${string}`,
  call: RunnerCall = {},
): Promise<Response> {
  const url = urlOf(target, path, call.query);
  const signals = [
    call.signal,
    call.timeoutMs === undefined ? undefined : AbortSignal.timeout(call.timeoutMs),
  ];
  try {
    const response = await fetch(url, {
      method: call.method ?? "GET",
      headers: {
        authorization: `Bearer ${secretOf(target)}`,
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      // Whoever the runner sends this to shall not get the token.
      redirect: "error",
      signal: AbortSignal.any(signals.filter((signal) => signal !== undefined)),
    });
    if (response.ok) return response;
    throw answeredError(response.status, await response.text(), url);
  } catch (cause) {
    throw failure(cause, url, call.signal);
  }
}

/** The same, with its JSON. */
export async function jsonFromRunner(
  target: RunnerTarget | UnsavedTarget,
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

/**
 * The data of server-sent events. After a cut it goes on behind the last one, until whoever reads it stops.
 * @throws as `callRunner`: also when the runner is away for too long
 */
export async function* eventsFromRunner(
  target: RunnerTarget | UnsavedTarget,
  path: `/v1/${string}`,
  { query, after, signal }: Pick<RunnerCall, "query" | "signal"> & { readonly after: number },
): AsyncIterable<unknown> {
  const connection = connectionOf({ url: target.url, token: secretOf(target) });
  const { pathname, search } = urlOf(target, path, query);
  const start = async () => String(after);
  const events = followServerEvents(connection, `${pathname}${search}`, { start, awayMs: AWAY_MS, signal });
  for await (const { data } of events) yield data;
}

function secretOf(target: RunnerTarget | UnsavedTarget): string {
  return "secret" in target ? target.secret : tokenOf(target);
}

function urlOf(
  { url }: Pick<RunnerTarget, "url">,
  path: `/v1/${string}`,
  query: RunnerCall["query"] = {},
): URL {
  const target = new URL(`${url}${path}`);
  for (const [name, value] of Object.entries(query)) {
    const values = Array.isArray(value) ? value : [value];
    for (const one of values) if (one !== undefined) target.searchParams.append(name, String(one));
  }
  return target;
}

function failure(cause: unknown, url: URL, signal: AbortSignal | undefined): BerthError {
  if (signal?.aborted) return berthError("operation.aborted", { cause });
  // fetch says what went wrong in its cause.
  return connectionError(cause instanceof TypeError ? (cause.cause ?? cause) : cause, url);
}
