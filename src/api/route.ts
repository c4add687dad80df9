import type * as z from "zod";
import type { ErrorCode } from "../contract/error-registry.ts";

/** What a token may do: look, work in workspaces, or manage the runner. Each holds the ones before it. */
export type Scope = "read" | "operate" | "admin";

export interface RouteResponse {
  readonly description: string;
  /** JSON body; with `contentType` instead: bytes of that type. */
  readonly schema?: z.ZodType;
  readonly contentType?: string;
  /** Server-sent events, each with this JSON as data: always, or with `schema` when asked for by Accept: text/event-stream. */
  readonly events?: z.ZodType;
}

/**
 * One call of the HTTP API: what validates it, what documents it, what its client is generated from. Paths have `{name}`
 * parameters, JSON fields are snake_case.
 */
export interface Route {
  readonly operationId: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: `/v1/${string}`;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** "none": also without a token. */
  readonly scope: Scope | "none";
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The body is bytes, handed to the handler as a stream. */
  readonly bytes?: { readonly contentType: string; readonly maxBytes?: number };
  readonly responses: Readonly<Record<number, RouteResponse>>;
  /** Codes that this call can answer with besides those of every call. */
  readonly errors: readonly ErrorCode[];
  /** Works in the place: answers as well with whatever goes wrong on the way there (ssh.*, docker.*, transport.*, …). */
  readonly place?: boolean;
  /** Headers that it understands, besides those of every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Its JSON is sent as it is, nothing in it is masked: output of processes, a token that was just made. */
  readonly exact?: boolean;
  /** Takes an Idempotency-Key: a repeat within 24 h answers as the first did and does nothing. */
  readonly idempotent?: boolean;
  /** An upgrade to WebSocket with this subprotocol. */
  readonly upgrade?: string;
}
