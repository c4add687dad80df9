import type { Logger } from "pino";
import type { BerthEventInput } from "../../contract/events.ts";

/** What who looks after a runner wants to read; all other events only at the level debug. */
const WORTH_READING = /^(?:runtime|place|operation|workspace|token|provision)\./;

/** An event as a line of the log: what happened where and why, without its data, which may be long. */
export function logEvent(log: Logger, event: BerthEventInput): void {
  const { type, message, workspace, runtime, processId, cause } = event;
  log[WORTH_READING.test(type) ? "info" : "debug"](
    { event: type, workspace, runtime, processId, requestId: cause },
    message,
  );
}
