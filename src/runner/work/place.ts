import { AsyncLocalStorage } from "node:async_hooks";
import { BerthError, berthError, isBerthError, toBerthError } from "../../contract/errors.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { backoffMs } from "../../runtimes/retry.ts";
import { abortedError } from "../../transports/abort.ts";
import type { Clock } from "../../transports/ssh/clock.ts";
import type { Workspaces } from "../../workspaces/api.ts";
import type { PlaceHealth, RuntimeLease } from "../context.ts";
import { traced } from "../observe/tracing.ts";
import { Shared } from "./shared.ts";

/** Between attempts to reach a place that failed: 1 s at first, then longer, at most a minute. */
const RETRY = { baseMs: 1_000, maxMs: 60_000, floor: 0.75 };
/** How long a host that does not let in now is waited for, before it counts as a failure. */
const MAX_WAIT_MS = 3_000;

export interface PlaceOptions {
  readonly workspaces: Pick<Workspaces, "open">;
  readonly emit: (event: BerthEventInput) => void;
  readonly clock: Clock;
  /** Milliseconds without a lease, behind which a place that nothing runs in is closed. */
  readonly idleMs: number;
  /** Told once, when the place is of no use any more. */
  readonly onClosed: (place: Place) => void;
}

export interface LeaseOptions {
  readonly signal?: AbortSignal | undefined;
  /** Tries although the place failed a moment ago. Default false. */
  readonly retry?: boolean | undefined;
}

/**
 * The runtime of one workspace as it is configured now: opened once for all, its connection looked after, closed when
 * nobody has needed it for a while. Events carry the workspace; those of the connection are told as events of the place.
 */
export class Place {
  readonly workspaceId: string;
  /** What the runtime was opened with; see `configurationOf`. */
  readonly configuration: string;
  /** Of the newest look at the workspace. */
  revision: string;
  readonly #options: PlaceOptions;
  readonly #stop = new AbortController();
  /** Begins work that belongs to no call: what happens in it later has no call as its cause. */
  readonly #apart: <R>(work: () => R) => R;
  readonly #attempts = new Shared<void>();
  #runtime: Runtime | undefined;
  #state: PlaceHealth["state"] = "idle";
  #since = new Date().toISOString();
  #error: BerthError | undefined;
  /** Code of the reason that was told last, until it is connected again. */
  #told: string | undefined;
  /** Of the clock: before it, failures are answered at once. */
  #retryAt = 0;
  #failures = 0;
  #leases = 0;
  /** Of the clock: when the last lease was given back. */
  #unusedSince: number;
  #retired = false;
  #cancelIdle: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  readonly #closed = Promise.withResolvers<void>();
  #closing: Promise<void> | undefined;

  constructor(workspace: Workspace, apart: <R>(work: () => R) => R, options: PlaceOptions) {
    this.workspaceId = workspace.id;
    this.configuration = configurationOf(workspace);
    this.revision = workspace.updatedAt;
    this.#apart = apart;
    this.#options = options;
    this.#unusedSince = options.clock.now();
  }

  get health(): PlaceHealth {
    const left = this.#retryAt - this.#options.clock.now();
    return {
      workspace: this.workspaceId,
      state: this.#state,
      since: this.#since,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(this.#state === "waiting" && left > 0 ? { retryInMs: Math.ceil(left) } : {}),
    };
  }

  /** The runtime, while its connection stands. */
  get connected(): Runtime | undefined {
    return this.#state === "connected" ? this.#runtime : undefined;
  }

  /** Settles when nothing is open any more. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** @throws what opening throws, at once while the place is left alone after a failure; operation.aborted */
  async lease({ signal, retry = false }: LeaseOptions): Promise<RuntimeLease> {
    this.#leases += 1;
    try {
      if (this.#state !== "connected") {
        this.#refuseEarly(retry);
        await this.#reachOrOpen(signal);
      }
      if (this.#runtime === undefined) throw abortedError(this.#stop.signal);
      return this.#leased(this.#runtime);
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  #leased(runtime: Runtime): RuntimeLease {
    let held = true;
    return {
      runtime,
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#release();
      },
    };
  }

  #release(): void {
    this.#leases -= 1;
    this.#unusedSince = this.#options.clock.now();
    if (this.#leases > 0 || this.#closing !== undefined) return;
    if (this.#retired) void this.close("changed");
    else this.#closeWhenIdle();
  }

  #refuseEarly(retry: boolean): void {
    const left = this.#retryAt - this.#options.clock.now();
    if (this.#error !== undefined && left > 0 && !retry) throw refusal(this.#error, left);
  }

  /** A container that was stopped while it was open is started for who needs it; nobody else starts it. */
  async #reachOrOpen(signal: AbortSignal | undefined): Promise<void> {
    const wasOpen = this.#runtime !== undefined;
    try {
      await this.#reach(signal);
    } catch (error) {
      if (!wasOpen || this.#runtime !== undefined || !hasStopped(error)) throw error;
      await this.#reach(signal);
    }
  }

  #reach(signal: AbortSignal | undefined): Promise<void> {
    return this.#attempts.join((given) => this.#attempt(AbortSignal.any([given, this.#stop.signal])), signal);
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    // What is told about this attempt has the call that it is made for as its cause.
    const inside = AsyncLocalStorage.snapshot();
    const before = this.#runtime;
    this.#to("connecting", this.#error);
    try {
      if (signal.aborted) throw abortedError(signal);
      // A connection that was lost is dialled again by whatever is asked.
      if (before !== undefined) await before.processes({ signal });
      else {
        const about = { "berth.workspace": this.workspaceId };
        await traced("place.open", about, () => this.#apart(() => this.#open(signal)));
      }
    } catch (cause) {
      const error = toBerthError(cause, "runner");
      inside(() => this.#failed(error, signal));
      throw error;
    }
    inside(() => this.#connected());
  }

  async #open(signal: AbortSignal): Promise<void> {
    const runtime = await this.#options.workspaces.open(this.workspaceId, {
      directory: null,
      waitForInit: false,
      maxWaitMs: MAX_WAIT_MS,
      signal,
      onEvent: (event) => this.#onEvent(event),
    });
    if (this.#closing === undefined) this.#runtime = runtime;
    else {
      await runtime.close().catch(() => undefined);
      throw abortedError(this.#stop.signal);
    }
  }

  #connected(data: Readonly<Record<string, unknown>> = {}): void {
    const news = this.#state !== "connected" && this.#closing === undefined;
    this.#failures = 0;
    this.#retryAt = 0;
    this.#told = undefined;
    this.#cancelRetry?.();
    if (!news) return;
    this.#to("connected", undefined);
    this.#tell("place.connected", `connected to ${this.#name()}`, data);
    this.#closeWhenIdle();
  }

  #failed(error: BerthError, signal: AbortSignal): void {
    if (this.#closing !== undefined || this.#state === "connected") return;
    if (signal.aborted || !isOfThePlace(error)) {
      // Says nothing about the place: nobody wanted it any more, or the workspace is not to be opened now.
      this.#to(this.#runtime === undefined ? "idle" : "waiting", undefined);
      this.#closeWhenIdle();
      return;
    }
    // That a host is left alone for a moment is no reason of its own: it was away before, for the one that was told.
    const isNews = this.#told === undefined || ![this.#told, "ssh.waiting"].includes(error.code);
    // Opening it anew is another thing than dialling it was, and has not failed yet.
    const isToOpen = this.#runtime !== undefined && hasStopped(error);
    const delayMs = isToOpen ? 0 : backoffMs(this.#failures, RETRY);
    if (!isToOpen) this.#failures += 1;
    this.#retryAt = this.#options.clock.now() + delayMs;
    this.#to(error.retryable ? "waiting" : "down", error);
    if (isNews) {
      this.#told = error.code;
      this.#tell("place.down", `${this.#name()} can't be reached: ${error.message}`, {
        code: error.code,
        retryInMs: Math.ceil(delayMs),
      });
    }
    // What can't come back by itself is opened anew by the next who needs it: a container that was stopped is started.
    if (!error.retryable || hasStopped(error)) this.#letGo();
    this.#retryLater(delayMs);
  }

  /** A connection that was open is looked after; a place that could not be opened waits for who needs it. */
  #retryLater(delayMs: number): void {
    this.#cancelRetry?.();
    if (this.#runtime === undefined) this.#closeWhenIdle();
    else this.#cancelRetry = this.#options.clock.after(delayMs, () => this.#retry(), { background: true });
  }

  #retry(): void {
    if (this.#runtime === undefined || this.#state === "connected") return;
    const { clock, idleMs } = this.#options;
    if (this.#leases === 0 && clock.now() - this.#unusedSince >= idleMs) void this.close("idle");
    else this.#reachInBackground();
  }

  #reachInBackground(): void {
    void this.#apart(() => this.#reach(undefined)).catch(() => undefined);
  }

  /** Events of the runtime, which come when they come. */
  #onEvent(event: BerthEventInput): void {
    const { type, message, runtime, data = {} } = event;
    if (type === "connection.retry" || this.#closing !== undefined) return;
    if (type === "connection.lost") {
      this.#to("waiting", undefined);
      this.#tell("place.lost", message, data, runtime);
      this.#reachInBackground();
    } else if (type === "connection.restored" || type === "connection.restarted") {
      this.#connected(type === "connection.restarted" ? { restarted: true } : { restored: true });
    } else {
      this.#options.emit({ ...event, workspace: this.workspaceId });
    }
  }

  #closeWhenIdle(): void {
    this.#cancelIdle?.();
    if (this.#leases > 0 || this.#closing !== undefined) return;
    const { clock, idleMs } = this.#options;
    const left = Math.max(0, this.#retryAt - clock.now());
    this.#cancelIdle = clock.after(left + idleMs, () => void this.#closeIfIdle(), { background: true });
  }

  /** What runs there goes on telling what happens to it. */
  async #closeIfIdle(): Promise<void> {
    const busy = await this.#somethingRuns();
    if (this.#leases > 0 || this.#closing !== undefined) return;
    if (busy) this.#closeWhenIdle();
    else await this.close("idle");
  }

  async #somethingRuns(): Promise<boolean> {
    const runtime = this.#runtime;
    if (runtime === undefined || !runtime.capabilities.resume || this.#state !== "connected") return false;
    try {
      const processes = await runtime.processes({ signal: this.#stop.signal });
      return processes.some(({ state }) => state === "running");
    } catch {
      return false;
    }
  }

  /** No new lease is given on it: it is closed with the last one. */
  retire(): Promise<void> {
    this.#retired = true;
    return this.#leases === 0 ? this.close("changed") : Promise.resolve();
  }

  /** Ends what is under way in it. Never rejects. */
  close(reason: "idle" | "changed" | "ended" | "stopping"): Promise<void> {
    this.#closing ??= this.#close(reason).finally(() => this.#closed.resolve());
    return this.#closing;
  }

  async #close(reason: string): Promise<void> {
    this.#cancelIdle?.();
    this.#cancelRetry?.();
    const was = this.#state;
    this.#to("idle", undefined);
    this.#stop.abort(berthError("runtime.closed", { context: { workspace: this.workspaceId } }));
    this.#options.onClosed(this);
    const runtime = this.#runtime;
    if (runtime === undefined) return;
    if (was === "connected") this.#tell("place.closed", `left ${runtime.description}`, { reason });
    await this.#apart(() => runtime.close()).catch(() => undefined);
  }

  /** The runtime is of no use any more. */
  #letGo(): void {
    const runtime = this.#runtime;
    this.#runtime = undefined;
    if (runtime !== undefined) void this.#apart(() => runtime.close()).catch(() => undefined);
  }

  #to(state: PlaceHealth["state"], error: BerthError | undefined): void {
    if (state !== this.#state) this.#since = new Date().toISOString();
    this.#state = state;
    this.#error = error;
  }

  #tell(
    type: string,
    message: string,
    data: Readonly<Record<string, unknown>>,
    runtime = this.#runtime?.description,
  ): void {
    this.#options.emit({ type, message, workspace: this.workspaceId, runtime, data });
  }

  #name(): string {
    return this.#runtime?.description ?? `the place of ${this.workspaceId}`;
  }
}

/** What a runtime of a workspace is opened with: when it changes, the runtime has to be another one. */
export function configurationOf({ name, branch, project, runtime, place }: Workspace): string {
  return JSON.stringify([name, branch, project.name, project.path, project.trusted, runtime, place]);
}

/** Failures of this machine's registry, and of a workspace that is being made or removed, are no reason to wait. */
function isOfThePlace({ code }: BerthError): boolean {
  return !/^(workspace|operation|store|config)\./.test(code) && code !== "runtime.closed";
}

function hasStopped(error: unknown): boolean {
  return isBerthError(error, "docker.container_not_running");
}

/** The failure again, with the time of the next attempt. */
function refusal(error: BerthError, leftMs: number): BerthError {
  const retryInMs = Math.ceil(leftMs);
  return new BerthError(
    {
      ...error.toJSON(),
      hint: `${error.hint} The next attempt is made in ${Math.ceil(leftMs / 1000)} s at the earliest.`,
      context: { ...error.context, retryInMs },
    },
    { cause: error },
  );
}
