/** Subprotocol of the WebSocket. */
export const ATTACH_PROTOCOL = "berth.attach.v1";

/** Largest message of a client, text or binary. */
export const ATTACH_MESSAGE_BYTES = 1024 * 1024;

/**
 * First byte of the server's binary messages: what the bytes behind it are. A client counts these bytes, from the
 * cursor of `attached` on, and so knows its own cursor; a `gap` sets it to `to`. Its own binary messages are stdin.
 *
 * ```
 * ┌─────────┬───────────────┐
 * │ channel │ output bytes… │
 * └─────────┴───────────────┘
 * ```
 */
export const ATTACH_CHANNELS = { stdout: 1, stderr: 2, tty: 3 } as const;
