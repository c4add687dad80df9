import { AsyncLocalStorage } from "node:async_hooks";
import { berthError } from "../../contract/errors.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { type Clock, systemClock } from "../../transports/ssh/clock.ts";
import type { Workspaces } from "../../workspaces/api.ts";
import type { PlaceHealth, RuntimeLease, RuntimePool } from "../context.ts";
import { configurationOf, Place } from "./place.ts";
import { Shared } from "./shared.ts";

const DEFAULT_IDLE_MS = 300_000;
/** How often what other programs did to workspaces is looked for, while something is open. */
const LOOK_MS = 10_000;

export interface PoolOptions {
  readonly workspaces: Pick<Workspaces, "open" | "list">;
  readonly emit: (event: BerthEventInput) => void;
  /** Milliseconds without a lease, behind which a place that nothing runs in is closed. Default 5 minutes. */
  readonly idleMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * The runner's open runtimes. Nothing is opened before it is needed, and no place waits for another one. Made outside of
 * any call, as what happens later in places has none as its cause.
 */
export function createRuntimePool(options: PoolOptions): RuntimePool {
  return new Pool(options);
}

class Pool implements RuntimePool {
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #apart = AsyncLocalStorage.snapshot();
  readonly #places = new Map<string, Place>();
  /** All that have something open, also those that are used to their end beside a newer one. */
  readonly #open = new Set<Place>();
  readonly #setUps = new Map<string, Shared<void>>();
  readonly #stop = new AbortController();
  #cancelLook: (() => void) | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async lease(
    workspace: Workspace,
    signal?: AbortSignal,
    { retry, now = false }: { readonly retry?: boolean; readonly now?: boolean } = {},
  ): Promise<RuntimeLease> {
    if (!now && isBeingSetUp(workspace)) await this.#setUp(workspace.id, signal);
    if (this.#stop.signal.aborted) throw berthError("runner.stopping");
    return await this.#placeOf(workspace).lease({ signal, retry });
  }

  #placeOf(workspace: Workspace): Place {
    const known = this.#places.get(workspace.id);
    if (known !== undefined && this.#isCurrent(known, workspace)) return known;
    const place = new Place(workspace, this.#apart, {
      workspaces: this.#options.workspaces,
      emit: this.#options.emit,
      clock: this.#clock,
      idleMs: this.#options.idleMs ?? DEFAULT_IDLE_MS,
      onClosed: (closed) => {
        if (this.#places.get(closed.workspaceId) === closed) this.#places.delete(closed.workspaceId);
      },
    });
    this.#places.set(workspace.id, place);
    this.#open.add(place);
    void place.closed.then(() => this.#open.delete(place));
    this.#lookLater();
    return place;
  }

  /** Whether a place is still that of the workspace; else it is on its way out. An older look changes nothing. */
  #isCurrent(place: Place, workspace: Workspace): boolean {
    if (workspace.updatedAt < place.revision) return true;
    const isNewer = workspace.updatedAt > place.revision;
    place.revision = workspace.updatedAt;
    if (workspace.state === "stopped" && isNewer) void place.close("ended");
    else if (configurationOf(workspace) !== place.configuration) this.#retire(place);
    else return true;
    return false;
  }

  #retire(place: Place): void {
    if (this.#places.get(place.workspaceId) === place) this.#places.delete(place.workspaceId);
    void place.retire();
  }

  /** Waits for the set-up of a workspace; one whose Berth has died is taken up. */
  async #setUp(id: string, signal: AbortSignal | undefined): Promise<void> {
    let shared = this.#setUps.get(id);
    if (shared === undefined) {
      shared = new Shared();
      this.#setUps.set(id, shared);
    }
    const work = (given: AbortSignal) =>
      this.#apart(async () => {
        const all = AbortSignal.any([given, this.#stop.signal]);
        const runtime = await this.#options.workspaces.open(id, { directory: null, signal: all });
        await runtime.close();
      });
    try {
      await shared.join(work, signal);
    } finally {
      if (!shared.isBusy) this.#setUps.delete(id);
    }
  }

  health(): readonly PlaceHealth[] {
    return [...this.#places.values()].map(({ health }) => health);
  }

  connected(): ReadonlyMap<string, Runtime> {
    const found = new Map<string, Runtime>();
    for (const [id, { connected }] of this.#places) if (connected !== undefined) found.set(id, connected);
    return found;
  }

  async drop(workspaceId: string, { whenFree = false } = {}): Promise<void> {
    const place = this.#places.get(workspaceId);
    if (whenFree) {
      if (place !== undefined) this.#retire(place);
      return;
    }
    const all = [...this.#open].filter((open) => open.workspaceId === workspaceId);
    await Promise.all(all.map((open) => open.close("ended")));
  }

  #lookLater(): void {
    if (this.#stop.signal.aborted) return;
    this.#cancelLook ??= this.#clock.after(LOOK_MS, () => void this.#apart(() => this.#look()), {
      background: true,
    });
  }

  /** What others did: the command line, or another program of the user. */
  async #look(): Promise<void> {
    try {
      const found = new Map((await this.#options.workspaces.list()).map((one) => [one.id, one] as const));
      for (const place of this.#open) {
        const workspace = found.get(place.workspaceId);
        if (workspace === undefined) void place.close("ended");
        else if (this.#places.get(place.workspaceId) === place) this.#isCurrent(place, workspace);
      }
    } catch {
      // The database is busy: the next look tells.
    }
    this.#cancelLook = undefined;
    if (this.#open.size > 0) this.#lookLater();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(berthError("runner.stopping"));
    this.#cancelLook?.();
    await Promise.all([...this.#open].map((place) => place.close("stopping")));
  }
}

function isBeingSetUp({ state, operation }: Workspace): boolean {
  return state === "initializing" || (state === "creating" && operation?.alive === true);
}
