import type * as z from "zod";
import type { BodyOf, OperationId, ParamsOf, QueryOf, RouteOf, UpgradeId } from "../api/routes.ts";
import type { Call, Upgrade } from "./context.ts";

/** One of a stream of server-sent events; `data` is sent as JSON. */
export interface ServerEvent<Data = unknown> {
  /** Default "message". */
  readonly event?: string;
  /** What a client that comes back sends as Last-Event-ID. */
  readonly id?: string;
  readonly data: Data;
}

type Headers = Readonly<Record<string, string>>;

type AnswerOfResponse<Status, Response> =
  | (Response extends { readonly schema: infer Schema extends z.ZodType }
      ? {
          readonly status: Status;
          readonly body: z.input<Schema>;
          readonly headers?: Headers;
          readonly kept?: unknown;
        }
      : never)
  | (Response extends { readonly events: infer Schema extends z.ZodType }
      ? {
          readonly status: Status;
          readonly events: AsyncIterable<ServerEvent<z.input<Schema>>>;
          readonly headers?: Headers;
        }
      : never)
  | (Response extends { readonly contentType: "text/event-stream" }
      ? never
      : Response extends { readonly contentType: string }
        ? {
            readonly status: Status;
            readonly stream: AsyncIterable<Uint8Array | string> | readonly string[];
            readonly headers?: Headers;
          }
        : never)
  | (Response extends { readonly schema: z.ZodType } | { readonly contentType: string }
      ? never
      : { readonly status: Status; readonly headers?: Headers });

type AnswersOf<Responses> = {
  [Status in keyof Responses]: AnswerOfResponse<Status, Responses[Status]>;
}[keyof Responses];

/** What a call may answer, by the table of routes; errors are thrown (berthError). */
export type AnswerOf<Id extends OperationId> = AnswersOf<RouteOf<Id>["responses"]>;

/** A call with its parts as the table's schemas made them. */
export type CallOf<Id extends OperationId> = Call<ParamsOf<Id>, QueryOf<Id>, BodyOf<Id>> &
  (RouteOf<Id> extends { readonly bytes: object } ? { readonly stream: AsyncIterable<Uint8Array> } : unknown);

export type Handler<Id extends OperationId> = (call: CallOf<Id>) => AnswerOf<Id> | Promise<AnswerOf<Id>>;

/** Handlers of some operations: `processHandlers(context): Handlers<"startProcess" | "getProcess">`. */
export type Handlers<Id extends OperationId = OperationId> = { readonly [Key in Id]: Handler<Key> };

/** Takes the socket over, or throws before it touches it: the error is answered as HTTP. */
export type UpgradeHandler<Id extends UpgradeId> = (
  upgrade: Upgrade<ParamsOf<Id>, QueryOf<Id>>,
) => void | Promise<void>;

export type Upgrades<Id extends UpgradeId = UpgradeId> = { readonly [Key in Id]: UpgradeHandler<Key> };
