import { errorToJson } from "../../api/json-errors.ts";
import type { BerthError } from "../../contract/errors.ts";
import { within } from "../../contract/within.ts";
import type { ServerEvent } from "../handlers.ts";

/** Milliseconds after which a browser's EventSource comes back. */
const RETRY_MS = 1_000;

export interface EventStreamOptions {
  readonly heartbeatMs: number;
  /** Masks secrets in the JSON of an event. */
  readonly mask: (json: string) => string;
  /** An error as it is told to the caller. */
  readonly told: (cause: unknown) => BerthError;
}

/**
 * Server-sent events as text, with a comment as heartbeat whenever nothing else was sent for a while. An error on the
 * way is the last event, named `error`, with the error as data.
 */
export async function* eventStreamText(
  events: AsyncIterable<ServerEvent>,
  { heartbeatMs, mask, told }: EventStreamOptions,
): AsyncGenerator<string> {
  yield `retry: ${RETRY_MS}\n\n`;
  const iterator = events[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<ServerEvent>> | undefined;
  try {
    for (;;) {
      next ??= iterator.next();
      const result = await within(heartbeatMs, next);
      if (result === undefined) {
        yield ": heartbeat\n\n";
        continue;
      }
      next = undefined;
      if (result.done === true) return;
      yield eventText(result.value, mask);
    }
  } catch (cause) {
    yield eventText({ event: "error", data: errorToJson(told(cause)) }, mask);
  } finally {
    // One that waits for its next event ends when the call's signal ends it.
    const closed = iterator.return?.();
    if (next === undefined) await closed;
    else closed?.catch(() => undefined);
  }
}

/** JSON has no raw line ends: one line of data is enough. */
function eventText({ event, id, data }: ServerEvent, mask: (json: string) => string): string {
  const name = event === undefined ? "" : `event: ${event}\n`;
  const number = id === undefined ? "" : `id: ${id}\n`;
  return `${name}${number}data: ${mask(JSON.stringify(data))}\n\n`;
}
