import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { connectWire } from "../../wire/connection.ts";
import type { WireClient } from "../../wire/types.ts";

/** Proves with the token that this client may use the daemon behind a stream. */
export type Handshake = (
  stream: Duplex,
  token: string,
  signal: AbortSignal | undefined,
  options?: { readonly pipelined?: boolean },
) => Promise<WireClient>;

/**
 * Handshakes of one client: its id stays the same over reconnects, so that the daemon knows the owner of leases.
 * @param timeoutMs default HANDSHAKE_TIMEOUT_MS
 */
export function createHandshake(version: string, timeoutMs?: number): Handshake {
  const clientId = randomUUID();
  return (stream, token, signal, options = {}) =>
    connectWire(stream, {
      token,
      clientId,
      version,
      ...options,
      ...(timeoutMs === undefined ? {} : { handshakeTimeoutMs: timeoutMs }),
      ...(signal === undefined ? {} : { signal }),
    });
}
