import type { BerthEventInput } from "../contract/events.ts";
import type { EventLog, EventSink, OpenEventLogOptions } from "./event-log.ts";

/** Events that are kept until the log is open. */
const MAX_EARLY = 1_000;

/**
 * A log that is opened when something is first written or read: for programs that may have nothing to say. An event that
 * comes meanwhile waits, and keeps the time at which it came only within a few milliseconds.
 */
export function lazyEventLog(options: OpenEventLogOptions): EventSink & AsyncDisposable {
  let early: BerthEventInput[] = [];
  let opening: Promise<EventLog> | undefined;
  let opened: EventLog | undefined;
  let failed = false;
  const open = (): Promise<EventLog> => {
    opening ??= import("./open.ts").then(async ({ openEventLog }) => {
      opened = await openEventLog({ ...options, threads: false });
      for (const event of early.splice(0)) opened.append(event);
      return opened;
    });
    return opening;
  };
  return {
    append(event) {
      if (opened !== undefined) opened.append(event);
      else if (!failed && early.length < MAX_EARLY) {
        early.push(event);
        open().catch((cause: Error) => {
          early = [];
          if (!failed) options.onTrouble?.(cause);
          failed = true;
        });
      }
    },
    async flush() {
      if (opening !== undefined) await (await opening).flush();
    },
    read: async (query) => (await open()).read(query),
    async [Symbol.asyncDispose]() {
      // Whoever appended was told that it can't be opened.
      await (await opening?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}
