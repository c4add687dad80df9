import type { BerthEvent, RunnerClient } from "../../../src/client/index.ts";
import { Variable } from "./observable.ts";

/** How much a workspace differs from trunk. */
export interface ChangesSum {
  readonly added: number;
  readonly deleted: number;
  readonly files: number;
}

const AT_ONCE = 2;
/** A command that ends rarely comes alone. */
const SETTLE_MS = 1_000;
/** git reads the whole workspace for a sum: in one where commands end all the time it does so this often at most, */
const REST_MS = 5_000;
/** and in one where that takes long a fifth of the time. */
const REST_FOR_ANSWER = 4;

/** Sums of changes against trunk: asked for while somebody looks, and again when an event says that they may differ. */
export class Changes implements Disposable {
  readonly #client: RunnerClient;
  readonly #sums = new Map<string, Variable<ChangesSum | undefined>>();
  readonly #wanted = new Map<string, number>();
  readonly #fresh = new Set<string>();
  readonly #running = new Set<string>();
  /** Something is under way with them, which refuses to be looked at meanwhile. */
  readonly #busy = new Set<string>();
  /** When a workspace may be asked again. */
  readonly #freeAt = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #leave: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: RunnerClient, onEvent: (listener: (event: BerthEvent) => void) => () => void) {
    this.#client = client;
    this.#leave = onEvent((event) => this.#onEvent(event));
  }

  /** undefined until it is known. */
  sumOf(workspace: string): Variable<ChangesSum | undefined> {
    let sum = this.#sums.get(workspace);
    if (sum === undefined) {
      sum = new Variable<ChangesSum | undefined>(undefined);
      this.#sums.set(workspace, sum);
    }
    return sum;
  }

  /** Keeps the sum current until the returned function is called. */
  want(workspace: string): () => void {
    this.#wanted.set(workspace, (this.#wanted.get(workspace) ?? 0) + 1);
    this.#next();
    return () => {
      const left = (this.#wanted.get(workspace) ?? 1) - 1;
      if (left > 0) this.#wanted.set(workspace, left);
      else this.#wanted.delete(workspace);
    };
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#leave();
    clearTimeout(this.#timer);
  }

  #onEvent({ type, workspace }: BerthEvent): void {
    if (workspace === undefined) return;
    if (type === "workspace.deleted") {
      this.#sums.delete(workspace);
      this.#freeAt.delete(workspace);
    }
    if (type === "operation.started") this.#busy.add(workspace);
    else if (type.startsWith("operation.")) this.#busy.delete(workspace);
    if (!/^(?:operation\.|process\.(?:exited|executed)|files?\.|workspace\.)/.test(type)) return;
    this.#fresh.delete(workspace);
    this.#nextIn(SETTLE_MS);
  }

  #nextIn(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#next();
    }, ms);
  }

  #next(): void {
    for (const id of this.#wanted.keys()) {
      if (this.#running.size >= AT_ONCE) return;
      if (this.#fresh.has(id) || this.#running.has(id) || this.#busy.has(id)) continue;
      if ((this.#freeAt.get(id) ?? 0) <= performance.now()) void this.#ask(id);
      else this.#nextIn(SETTLE_MS);
    }
  }

  async #ask(workspace: string): Promise<void> {
    const { signal } = this.#stop;
    const since = performance.now();
    this.#running.add(workspace);
    this.#fresh.add(workspace);
    try {
      const params = { path: { workspace }, query: { base: "trunk" } };
      const found = await this.#client.get("/v1/workspaces/{workspace}/changes", { params, signal });
      const { added, deleted, files } = found;
      this.sumOf(workspace).set({ added, deleted, files: files.length });
    } catch {
      // A figure that is not to be had is not shown; health and the view of changes say why.
      this.sumOf(workspace).set(undefined);
    } finally {
      this.#running.delete(workspace);
      const now = performance.now();
      this.#freeAt.set(workspace, now + Math.max(REST_MS, REST_FOR_ANSWER * (now - since)));
      if (!signal.aborted) this.#next();
    }
  }
}
