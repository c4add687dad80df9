import { errorToJson } from "../../api/json-errors.ts";
import { toBerthError } from "../../contract/errors.ts";
import type { ServerEvent } from "../handlers.ts";

/** Milliseconds after which a browser's EventSource comes back. */
const RETRY_MS = 1_000;

/**
 * Server-sent events as text, with a comment as heartbeat whenever nothing else was sent for a while. An error on the
 * way is the last event, named `error`, with the error as data.
 */
export async function* eventStreamText(
  events: AsyncIterable<ServerEvent>,
  heartbeatMs: number,
): AsyncGenerator<string> {
  yield `retry: ${RETRY_MS}\n\n`;
  const iterator = events[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<ServerEvent>> | undefined;
  try {
    for (;;) {
      next ??= iterator.next();
      const result = await within(next, heartbeatMs);
      if (result === undefined) {
        yield ": heartbeat\n\n";
        continue;
      }
      next = undefined;
      if (result.done === true) return;
      yield eventText(result.value);
    }
  } catch (cause) {
    yield eventText({ event: "error", data: errorToJson(toBerthError(cause, "runner")) });
  } finally {
    // One that waits for its next event ends when the call's signal ends it.
    const closed = iterator.return?.();
    if (next === undefined) await closed;
    else closed?.catch(() => undefined);
  }
}

/** JSON has no raw line ends: one line of data is enough. */
function eventText({ event, id, data }: ServerEvent): string {
  const name = event === undefined ? "" : `event: ${event}\n`;
  const number = id === undefined ? "" : `id: ${id}\n`;
  return `${name}${number}data: ${JSON.stringify(data)}\n\n`;
}

/** undefined when the time is over first. */
async function within<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, milliseconds, undefined);
  });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}
