import { errorToJson } from "../../api/json-errors.ts";
import { operationKind, operationState } from "../../api/operations.ts";
import { berthError } from "../../contract/errors.ts";
import type { BerthEvent } from "../../contract/events.ts";
import type { RunnerContext } from "../context.ts";
import { interruptedError, KEPT_MS, type OperationJson } from "./operation.ts";

/** Events that are looked through: an operation has two. */
const MOST_EVENTS = 2_000;

/** How long what was looked up counts: a runner that this one replaces may still be ending its own. */
const FRESH_MS = 10_000;

/** Operations of runners before this one, as the event log has them; looked up when they are asked for. */
export class EarlierOperations {
  readonly #context: Pick<RunnerContext, "events" | "startedAt">;
  readonly #isHere: (id: string) => boolean;
  #known: Promise<ReadonlyMap<string, OperationJson>> | undefined;
  #readAt = 0;

  constructor(context: Pick<RunnerContext, "events" | "startedAt">, isHere: (id: string) => boolean) {
    this.#context = context;
    this.#isHere = isHere;
  }

  async get(id: string): Promise<OperationJson | undefined> {
    return (await this.#all()).get(id);
  }

  async list(): Promise<OperationJson[]> {
    const oldest = new Date(Date.now() - KEPT_MS).toISOString();
    return [...(await this.#all()).values()].filter(({ created_at }) => created_at >= oldest);
  }

  #all(): Promise<ReadonlyMap<string, OperationJson>> {
    const now = performance.now();
    if (this.#known !== undefined && now - this.#readAt < FRESH_MS) return this.#known;
    this.#readAt = now;
    this.#known = this.#read().catch((error: unknown) => {
      this.#known = undefined;
      throw error;
    });
    return this.#known;
  }

  async #read(): Promise<ReadonlyMap<string, OperationJson>> {
    const since = new Date(Date.now() - KEPT_MS).toISOString();
    const stored = await this.#context.events.read({
      types: ["operation"],
      since,
      newest: true,
      limit: MOST_EVENTS,
    });
    const found = new Map<string, OperationJson>();
    for (const { event } of stored.toSorted((a, b) => a.event.sequence - b.event.sequence)) {
      const operation = found.get(String(event.data?.operation)) ?? begunBy(event);
      if (operation === undefined || this.#isHere(operation.id)) continue;
      found.set(operation.id, after(operation, event));
    }
    return found;
  }
}

function begunBy(event: BerthEvent): OperationJson | undefined {
  const { operation, kind, name } = event.data ?? {};
  const known = operationKind.safeParse(kind);
  if (typeof operation !== "string" || !known.success) return undefined;
  return {
    id: operation,
    kind: known.data,
    state: "interrupted",
    workspace: event.workspace ?? null,
    workspace_name: String(name),
    created_at: event.time,
    ended_at: null,
    progress: null,
    result: null,
    error: errorToJson(interruptedError(known.data, String(name))),
  };
}

/** As it is behind an event of it; without one of its end it was cut. */
function after(operation: OperationJson, event: BerthEvent): OperationJson {
  const state = operationState.safeParse(event.type.slice("operation.".length));
  const workspace = event.workspace ?? operation.workspace;
  if (!state.success || state.data === "running" || state.data === "interrupted") {
    return { ...operation, workspace };
  }
  const ended = { ...operation, workspace, state: state.data, ended_at: event.time, error: null };
  if (state.data === "succeeded") return ended;
  const error =
    state.data === "cancelled"
      ? berthError("operation.aborted", { hop: "runner" })
      : berthError("operation.interrupted", { hop: "runner", message: event.message });
  return { ...ended, error: { ...errorToJson(error), ...failure(event) } };
}

function failure({ data }: BerthEvent): { code?: string } {
  return typeof data?.code === "string" ? { code: data.code } : {};
}
