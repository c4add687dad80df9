/** What a caller may take of the server. */
export interface HttpLimits {
  /** Bytes of a JSON body. */
  readonly bodyBytes: number;
  /** The same of calls that need no token, as who makes them is anybody. */
  readonly anonymousBodyBytes: number;
  /** Nesting of a JSON body. */
  readonly bodyDepth: number;
  /** Milliseconds for a JSON body to arrive, and for the next byte of a stream. */
  readonly bodyTimeoutMs: number;
  /** Bytes of request line and headers together. */
  readonly headerBytes: number;
  /** Milliseconds for them to arrive, from the first byte on or from the connection on. */
  readonly headersTimeoutMs: number;
  /** Milliseconds that an idle connection is kept for the next request: longer than proxies keep theirs (60 s). */
  readonly keepAliveMs: number;
  /** Milliseconds without any progress after which a caller that reads nothing is left. */
  readonly writeTimeoutMs: number;
  /** Heartbeat of streams of events: proxies cut idle connections at 60 s. */
  readonly heartbeatMs: number;
  readonly connections: number;
  /** Connections that were upgraded to a WebSocket. */
  readonly sockets: number;
  /** Calls a minute, of a token or, where there is none, of an address. */
  readonly callsPerMinute: number;
  /** Milliseconds that a closing server waits for calls that are being answered. */
  readonly closeGraceMs: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  bodyBytes: 8 * 1024 * 1024,
  anonymousBodyBytes: 4 * 1024,
  bodyDepth: 64,
  bodyTimeoutMs: 30_000,
  headerBytes: 32 * 1024,
  headersTimeoutMs: 15_000,
  keepAliveMs: 75_000,
  writeTimeoutMs: 60_000,
  heartbeatMs: 15_000,
  connections: 10_000,
  sockets: 4_000,
  callsPerMinute: 30_000,
  closeGraceMs: 5_000,
};
