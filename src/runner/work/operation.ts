import { randomBytes } from "node:crypto";
import type * as z from "zod";
import { type ErrorJson, errorToJson } from "../../api/json-errors.ts";
import type { operation, operationEvent, operationKind, operationResult } from "../../api/operations.ts";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type { ServerEvent } from "../handlers.ts";

export type OperationJson = z.infer<typeof operation>;
export type OperationKind = z.infer<typeof operationKind>;
export type OperationResult = z.infer<typeof operationResult>;
export type OperationEvent = z.infer<typeof operationEvent>;
type EndState = Exclude<OperationJson["state"], "running">;

/** How long operations are known behind their end. */
export const KEPT_MS = 24 * 3_600_000;
/** Characters of progress and output that are kept for who comes later; the oldest go first. */
const KEPT_CHARACTERS = 512 * 1024;

interface Told {
  readonly number: number;
  readonly event: OperationEvent;
}

/** One operation with what it told so far. */
export class Operation {
  readonly id = `op_${randomBytes(10).toString("hex")}`;
  readonly kind: OperationKind;
  readonly createdAt = new Date().toISOString();
  readonly controller = new AbortController();
  /** Set once its end is wanted by somebody. */
  cancelled = false;
  workspaceId: string | undefined;
  readonly #name: string;
  readonly #ended = Promise.withResolvers<void>();
  #state: OperationJson["state"] = "running";
  #endedAt: string | undefined;
  #progress: OperationJson["progress"] = null;
  #result: OperationResult | null = null;
  #error: ErrorJson | null = null;
  #told: Told[] = [];
  #numbers = 0;
  #characters = 0;
  #news = Promise.withResolvers<void>();

  constructor(kind: OperationKind, name: string, workspaceId: string | undefined) {
    this.kind = kind;
    this.#name = name;
    this.workspaceId = workspaceId;
  }

  get state(): OperationJson["state"] {
    return this.#state;
  }

  get name(): string {
    return this.#name;
  }

  get endedAt(): string | undefined {
    return this.#endedAt;
  }

  /** Settles with its end. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** It has told something: what could be refused at once was not. */
  get hasBegun(): boolean {
    return this.#progress !== null;
  }

  tell(event: OperationEvent): void {
    if (this.#state !== "running") return;
    if (event.type === "progress") this.#progress = event.progress;
    this.#add(event);
  }

  end(state: EndState, outcome: { readonly result?: OperationResult; readonly error?: BerthError }): void {
    if (this.#state !== "running") return;
    this.#state = state;
    this.#endedAt = new Date().toISOString();
    this.#result = outcome.result ?? null;
    this.#error = outcome.error === undefined ? null : errorToJson(outcome.error);
    this.#add({ type: "end", operation: this.toJson() });
    this.#ended.resolve();
  }

  #add(event: OperationEvent): void {
    this.#numbers += 1;
    this.#told.push({ number: this.#numbers, event });
    this.#characters += weight(event);
    while (this.#characters > KEPT_CHARACTERS && this.#told.length > 1) {
      const oldest = this.#told.shift();
      if (oldest !== undefined) this.#characters -= weight(oldest.event);
    }
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** What was told behind number `after`, as far as it is kept, then what is told, to its end. */
  async *follow(after: number, signal: AbortSignal): AsyncGenerator<ServerEvent<OperationEvent>> {
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    for (let last = Math.min(after, this.#numbers); !signal.aborted; ) {
      const news = this.#news.promise;
      for (const { number, event } of this.#told.filter(({ number }) => number > last)) {
        yield { event: event.type, id: String(number), data: event };
        last = number;
        if (event.type === "end") return;
      }
      // A client that has all of it already.
      if (this.#state !== "running" && last >= this.#numbers) return;
      if (this.#numbers === last) await Promise.race([news, gone]);
    }
  }

  toJson(): OperationJson {
    return {
      id: this.id,
      kind: this.kind,
      state: this.#state,
      workspace: this.workspaceId ?? null,
      workspace_name: this.#name,
      created_at: this.createdAt,
      ended_at: this.#endedAt ?? null,
      progress: this.#progress,
      result: this.#result,
      error: this.#error,
    };
  }
}

function weight(event: OperationEvent): number {
  return event.type === "output" ? event.text.length + 64 : 256;
}

export function interruptedError(kind: string, name: string): BerthError {
  return berthError("operation.interrupted", { hop: "runner", context: { kind, name } });
}
