import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import type { BerthEventInput } from "../../contract/events.ts";
import type { Access } from "../access/access.ts";
import type { TlsPair } from "../access/tls.ts";
import type { RunnerMetrics } from "../context.ts";
import type { Handlers, Upgrades } from "../handlers.ts";
import type { Page } from "../page/page.ts";
import type { IdempotencyStore } from "./idempotency.ts";
import type { HttpLimits } from "./limits.ts";

/** Requests that are not of the API: previews, known by their Host. */
export interface Elsewhere {
  /** True when it is one of those: it is answered there. */
  request(request: IncomingMessage, response: ServerResponse): boolean;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls?: TlsPair | undefined;
  readonly handlers: Handlers;
  readonly upgrades: Upgrades;
  readonly access: Access;
  readonly idempotency: IdempotencyStore;
  readonly elsewhere?: Elsewhere | undefined;
  /** Of this origin, and not of the API. */
  readonly page?: Page | undefined;
  readonly metrics: Pick<RunnerMetrics, "count" | "gauge" | "observe">;
  readonly log: Logger;
  readonly emit: (event: BerthEventInput) => void;
  /** Masks secrets in a JSON answer. Not asked for output of processes and new tokens. */
  readonly mask?: ((json: string) => string) | undefined;
  /** Aborted when the runner begins to stop: streams end, new calls are refused. */
  readonly stopping: AbortSignal;
  readonly limits?: Partial<HttpLimits> | undefined;
}
