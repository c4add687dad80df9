import { createParser } from "eventsource-parser";
import { type ErrorJson, errorFromJson } from "../api/json-errors.ts";
import { answeredError, mayPass, noAnswer } from "./answers.ts";
import type { Connection } from "./connection.ts";
import { openEventSocket } from "./event-socket.ts";
import { abortedBy, backoffMs, pause } from "./retry.ts";

/** The runner sends a comment every 15 s: so much silence is the end of the connection. */
const SILENCE_MS = 45_000;

interface ReceivedEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: unknown;
}

export interface FollowOptions {
  /** Id of an event: those behind it, also after a cut. Asked for until it is known; without it everything comes again. */
  readonly start?: (() => Promise<string>) | undefined;
  /** Milliseconds without an answer behind which the last failure is thrown. Default: never. */
  readonly awayMs?: number | undefined;
  /** Told when the connection was lost, and when it is there again. */
  readonly onConnection?: ((state: "lost" | "restored") => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Server-sent events for as long as they are read: a connection that is lost is made again behind the last one.
 * @throws what the runner answers and tells in band, unless trying again may help; operation.aborted
 */
export async function* followServerEvents(
  connection: Connection,
  path: string,
  { start, awayMs = Number.POSITIVE_INFINITY, onConnection, signal }: FollowOptions,
): AsyncGenerator<ReceivedEvent, void, undefined> {
  let last: string | undefined;
  let heardMs = performance.now();
  let isLost = false;
  const onOpen = () => {
    if (isLost) onConnection?.("restored");
    isLost = false;
  };
  for (let failures = 0; ; failures++) {
    try {
      if (start !== undefined) last ??= await start();
      for await (const event of serverEvents(connection, path, { lastEventId: last, onOpen, signal })) {
        if (event.event === "error") throw errorFromJson(event.data as ErrorJson);
        failures = -1;
        if (start !== undefined) last = event.id ?? last;
        yield event;
        heardMs = performance.now();
      }
      heardMs = performance.now();
    } catch (error) {
      if (signal?.aborted) throw abortedBy(signal);
      if (!mayPass(error) || performance.now() - heardMs > awayMs) throw error;
    }
    if (!isLost) onConnection?.("lost");
    isLost = true;
    await pause(backoffMs(Math.max(failures, 0)), signal);
  }
}

/**
 * Those of one connection, until the runner ends it.
 * @throws runner.unreachable when the connection is lost, what the runner answers, operation.aborted
 */
export async function* serverEvents(
  connection: Connection,
  path: string,
  options: {
    /** Default GET. */
    readonly method?: "GET" | "POST";
    /** Sent as JSON. */
    readonly body?: unknown;
    readonly lastEventId?: string | undefined;
    readonly onOpen?: () => void;
    readonly signal?: AbortSignal | undefined;
  },
): AsyncGenerator<ReceivedEvent, void, undefined> {
  const { signal, lastEventId, onOpen, method = "GET" } = options;
  const target = new URL(path, connection.url);
  const silent = new AbortController();
  const stop = signal === undefined ? silent.signal : AbortSignal.any([silent.signal, signal]);
  let timer = setTimeout(() => silent.abort(), SILENCE_MS);
  const received: ReceivedEvent[] = [];
  const parser = createParser({
    onEvent: ({ event, id, data }) =>
      received.push({ event: event ?? "message", id, data: JSON.parse(data) }),
  });
  try {
    const bySocket =
      connection.hasFewConnections && method === "GET"
        ? await openEventSocket(connection, target, lastEventId, stop)
        : undefined;
    const chunks = bySocket ?? (await textByHttp(connection, target, { ...options, method, signal: stop }));
    onOpen?.();
    for await (const text of chunks) {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE_MS);
      parser.feed(text);
      // What is taken slowly is read slowly.
      yield* received.splice(0);
    }
  } catch (cause) {
    throw noAnswer(cause, target, signal);
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}

async function textByHttp(
  { headers: own, fetch }: Connection,
  target: URL,
  {
    method,
    body: value,
    lastEventId,
    signal,
  }: {
    readonly method: string;
    readonly body?: unknown;
    readonly lastEventId?: string | undefined;
    readonly signal: AbortSignal;
  },
): Promise<AsyncIterable<string>> {
  const headers = new Headers({ ...own, accept: "text/event-stream" });
  const body = value === undefined ? null : JSON.stringify(value);
  if (body !== null) headers.set("content-type", "application/json");
  if (lastEventId !== undefined) headers.set("last-event-id", lastEventId);
  const response = await fetch(new Request(target, { method, headers, body, signal }));
  if (!response.ok) throw await answeredError(response);
  return decoded(response.body as AsyncIterable<Uint8Array> | null);
}

async function* decoded(body: AsyncIterable<Uint8Array> | null): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) yield decoder.decode(chunk, { stream: true });
}
