/** Upper bounds of calls, in seconds. */
const CALL_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;
/** Of what may take minutes. */
const WORK_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800] as const;

interface MetricEntry {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
  /** Of histograms, in seconds. */
  readonly buckets?: readonly number[];
}

/** Every metric of the runner (docs/observability.md). Labels never hold ids, names, paths or anything else without a bound. */
export const METRICS = {
  berth_info: { kind: "gauge", help: "1, with the runner's version.", labels: ["version"] },
  berth_uptime_seconds: { kind: "gauge", help: "Since the runner's start.", labels: [] },
  berth_requests_total: {
    kind: "counter",
    help: "Answered calls, by operation of the API and status.",
    labels: ["route", "status"],
  },
  berth_request_seconds: {
    kind: "histogram",
    help: "From a call's last header to the end of its answer.",
    labels: ["route"],
    buckets: CALL_BUCKETS,
  },
  berth_requests_running: { kind: "gauge", help: "Calls that are being answered.", labels: [] },
  berth_bytes_total: {
    kind: "counter",
    help: "Bytes of bodies and frames, by way (http, attach, wire, preview) and direction (in, out).",
    labels: ["way", "direction"],
  },
  berth_refusals_total: {
    kind: "counter",
    help: "Calls that were refused before anything was done, by error code.",
    labels: ["reason"],
  },
  berth_attach_sessions: { kind: "gauge", help: "Attached clients, by role.", labels: ["role"] },
  berth_attach_total: { kind: "counter", help: "Attachments in all, by role.", labels: ["role"] },
  berth_attach_gap_bytes_total: {
    kind: "counter",
    help: "Bytes that attached clients were told as a gap.",
    labels: [],
  },
  berth_attach_dropped_total: {
    kind: "counter",
    help: "Attached clients that the runner let go, by reason (silent, taken_over, stopping).",
    labels: ["reason"],
  },
  berth_mcp_sessions: { kind: "gauge", help: "Sessions of MCP clients.", labels: [] },
  berth_wire_clients: { kind: "gauge", help: "Clients of the wire protocol.", labels: [] },
  berth_stream_clients: {
    kind: "gauge",
    help: "Clients of streams (server-sent events, followed logs), by operation of the API.",
    labels: ["route"],
  },
  berth_processes: {
    kind: "gauge",
    help: "Processes by state, in places that are connected.",
    labels: ["state"],
  },
  berth_process_starts_total: {
    kind: "counter",
    help: "Processes that were started through the runner.",
    labels: [],
  },
  berth_workspaces: {
    kind: "gauge",
    help: "Workspaces by state and type of runtime.",
    labels: ["state", "runtime"],
  },
  berth_places: {
    kind: "gauge",
    help: "Places of workspaces by state of their connection.",
    labels: ["state"],
  },
  berth_places_backoff_seconds: {
    kind: "gauge",
    help: "Longest time until the next attempt at a place that failed.",
    labels: [],
  },
  berth_place_events_total: {
    kind: "counter",
    help: "What happened to connections of places (connected, restored, restarted, lost, down, closed).",
    labels: ["event"],
  },
  berth_operations_running: { kind: "gauge", help: "Operations that are under way.", labels: [] },
  berth_operations_total: {
    kind: "counter",
    help: "Operations that have ended, by kind and outcome (succeeded, failed, cancelled).",
    labels: ["kind", "outcome"],
  },
  berth_operation_seconds: {
    kind: "histogram",
    help: "Duration of operations by kind.",
    labels: ["kind"],
    buckets: WORK_BUCKETS,
  },
  berth_events_total: {
    kind: "counter",
    help: "Events handed to the log by this runner, by the first word of their type.",
    labels: ["type"],
  },
  berth_events_sequence: { kind: "gauge", help: "Number of the log's last event.", labels: [] },
  berth_event_lag_seconds: {
    kind: "gauge",
    help: "How long what was handed to the log just now takes to be on the disk.",
    labels: [],
  },
  berth_event_loop_delay_seconds: {
    kind: "gauge",
    help: "How late the runner's event loop is, since the last look (quantiles 0.5, 0.99, 1).",
    labels: ["quantile"],
  },
  berth_memory_bytes: {
    kind: "gauge",
    help: "Memory by kind (rss, heap_used, heap_total, external, array_buffers).",
    labels: ["kind"],
  },
  berth_cpu_seconds: {
    kind: "gauge",
    help: "Processor time of the runner (user, system).",
    labels: ["mode"],
  },
  berth_open_descriptors: { kind: "gauge", help: "Open file descriptors.", labels: [] },
} as const satisfies Readonly<Record<`berth_${string}`, MetricEntry>>;

type Table = typeof METRICS;
export type MetricName = keyof Table;
type OfKind<Kind> = { [Name in MetricName]: Table[Name]["kind"] extends Kind ? Name : never }[MetricName];
export type CounterName = OfKind<"counter">;
export type GaugeName = OfKind<"gauge">;
export type HistogramName = OfKind<"histogram">;

/** Values of exactly the labels that the table gives a metric. */
export type LabelsOf<Name extends MetricName> = Readonly<Record<Table[Name]["labels"][number], string>>;

/** The table of docs/observability.md. */
export function metricsTable(): string {
  const rows = Object.entries(METRICS).map(([name, { kind, labels, help }]) => {
    const list = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${kind} | ${list} | ${help} |`;
  });
  return `| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`;
}
