import {
  type BerthEvent,
  type components,
  isBerthError,
  type RunnerClient,
} from "../../../src/client/index.ts";
import { pause } from "../../../src/client/retry.ts";
import { Asking } from "./asking.ts";
import { Changes } from "./changes.ts";
import { Variable } from "./observable.ts";
import { sessionOver } from "./session.ts";
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

/** What the page knows of the runner: asked for once, and again where an event says that it is another one. */
export class Store implements Disposable {
  readonly client: RunnerClient;
  readonly link = new Variable<Link>({ state: "connecting" });
  readonly workspaces = new Variable<readonly Workspace[] | undefined>(undefined);
  /** Health and figures of each place, with the moment of the look: countdowns start there. */
  readonly overview = new Variable<{ readonly at: number; readonly value: Overview } | undefined>(undefined);
  /** Running and lately ended, the newest first. */
  readonly operations = new Variable<readonly Operation[]>([]);
  /** Operations as they run. */
  readonly work: Work;
  /** Sums of what workspaces have changed. */
  readonly changes: Changes;
  readonly #listeners = new Set<(event: BerthEvent) => void>();
  readonly #stop = new AbortController();
  readonly #asking: Readonly<Record<Part, Asking>>;

  constructor(client: RunnerClient) {
    this.client = client;
    const asking = (part: Part) => new Asking(() => this.#askAgain(part), GATHER_MS);
    this.#asking = {
      workspaces: asking("workspaces"),
      overview: asking("overview"),
      operations: asking("operations"),
    };
    this.work = new Work(client, this.operations, () => this.refresh("operations", "workspaces", "overview"));
    this.changes = new Changes(client, (listener) => this.onEvent(listener));
    void this.#run();
  }

  /** Told of every event as it comes. */
  onEvent(listener: (event: BerthEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks again, in a moment. */
  refresh(...parts: readonly Part[]): void {
    for (const part of parts) this.#asking[part].soon();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.work[Symbol.dispose]();
    this.changes[Symbol.dispose]();
    for (const asking of Object.values(this.#asking)) asking[Symbol.dispose]();
    this.#listeners.clear();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 5000)) {
      try {
        // The number first: what happens while the rest is asked for is told as an event.
        const { sequence } = await this.client.get("/v1/events/head", { signal });
        await Promise.all(PARTS.map((part) => this.#ask(part)));
        this.link.set({ state: "live" });
        await this.#follow(sequence, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isBerthError(error, "auth.invalid") || isBerthError(error, "auth.missing")) {
          sessionOver();
          return;
        }
        if (this.link.get().state !== "lost") this.link.set({ state: "lost", since: Date.now() });
        await pause(wait, undefined);
      }
    }
  }

  async #follow(after: number, signal: AbortSignal): Promise<void> {
    const onConnection = (state: "lost" | "restored") => {
      if (state === "lost") this.link.set({ state: "lost", since: Date.now() });
      else {
        this.link.set({ state: "live" });
        this.refresh(...PARTS);
      }
    };
    for await (const event of this.client.events({ after, signal, onConnection })) {
      this.refresh(...partsOf(event.type));
      for (const listener of [...this.#listeners]) listener(event);
    }
  }

  async #askAgain(part: Part): Promise<void> {
    try {
      await this.#ask(part);
    } catch {
      // The stream of events notices that the runner is away, and asks for all of it when it is back.
    }
  }

  async #ask(part: Part): Promise<void> {
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
    await ask[part]();
  }
}

const PARTS = ["workspaces", "overview", "operations"] as const;
type Part = (typeof PARTS)[number];

/** What an event may have changed. */
function partsOf(type: string): readonly Part[] {
  const room = type.slice(0, type.indexOf("."));
  if (room === "workspace" || room === "project") return ["workspaces", "overview"];
  if (room === "operation") return ["operations", "workspaces", "overview"];
  if (["place", "process", "connection", "attach", "runner"].includes(room)) return ["overview"];
  return [];
}
