import type { BerthEventInput } from "../contract/events.ts";
import { HELD_SECRETS } from "../contract/mask.ts";
import type { EventSink } from "../events/event-log.ts";
import { lazyEventLog } from "../events/lazy.ts";
import { stateDirectoryPath } from "../runtimes/state-directory.ts";
import { visible } from "./print.ts";

/** A database that others hold costs a command in a place no more than this at its end. */
const BUSY_TIMEOUT_MS = 2_000;

let opened: (EventSink & AsyncDisposable) | undefined;

/**
 * The log of this user, as long as this command runs: opened with the first event, written while the command waits.
 * @param busyTimeoutMs how long others may hold the database; the first one to ask says it
 */
export function commandEvents(busyTimeoutMs?: number): EventSink {
  let told = false;
  opened ??= lazyEventLog({
    stateDirectory: stateDirectoryPath(),
    database: process.env.BERTH_DATABASE || undefined,
    actor: "cli",
    busyTimeoutMs,
    mask: (record) => HELD_SECRETS.json(record),
    onTrouble: ({ message }) => {
      if (!told) process.stderr.write(`berth: what happens is not recorded: ${visible(message)}\n`);
      told = true;
    },
  });
  return opened;
}

/** Everything that was told is on the disk when this returns. */
export async function closeCommandEvents(): Promise<void> {
  const log = opened;
  opened = undefined;
  await log?.[Symbol.asyncDispose]();
}

/** Hands what happens in a place to the log, and to whoever else wants to know. */
export function toLog(
  onEvent?: (event: BerthEventInput) => void,
  workspace?: string,
): (event: BerthEventInput) => void {
  return (event) => {
    commandEvents(BUSY_TIMEOUT_MS).append(workspace === undefined ? event : { workspace, ...event });
    onEvent?.(event);
  };
}
