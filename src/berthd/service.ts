import type { Method, Params } from "../wire/messages.ts";
import type { WireStream } from "../wire/types.ts";

/** A connected client, as services see it. */
export interface ClientSession {
  /** Stays the same over the reconnects of one client. */
  readonly clientId: string;
  /** Aborted when the connection ends. */
  readonly signal: AbortSignal;
}

/**
 * Answers one request. Params are validated. It answers on `stream`; what it throws (or rejects with) is sent as
 * RESET. It may return before the stream has ended.
 */
export type MethodHandler<M extends Method> = (
  params: Params<M>,
  stream: WireStream,
  session: ClientSession,
) => void | Promise<void>;

/** A part of the daemon: some of the methods, and what it holds. */
export interface Service {
  readonly methods: { readonly [M in Method]?: MethodHandler<M> };
  /** True while it has something that keeps the daemon from exiting when idle. */
  busy(): boolean;
  close(): Promise<void>;
}
