/**
 * One frame on the stream between client and daemon (docs/protocol.md):
 *
 *      0        4     5         9
 *     ┌────────┬─────┬─────────┬───────────────────┐
 *     │ length │type │ stream  │ payload           │
 *     │ u32 LE │ u8  │ u32 LE  │ length − 5 bytes  │
 *     └────────┴─────┴─────────┴───────────────────┘
 *
 * `length` counts what follows it. Stream 0 is the connection itself. JSON payloads are UTF-8.
 */
export const FRAME = {
  HELLO: 1,
  REQUEST: 2,
  RESPONSE: 3,
  EVENT: 4,
  DATA: 5,
  WINDOW: 6,
  END: 7,
  RESET: 8,
  PING: 9,
  PONG: 10,
} as const;

export type FrameType = (typeof FRAME)[keyof typeof FRAME];

export const PROTOCOL_MIN = 1;
export const PROTOCOL_MAX = 1;

/** Bytes of length, type and stream. */
export const FRAME_HEADER_BYTES = 9;
/** A longer frame is a protocol error (WIRE). */
export const MAX_FRAME_BYTES = 1024 * 1024;
/** Largest payload of a DATA frame, so that control frames never wait long. */
export const MAX_DATA_BYTES = 64 * 1024;
/** Credit of a stream before the first WINDOW frame, each way. */
export const INITIAL_WINDOW_BYTES = 256 * 1024;
export const MAX_WINDOW_BYTES = 8 * 1024 * 1024;
/** Berth's own queue in front of the socket. */
export const MAX_SOCKET_QUEUE_BYTES = 64 * 1024;
export const PING_IDLE_MS = 5_000;
export const DEAD_AFTER_MS = 12_000;
/** Largest payload of HELLO and RESET. */
export const MAX_JSON_CONTROL_BYTES = 64 * 1024;
/** Largest payload of PING and PONG. */
export const MAX_PING_BYTES = 64;
/** Streams that one client may have open at once. */
export const MAX_OPEN_STREAMS = 10_000;
/** HELLO to welcome. */
export const HANDSHAKE_TIMEOUT_MS = 12_000;
