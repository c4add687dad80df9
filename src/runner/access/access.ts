import type { IncomingMessage } from "node:http";
import type { Route } from "../../api/route.ts";
import type { BerthError } from "../../contract/errors.ts";
import type { Caller } from "../context.ts";

/** Decides who calls, before anything else of a request is looked at. */
export interface Access {
  /**
   * Host and Origin: DNS rebinding, pages of elsewhere; and that no token is in the address. Of every request and upgrade,
   * also of those without a token.
   * @throws request.host_refused, request.origin_refused, request.invalid, auth.missing
   */
  admit(request: IncomingMessage): void;
  /**
   * By the token, in `Authorization: Bearer …`; of an upgrade also as the subprotocol `berth.token.…`, as pages can set no
   * header there. Without a token by the session: its cookie together with its key, in `Berth-Session` or the subprotocol
   * `berth.session.…`. `requestId` is that of the caller. Failures of one address are slowed down.
   * @throws auth.missing, auth.invalid, request.rate_limited
   */
  identify(request: IncomingMessage, requestId: string): Promise<Caller>;
  /** Whether the caller's scope, and its limit to workspaces, allow this call. @throws auth.forbidden */
  authorize(route: Pick<Route, "operationId" | "path" | "scope">, caller: Caller): void;
  /**
   * Tells the log of a call that was refused; call it for what `admit`, `identify` and `authorize` throw, and for nothing
   * else. `route` is the route's pattern, or the path without its query.
   */
  refused(request: IncomingMessage, error: BerthError, about: RefusedCall): void;
  /**
   * For everything that stays open (attach, wire, server-sent events): `end` is called once when the token is revoked or
   * expires, or the session ends. Dispose it when the connection is over.
   */
  hold(caller: Pick<Caller, "tokenId" | "sessionId">, end: (error: BerthError) => void): Disposable;
  /** Of who calls, behind trusted proxies. */
  addressOf(request: IncomingMessage): string;
  /** Address that the request was sent to: "http://127.0.0.1:7777". */
  originOf(request: IncomingMessage): string;
}

export interface RefusedCall {
  readonly route: string;
  readonly requestId: string;
  readonly caller?: Caller | undefined;
}
