import {
  type BerthEvent,
  type components,
  isBerthError,
  type RunnerClient,
} from "../../../src/client/index.ts";
import { Changes } from "./changes.ts";
import { Variable } from "./observable.ts";
import { signedOut } from "./session.ts";
import { Work } from "./work.ts";

export type Workspace = components["schemas"]["Workspace"];
export type Overview = components["schemas"]["Overview"];
export type PlaceHealth = Overview["places"][number];
export type Operation = components["schemas"]["Operation"];
export type Process = components["schemas"]["Process"];

/** How the page hears from the runner. */
export type Link =
  | { readonly state: "connecting" | "live" }
  | { readonly state: "lost"; readonly since: number };

/** Changes come in bursts; what they are about is asked for once behind them. */
const GATHER_MS = 120;
/** Newest events that are kept for the views that show what happens. */
const RECENT_EVENTS = 500;

/** What the page knows of the runner: asked for once, and again where an event says that it is another one. */
export class Store implements Disposable {
  readonly client: RunnerClient;
  readonly link = new Variable<Link>({ state: "connecting" });
  readonly workspaces = new Variable<readonly Workspace[] | undefined>(undefined);
  /** Health and figures of each place, with the moment of the look: countdowns start there. */
  readonly overview = new Variable<{ readonly at: number; readonly value: Overview } | undefined>(undefined);
  /** Running and lately ended, the newest first. */
  readonly operations = new Variable<readonly Operation[]>([]);
  /** The oldest first. */
  readonly recent = new Variable<readonly BerthEvent[]>([]);
  /** Operations as they run. */
  readonly work: Work;
  /** Sums of what workspaces have changed. */
  readonly changes: Changes;
  readonly #listeners = new Set<(event: BerthEvent) => void>();
  readonly #stop = new AbortController();
  readonly #wanted = new Set<Part>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: RunnerClient) {
    this.client = client;
    this.work = new Work(client, this.operations, () => this.refresh("operations", "workspaces", "overview"));
    this.changes = new Changes(client, (listener) => this.onEvent(listener));
    void this.#run();
  }

  /** Told of every event as it comes. */
  onEvent(listener: (event: BerthEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks again, in a moment, together with what else is to be asked. */
  refresh(...parts: readonly Part[]): void {
    for (const part of parts) this.#wanted.add(part);
    this.#timer ??= setTimeout(() => void this.#load(), GATHER_MS);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.work[Symbol.dispose]();
    this.changes[Symbol.dispose]();
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 5000)) {
      try {
        // The number first: what happens while the rest is asked for is told as an event.
        const { sequence } = await this.client.get("/v1/events/head", { signal });
        await this.#ask(new Set(["workspaces", "overview", "operations"]));
        this.link.set({ state: "live" });
        await this.#follow(sequence, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isBerthError(error, "auth.invalid") || isBerthError(error, "auth.missing")) {
          signedOut("The session has ended. Sign in again.");
          return;
        }
        if (this.link.get().state !== "lost") this.link.set({ state: "lost", since: Date.now() });
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  async #follow(after: number, signal: AbortSignal): Promise<void> {
    const onConnection = (state: "lost" | "restored") => {
      if (state === "lost") this.link.set({ state: "lost", since: Date.now() });
      else {
        this.link.set({ state: "live" });
        this.refresh("workspaces", "overview", "operations");
      }
    };
    for await (const event of this.client.events({ after, signal, onConnection })) {
      const recent = this.recent.get();
      this.recent.set([...recent.slice(Math.max(0, recent.length + 1 - RECENT_EVENTS)), event]);
      for (const part of partsOf(event.type)) this.refresh(part);
      for (const listener of [...this.#listeners]) listener(event);
    }
  }

  async #load(): Promise<void> {
    this.#timer = undefined;
    const parts = new Set(this.#wanted);
    this.#wanted.clear();
    try {
      await this.#ask(parts);
    } catch {
      // The stream of events notices that the runner is away, and asks for all of it when it is back.
    }
  }

  async #ask(parts: ReadonlySet<Part>): Promise<void> {
    const { signal } = this.#stop;
    const ask: Record<Part, () => Promise<void>> = {
      workspaces: async () => {
        const items: Workspace[] = [];
        for (let cursor: string | undefined; ; ) {
          const query = { limit: 1000, ...(cursor === undefined ? {} : { cursor }) };
          const page = await this.client.get("/v1/workspaces", { params: { query }, signal });
          items.push(...page.items);
          if (page.next === null) break;
          cursor = page.next;
        }
        this.workspaces.set(items);
      },
      overview: async () => {
        const value = await this.client.get("/v1/overview", { signal });
        this.overview.set({ at: Date.now(), value });
      },
      operations: async () => {
        const { items } = await this.client.get("/v1/operations", {
          params: { query: { limit: 50 } },
          signal,
        });
        this.operations.set(items);
      },
    };
    await Promise.all([...parts].map((part) => ask[part]()));
  }
}

type Part = "workspaces" | "overview" | "operations";

/** What an event may have changed. */
function partsOf(type: string): readonly Part[] {
  const room = type.slice(0, type.indexOf("."));
  if (room === "workspace" || room === "project") return ["workspaces", "overview"];
  if (room === "operation") return ["operations", "workspaces", "overview"];
  if (["place", "process", "connection", "attach", "runner"].includes(room)) return ["overview"];
  return [];
}
