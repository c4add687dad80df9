import type { IncomingMessage } from "node:http";
import type { Caller } from "../context.ts";

/** Decides who calls, before anything else of a request is looked at. */
export interface Access {
  /**
   * Host and Origin: DNS rebinding, pages of elsewhere. Of every request and upgrade, also of those without a token.
   * @throws request.host_refused, request.origin_refused
   */
  admit(request: IncomingMessage): void;
  /** By the token; `requestId` is that of the caller. @throws auth.missing, auth.invalid */
  identify(request: IncomingMessage, requestId: string): Promise<Caller>;
}
