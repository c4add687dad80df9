import { AsyncLocalStorage } from "node:async_hooks";
import { progressToJson } from "../../api/json-workspaces.ts";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { within } from "../../contract/within.ts";
import type { WorkOptions } from "../../workspaces/api.ts";
import type { Caller, RunnerContext } from "../context.ts";
import { withCause } from "../http/cause.ts";
import { traced } from "../observe/tracing.ts";
import { EarlierOperations } from "./earlier-operations.ts";
import {
  interruptedError,
  KEPT_MS,
  Operation,
  type OperationJson,
  type OperationKind,
  type OperationResult,
} from "./operation.ts";

/** How many are known behind their end, at most. */
const KEPT_OPERATIONS = 1_000;
const MAX_RUNNING = 100;
/** An answer does not wait longer for what can be refused at once. */
const BEGIN_LIMIT_MS = 2_000;
/** What stopping leaves to operations that undo what they made. */
const STOP_LIMIT_MS = 10_000;

export interface Work {
  readonly kind: OperationKind;
  /** Name of the workspace, as it is or is to be. */
  readonly name: string;
  /** Its id, where there is one already. */
  readonly workspaceId?: string | undefined;
  readonly caller: Caller;
  readonly run: (options: WorkOptions, operation: Operation) => Promise<OperationResult>;
}

/**
 * What takes a while. Running ones are in memory; that they were begun and how they ended is in the event log, so that
 * one which a killed runner left behind is known as interrupted.
 */
export class WorkOperations {
  readonly #context: RunnerContext;
  readonly #operations = new Map<string, Operation>();
  readonly #earlier: EarlierOperations;
  #running = 0;

  constructor(context: RunnerContext) {
    this.#context = context;
    this.#earlier = new EarlierOperations(context, (id) => this.#operations.has(id));
  }

  /**
   * Begins work, and waits until it has begun. What is refused before that is thrown, and leaves no operation.
   * @throws what the work throws at once, request.rate_limited, runner.stopping
   */
  async begin(work: Work): Promise<Operation> {
    if (this.#context.stopping.aborted) throw berthError("runner.stopping", { hop: "runner" });
    if (this.#running >= MAX_RUNNING) {
      throw berthError("request.rate_limited", {
        hop: "runner",
        message: `${MAX_RUNNING} operations run already`,
        context: { retryAfterSeconds: 5 },
      });
    }
    const operation = new Operation(work.kind, work.name, work.workspaceId);
    const begun = Promise.withResolvers<void>();
    const running = this.#run(operation, work, begun.resolve);
    await Promise.race([begun.promise, running]);
    // Whoever is told of it will find it, also when the runner is killed now.
    await this.#context.events.flush();
    return operation;
  }

  /** Rejects only while nothing was told of it. */
  async #run(operation: Operation, work: Work, begun: () => void): Promise<void> {
    const context = this.#context;
    const startedMs = performance.now();
    const actor = `token:${work.caller.name}`;
    // The call is the cause of the operation, and the operation that of what happens in it.
    const asked = AsyncLocalStorage.snapshot();
    const tell = (what: string, message: string, data: Readonly<Record<string, unknown>> = {}) => {
      const about = { operation: operation.id, kind: work.kind, name: work.name, ...data };
      const workspace = operation.workspaceId;
      asked(() => context.emit({ type: `operation.${what}`, message, workspace, data: about }));
    };
    let isTold = false;
    const announce = () => {
      if (isTold) return;
      isTold = true;
      this.#keep(operation);
      tell("started", `${work.kind} of ${work.name} has begun`);
      begun();
    };
    const timer = setTimeout(announce, BEGIN_LIMIT_MS);
    this.#count(1);
    try {
      const options: WorkOptions = {
        signal: AbortSignal.any([operation.controller.signal, context.stopping]),
        onProgress: (progress) => {
          operation.tell({ type: "progress", progress: progressToJson(progress) });
          announce();
        },
        onOutput: output(operation),
      };
      const about = { "berth.operation": operation.id, "berth.workspace": operation.workspaceId ?? "" };
      const run = () => traced(`operation ${work.kind}`, about, () => work.run(options, operation));
      const result = await withCause({ id: operation.id, actor }, run);
      announce();
      operation.end("succeeded", { result });
      tell(
        "succeeded",
        `${work.kind} of ${work.name} is done`,
        result.transfer === undefined ? {} : { transfer: result.transfer },
      );
    } catch (cause) {
      if (!isTold && !operation.cancelled) throw cause;
      announce();
      this.#failed(operation, cause, tell);
    } finally {
      clearTimeout(timer);
      this.#count(-1);
      const { metrics } = context;
      if (operation.state !== "running") {
        metrics.count("berth_operations_total", { kind: work.kind, outcome: operation.state });
        metrics.observe("berth_operation_seconds", (performance.now() - startedMs) / 1000, {
          kind: work.kind,
        });
      }
    }
  }

  #failed(
    operation: Operation,
    cause: unknown,
    tell: (what: string, message: string, data?: Readonly<Record<string, unknown>>) => void,
  ): void {
    const { kind, name } = operation;
    // The words of a defect are for the log alone.
    const error = isBerthError(cause) ? cause : berthError("internal", { hop: "runner" });
    if (error.code === "internal") {
      this.#context.log.error({ operation: operation.id, error: cause }, "an operation failed");
    }
    if (operation.cancelled) {
      operation.end("cancelled", { error });
      tell("cancelled", `${kind} of ${name} was cancelled`);
    } else if (this.#context.stopping.aborted) {
      operation.end("interrupted", { error: interruptedError(kind, name) });
      tell("interrupted", `${kind} of ${name} was interrupted: the runner was stopped`);
    } else {
      operation.end("failed", { error });
      tell("failed", `${kind} of ${name} failed: ${error.message}`, { code: error.code });
    }
  }

  #count(by: 1 | -1): void {
    this.#running += by;
    this.#context.metrics.gauge("berth_operations_running", this.#running, {});
  }

  #keep(operation: Operation): void {
    this.#operations.set(operation.id, operation);
    const oldest = Date.now() - KEPT_MS;
    for (const [id, { endedAt }] of this.#operations) {
      if (endedAt === undefined) continue;
      if (this.#operations.size <= KEPT_OPERATIONS && Date.parse(endedAt) >= oldest) break;
      this.#operations.delete(id);
    }
  }

  /** The operation while it is in memory. @throws operation.unknown: also for who may not know of it */
  async find(id: string, caller: Caller): Promise<Operation | OperationJson> {
    const found = this.#operations.get(id) ?? (await this.#earlier.get(id));
    const workspace = found instanceof Operation ? found.workspaceId : found?.workspace;
    if (found !== undefined && mayKnow(caller, workspace)) return found;
    throw berthError("operation.unknown", { hop: "runner", context: { id } });
  }

  /** The newest first. */
  async list(caller: Caller): Promise<OperationJson[]> {
    const here = [...this.#operations.values()].map((operation) => operation.toJson());
    const all = [...here, ...(await this.#earlier.list())];
    return all
      .filter(({ workspace }) => mayKnow(caller, workspace))
      .sort((a, b) =>
        a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : a.id < b.id ? 1 : -1,
      );
  }

  /** Ends it; what it made is undone. One that has ended stays as it is. */
  cancel(operation: Operation): void {
    if (operation.state !== "running") return;
    operation.cancelled = true;
    operation.controller.abort(berthError("operation.aborted", { hop: "runner" }));
  }

  /** Settles when none is under way any more, or after so long. */
  async settle(waitMs: number): Promise<void> {
    const running = [...this.#operations.values()].filter(({ state }) => state === "running");
    await within(waitMs, Promise.all(running.map(({ ended }) => ended)));
  }

  /** Ends all, behind the context's `stopping`, and leaves them some time to undo what they made. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { controller } of this.#operations.values()) {
      controller.abort(berthError("runner.stopping", { hop: "runner" }));
    }
    await this.settle(STOP_LIMIT_MS);
  }
}

/** One that is of no workspace (yet) is for those alone who may know all. */
function mayKnow({ workspaces }: Caller, workspace: string | null | undefined): boolean {
  return workspaces === undefined || (typeof workspace === "string" && workspaces.has(workspace));
}

/** Text of a set-up hook, whatever its bytes are; a character that comes in two pieces is one. */
function output(operation: Operation): NonNullable<WorkOptions["onOutput"]> {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  return (chunk, stream) => {
    const text = decoders[stream].decode(chunk, { stream: true });
    if (text !== "") operation.tell({ type: "output", stream, text });
  };
}
