import { errorToJson } from "../../api/json-errors.ts";
import { VERSION } from "../../contract/version.ts";
import type { RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { statsOf } from "./adoption.ts";
import { countBy, type FiguresSource } from "./figures.ts";
import type { KeptMetrics } from "./metrics.ts";

/** What the runner says of itself: figures for Prometheus, adoption, and how everything is now. */
export function observeHandlers(
  context: Pick<RunnerContext, "workspaces" | "events" | "instanceId" | "startedAt">,
  metrics: KeptMetrics,
  figures: FiguresSource,
): Handlers<"metrics" | "stats" | "overview"> {
  const stats = statsOf(context.events, context.workspaces);
  return {
    async metrics() {
      await figures.look();
      const text = await metrics.text();
      return { status: 200, stream: [text], headers: { "content-type": metrics.contentType } };
    },

    async stats() {
      return { status: 200, body: await stats() };
    },

    async overview({ caller }) {
      const now = await figures.look();
      const { user, system } = process.cpuUsage();
      const workspaces = now.workspaces.filter(({ id }) => caller.workspaces?.has(id) ?? true);
      const processes = workspaces.flatMap(({ id }) => now.processes.get(id) ?? []);
      const sessions = (role: string): number => metrics.total("berth_attach_sessions", { role });
      return {
        status: 200,
        body: {
          runner: {
            version: VERSION,
            instance_id: context.instanceId,
            pid: process.pid,
            started_at: context.startedAt,
            memory_bytes: process.memoryUsage.rss(),
            cpu_seconds: (user + system) / 1e6,
            event_loop_delay_ms: now.loopDelayMs,
            open_descriptors: now.openDescriptors ?? null,
          },
          places: workspaces.map((workspace) => {
            const health = now.health.get(workspace.id);
            const running = now.processes
              .get(workspace.id)
              ?.filter(({ state }) => state === "running").length;
            return {
              workspace: workspace.id,
              state: health?.state ?? ("idle" as const),
              error: health?.error === undefined ? null : errorToJson(health.error),
              retry_in_ms: health?.retryInMs ?? null,
              since: health?.since ?? context.startedAt,
              name: workspace.name,
              project: workspace.project.name,
              runtime: workspace.runtime.type,
              workspace_state: workspace.state,
              running: running ?? null,
              last_event_at: now.lastEvents.get(workspace.id) ?? null,
            };
          }),
          workspaces: Object.fromEntries(countBy(workspaces, ({ state }) => state)),
          processes: Object.fromEntries(countBy(processes, ({ state }) => state)),
          attach_sessions: { writers: sessions("writer"), viewers: sessions("viewer") },
          clients: {
            wire: metrics.total("berth_wire_clients"),
            streams: metrics.total("berth_stream_clients"),
          },
          requests: {
            total: metrics.total("berth_requests_total"),
            refused: metrics.total("berth_refusals_total"),
            running: metrics.total("berth_requests_running"),
            p50_ms: metrics.callMs(0.5),
            p99_ms: metrics.callMs(0.99),
          },
          bytes: {
            in: metrics.total("berth_bytes_total", { direction: "in" }),
            out: metrics.total("berth_bytes_total", { direction: "out" }),
          },
          events: { sequence: now.eventSequence, lag_ms: now.eventLagMs },
        },
      };
    },
  };
}
