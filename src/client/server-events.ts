import { createParser } from "eventsource-parser";
import { answeredError, noAnswer } from "./answers.ts";
import type { Connection } from "./connection.ts";

/** The runner sends a comment every 15 s: so much silence is the end of the connection. */
const SILENCE_MS = 45_000;

export interface ReceivedEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: unknown;
}

/**
 * Server-sent events of one connection, until the runner ends it.
 * @throws runner.unreachable when the connection is lost, what the runner answers, operation.aborted
 */
export async function* serverEvents(
  { url, token, fetch }: Connection,
  path: string,
  options: { readonly lastEventId?: string | undefined; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<ReceivedEvent, void, undefined> {
  const { signal, lastEventId } = options;
  const target = new URL(path, url);
  const headers = new Headers({ accept: "text/event-stream" });
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  if (lastEventId !== undefined) headers.set("last-event-id", lastEventId);
  const silent = new AbortController();
  const stop = signal === undefined ? silent.signal : AbortSignal.any([silent.signal, signal]);
  let timer = setTimeout(() => silent.abort(), SILENCE_MS);
  const received: ReceivedEvent[] = [];
  const parser = createParser({
    onEvent: ({ event, id, data }) =>
      received.push({ event: event ?? "message", id, data: JSON.parse(data) }),
  });
  try {
    const response = await fetch(new Request(target, { headers, signal: stop }));
    if (!response.ok) throw await answeredError(response);
    if (response.body === null) return;
    const decoder = new TextDecoder();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE_MS);
      parser.feed(decoder.decode(chunk, { stream: true }));
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
