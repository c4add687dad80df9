import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { ProcessInfo } from "../../contract/process.ts";
import { within } from "../../contract/within.ts";
import type { Workspace } from "../../contract/workspace.ts";
import type { PlaceHealth, RunnerContext } from "../context.ts";
import { LastEvents } from "./last-events.ts";
import type { KeptMetrics } from "./metrics.ts";

/** A place that does not answer must not hold up the figures of all others. */
const PLACE_MS = 1_000;
/** Several who look at once see the same. */
const FRESH_MS = 1_000;
const FLUSH_MS = 2_000;

/** What the runner is like at one moment. */
export interface Figures {
  readonly workspaces: readonly Workspace[];
  readonly health: ReadonlyMap<string, PlaceHealth>;
  /** By workspace, of places that answered. */
  readonly processes: ReadonlyMap<string, readonly ProcessInfo[]>;
  /** Time of the newest event of each workspace that has one. */
  readonly lastEvents: ReadonlyMap<string, string>;
  readonly eventSequence: number;
  readonly eventLagMs: number;
  readonly loopDelayMs: number;
  readonly openDescriptors: number | undefined;
}

export interface FiguresSource extends Disposable {
  /** Those of now, or of at most a second ago when nothing has happened since. The gauges are set to them. */
  look(): Promise<Figures>;
}

type Looked = Pick<RunnerContext, "workspaces" | "runtimes" | "events" | "startedAt">;

/** Looks at everything that is counted by looking at it, when somebody asks. */
export function figuresOf(context: Looked, metrics: KeptMetrics): FiguresSource {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const lastEvents = new LastEvents(context.events);
  let latest: { readonly at: number; readonly figures: Promise<Figures> } | undefined;
  const look = async (): Promise<Figures> => {
    const [workspaces, processes, { sequence, lagMs }] = await Promise.all([
      context.workspaces.list(),
      processesOf(context),
      eventsOf(context),
    ]);
    const figures: Figures = {
      workspaces,
      lastEvents: await lastEvents.look(
        workspaces.map(({ id }) => id),
        sequence,
      ),
      health: new Map(context.runtimes.health().map((one) => [one.workspace, one])),
      processes,
      eventSequence: sequence,
      eventLagMs: lagMs,
      loopDelayMs: loopDelay(delay.percentile(99)),
      openDescriptors: openDescriptors(),
    };
    for (const [quantile, ns] of [
      ["0.5", delay.percentile(50)],
      ["0.99", delay.percentile(99)],
      ["1", delay.max],
    ] as const) {
      metrics.gauge("berth_event_loop_delay_seconds", loopDelay(ns) / 1000, { quantile });
    }
    delay.reset();
    setGauges(metrics, context, figures);
    return figures;
  };
  const begin = (at: number): Promise<Figures> => {
    const begun = { at, figures: look() };
    latest = begun;
    begun.figures.catch(() => {
      if (latest === begun) latest = undefined;
    });
    return begun.figures;
  };
  return {
    async look() {
      for (;;) {
        const now = performance.now();
        const kept = latest;
        if (kept === undefined || now - kept.at > FRESH_MS) return begin(now);
        // Who was told of an event asks what it has changed.
        const [figures, { sequence }] = await Promise.all([kept.figures, context.events.head()]);
        if (figures.eventSequence >= sequence) return figures;
        if (latest === kept) return begin(performance.now());
      }
    },
    [Symbol.dispose]() {
      delay.disable();
    },
  };
}

/** The histogram measures its own timer of 10 ms with it; there is nothing in it right after a look. */
function loopDelay(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e6 - 10) : 0;
}

async function processesOf({ runtimes }: Looked): Promise<Map<string, readonly ProcessInfo[]>> {
  const found = new Map<string, readonly ProcessInfo[]>();
  const asked = [...runtimes.connected()].map(async ([id, runtime]) => {
    if (!runtime.capabilities.daemon) return;
    const all = await runtime.processes({ signal: AbortSignal.timeout(PLACE_MS) }).catch(() => undefined);
    // Workspaces may share a daemon.
    if (all !== undefined)
      found.set(
        id,
        all.filter(({ workspace }) => workspace === undefined || workspace === id),
      );
  });
  await Promise.all(asked);
  return found;
}

async function eventsOf({ events }: Looked): Promise<{ sequence: number; lagMs: number }> {
  const startedMs = performance.now();
  // What can't be written is told elsewhere; here it is a long time.
  await within(
    FLUSH_MS,
    events.flush().catch(() => new Promise(() => {})),
  );
  const lagMs = performance.now() - startedMs;
  const { sequence } = await events.head();
  return { sequence, lagMs };
}

/** Of this process, by /proc; undefined where there is none. */
function openDescriptors(): number | undefined {
  try {
    // The listing itself is one of them.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}

function setGauges(metrics: KeptMetrics, context: Looked, figures: Figures): void {
  metrics.gauge("berth_uptime_seconds", (Date.now() - Date.parse(context.startedAt)) / 1000, {});
  metrics.clear("berth_workspaces");
  const workspaces = countBy(figures.workspaces, ({ state, runtime }) =>
    JSON.stringify([state, runtime.type]),
  );
  for (const [key, count] of workspaces) {
    const [state, runtime] = JSON.parse(key) as [string, string];
    metrics.gauge("berth_workspaces", count, { state, runtime });
  }
  metrics.clear("berth_processes");
  for (const [state, count] of countBy([...figures.processes.values()].flat(), (info) => info.state)) {
    metrics.gauge("berth_processes", count, { state });
  }
  metrics.clear("berth_places");
  const health = [...figures.health.values()];
  for (const state of ["idle", "connecting", "connected", "waiting", "down"] as const) {
    metrics.gauge("berth_places", health.filter((one) => one.state === state).length, { state });
  }
  const longest = Math.max(0, ...health.map(({ retryInMs = 0 }) => retryInMs));
  metrics.gauge("berth_places_backoff_seconds", longest / 1000, {});
  metrics.gauge("berth_events_sequence", figures.eventSequence, {});
  metrics.gauge("berth_event_lag_seconds", figures.eventLagMs / 1000, {});
  const memory = process.memoryUsage();
  metrics.gauge("berth_memory_bytes", memory.rss, { kind: "rss" });
  metrics.gauge("berth_memory_bytes", memory.heapUsed, { kind: "heap_used" });
  metrics.gauge("berth_memory_bytes", memory.heapTotal, { kind: "heap_total" });
  metrics.gauge("berth_memory_bytes", memory.external, { kind: "external" });
  metrics.gauge("berth_memory_bytes", memory.arrayBuffers, { kind: "array_buffers" });
  const { user, system } = process.cpuUsage();
  metrics.gauge("berth_cpu_seconds", user / 1e6, { mode: "user" });
  metrics.gauge("berth_cpu_seconds", system / 1e6, { mode: "system" });
  if (figures.openDescriptors !== undefined)
    metrics.gauge("berth_open_descriptors", figures.openDescriptors, {});
}

export function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) {
    const key = keyOf(item);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
