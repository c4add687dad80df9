import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { connectWire } from "../../wire/connection.ts";
import type { WireClient } from "../../wire/types.ts";

/** How a connection to a daemon is asked for. */
export interface ConnectOptions {
  readonly signal?: AbortSignal | undefined;
  /** On behalf of another client. */
  readonly clientId?: string | undefined;
}

/** Proves with the token that this client may use the daemon behind a stream. */
export type Handshake = (
  stream: Duplex,
  token: string,
  signal: AbortSignal | undefined,
  options?: {
    readonly pipelined?: boolean;
    /** In place of the own id: on behalf of another client, which goes on with frames itself. */
    readonly clientId?: string | undefined;
  },
) => Promise<WireClient>;

/**
 * Handshakes of one client: its id stays the same over reconnects, so that the daemon knows the owner of leases.
 * @param timeoutMs default HANDSHAKE_TIMEOUT_MS
 */
export function createHandshake(version: string, timeoutMs?: number): Handshake {
  const ownId = randomUUID();
  return (stream, token, signal, { pipelined = false, clientId } = {}) =>
    connectWire(stream, {
      token,
      clientId: clientId ?? ownId,
      version,
      // Another client takes the stream over behind the welcome.
      pipelined: pipelined && clientId === undefined,
      ...(timeoutMs === undefined ? {} : { handshakeTimeoutMs: timeoutMs }),
      ...(signal === undefined ? {} : { signal }),
    });
}
