/** What exec keeps and waits for, with a daemon in the place and without. */

/** Captured bytes a stream when the caller gives no `maxCaptureBytes`. */
export const DEFAULT_CAPTURE_BYTES = 1024 * 1024;
/** Between TERM and KILL when the caller gives no `killGraceMs`. */
export const DEFAULT_GRACE_MS = 2_000;
/** How much later than the place the client ends a command whose time is over (SEMANTICS, Commands 4). */
export const DEADLINE_SLACK_MS = 1_000;
