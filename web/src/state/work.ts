import type { Operation, operations, RunnerClient } from "../../../src/client/index.ts";
import { keep, kept } from "./kept.ts";
import { type Observable, Variable } from "./observable.ts";

type Body<Id extends keyof operations> = operations[Id] extends {
  requestBody: { content: { "application/json": infer Given } };
}
  ? Given
  : never;

export type CreateBody = Body<"createWorkspace">;
export type ForkBody = Body<"forkWorkspace">;

/** What was asked for, so that it can be asked for again. */
export type WorkRequest =
  | { readonly kind: "create"; readonly body: CreateBody }
  | { readonly kind: "fork"; readonly workspace: string; readonly body: ForkBody }
  | { readonly kind: "rename"; readonly workspace: string; readonly name: string }
  | {
      readonly kind: "delete";
      readonly workspace: string;
      readonly force: boolean;
      readonly keepBranch: boolean;
    }
  | { readonly kind: PlainKind; readonly workspace: string };
type PlainKind = "init" | "stop" | "start" | "pull" | "push" | "apply";

/** What an operation tells while it runs. */
export interface LiveWork {
  readonly progress: Operation["progress"];
  /** The newest part of what the set-up hook prints. */
  readonly output: string;
  /** How it ended, as soon as that is known. */
  readonly end?: Operation;
}

/** Each one followed is a connection, of which a browser has six for an origin. */
const MOST_FOLLOWED = 2;
/** Letters of output that are kept. */
const OUTPUT_LETTERS = 48 * 1024;
/** Output comes faster than anybody reads. */
const TELL_MS = 100;
const MOST_REMEMBERED = 200;
const DISMISSED = "berth.dismissed";

/** Operations that this page has begun or follows: their progress, and how to begin them again. */
export class Work implements Disposable {
  readonly live = new Variable<ReadonlyMap<string, LiveWork>>(new Map());
  /** Begun here, and not yet in the list of the runner. */
  readonly begun = new Variable<readonly Operation[]>([]);
  /** Seen while they ran: how they ended is shown until it is dismissed. */
  readonly seen = new Set<string>();
  readonly dismissed = new Variable<ReadonlySet<string>>(new Set(readDismissed()));
  readonly #client: RunnerClient;
  readonly #operations: Observable<readonly Operation[]>;
  readonly #asked: () => void;
  readonly #requests = new Map<string, WorkRequest>();
  readonly #followed = new Set<string>();
  /** Can't be followed; the list tells of them. */
  readonly #refused = new Set<string>();
  readonly #told = new Map<string, LiveWork>();
  readonly #stop = new AbortController();
  readonly #leave: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param asked told when the runner's list is another one now */
  constructor(client: RunnerClient, operations: Observable<readonly Operation[]>, asked: () => void) {
    this.#client = client;
    this.#operations = operations;
    this.#asked = asked;
    this.#leave = operations.subscribe(() => this.#follow());
  }

  /** Begins it. @throws what is refused at once */
  async begin(request: WorkRequest): Promise<Operation> {
    const operation = await send(this.#client, request, this.#stop.signal);
    this.#requests.set(operation.id, request);
    for (const id of this.#requests.keys()) {
      if (this.#requests.size <= MOST_REMEMBERED) break;
      this.#requests.delete(id);
    }
    this.seen.add(operation.id);
    this.begun.set([operation, ...this.begun.get()].slice(0, MOST_REMEMBERED));
    this.#follow();
    this.#asked();
    return operation;
  }

  /** How to begin an operation again; undefined where that is not known. */
  requestOf({ id, kind, workspace }: Operation): WorkRequest | undefined {
    const known = this.#requests.get(id);
    if (known !== undefined || workspace === null) return known;
    switch (kind) {
      case "create":
      case "fork":
      case "rename":
        return undefined;
      case "delete":
        return { kind, workspace, force: false, keepBranch: false };
      default:
        return { kind, workspace };
    }
  }

  async cancel(id: string): Promise<void> {
    await this.#client.post("/v1/operations/{id}/cancel", { params: { path: { id } } });
    this.#asked();
  }

  dismiss(...ids: readonly string[]): void {
    const all = [...this.dismissed.get(), ...ids].slice(-MOST_REMEMBERED);
    this.dismissed.set(new Set(all));
    keep(DISMISSED, JSON.stringify(all));
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#leave();
    clearTimeout(this.#timer);
  }

  #follow(): void {
    const known = this.#operations.get();
    const missing = this.begun.get().filter(({ id }) => !known.some((one) => one.id === id));
    this.begun.set(missing);
    for (const { id, state } of [...missing, ...known]) {
      if (state !== "running" || this.#followed.has(id) || this.#refused.has(id)) continue;
      if (this.#told.get(id)?.end !== undefined) continue;
      this.seen.add(id);
      if (this.#followed.size < MOST_FOLLOWED) void this.#followOne(id);
    }
  }

  async #followOne(id: string): Promise<void> {
    this.#followed.add(id);
    const { signal } = this.#stop;
    try {
      let told: LiveWork = { progress: null, output: "" };
      for await (const event of this.#client.operation(id, { signal })) {
        if (event.type === "progress") told = { ...told, progress: event.progress };
        else if (event.type === "output")
          told = { ...told, output: (told.output + event.text).slice(-OUTPUT_LETTERS) };
        else told = { ...told, end: event.operation };
        this.#tell(id, told);
      }
    } catch {
      this.#refused.add(id);
    } finally {
      this.#followed.delete(id);
      if (!signal.aborted) {
        this.#asked();
        this.#follow();
      }
    }
  }

  #tell(id: string, told: LiveWork): void {
    this.#told.delete(id);
    this.#told.set(id, told);
    for (const oldest of this.#told.keys()) {
      if (this.#told.size <= MOST_REMEMBERED) break;
      this.#told.delete(oldest);
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.live.set(new Map(this.#told));
    }, TELL_MS);
  }
}

function readDismissed(): string[] {
  try {
    const all: unknown = JSON.parse(kept(DISMISSED) ?? "[]");
    return Array.isArray(all) ? all.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}

function send(client: RunnerClient, request: WorkRequest, signal: AbortSignal): Promise<Operation> {
  if (request.kind === "create") return client.post("/v1/workspaces", { body: request.body, signal });
  const path = { workspace: request.workspace };
  const params = { path };
  switch (request.kind) {
    case "fork":
      return client.post("/v1/workspaces/{workspace}/fork", { params, body: request.body, signal });
    case "rename":
      return client.post("/v1/workspaces/{workspace}/rename", {
        params,
        body: { name: request.name },
        signal,
      });
    case "delete": {
      const query = { force: request.force, keep_branch: request.keepBranch };
      return client.delete("/v1/workspaces/{workspace}", { params: { path, query }, signal });
    }
    case "push":
      return client.post("/v1/workspaces/{workspace}/push", { params, body: {}, signal });
    case "apply":
      return client.post("/v1/workspaces/{workspace}/apply", { params, body: {}, signal });
    case "init":
      return client.post("/v1/workspaces/{workspace}/init", { params, signal });
    case "stop":
      return client.post("/v1/workspaces/{workspace}/stop", { params, signal });
    case "start":
      return client.post("/v1/workspaces/{workspace}/start", { params, signal });
    case "pull":
      return client.post("/v1/workspaces/{workspace}/pull", { params, signal });
  }
}
