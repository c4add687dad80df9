import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { RunnerMetrics } from "../context.ts";
import { METRICS, type MetricName } from "./metric-table.ts";

/** Combinations of labels a metric; what comes beyond is counted as "other". */
const MAX_SERIES = 250;
const OTHER = "other";
/** The newest calls, for the figures of an overview. */
const RECENT_CALLS = 1_000;

type Labels = Readonly<Record<string, string>>;

/** Metrics as the runner keeps them. */
export interface KeptMetrics extends RunnerMetrics {
  /** Text format of Prometheus. */
  text(): Promise<string>;
  readonly contentType: string;
  /** Sum over all labels that fit. */
  total(name: MetricName, labels?: Labels): number;
  /** Takes all values of a gauge back, before it is set anew. */
  clear(name: MetricName): void;
  /** Milliseconds that the newest calls took. */
  callMs(quantile: number): number;
}

/** One registry a runner: several may live in one program. */
export function createMetrics(): KeptMetrics {
  return new Metrics();
}

class Metrics implements KeptMetrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();
  /** By metric: its combinations of labels, with their values. */
  readonly #series = new Map<string, Map<string, { readonly labels: Labels; value: number }>>();
  readonly #recent: number[] = [];
  #next = 0;

  constructor() {
    const registers = [this.#registry];
    for (const [name, entry] of Object.entries(METRICS)) {
      const options = { name, help: entry.help, labelNames: [...entry.labels], registers };
      if (entry.kind === "counter") this.#counters.set(name, new Counter(options));
      else if (entry.kind === "gauge") this.#gauges.set(name, new Gauge(options));
      else this.#histograms.set(name, new Histogram({ ...options, buckets: [...entry.buckets] }));
      this.#series.set(name, new Map());
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  count(name: MetricName, labels: Labels = {}, by = 1): void {
    if (!(by > 0)) return;
    const series = this.#bounded(name, labels);
    series.value += by;
    this.#counters.get(name)?.inc(series.labels, by);
  }

  gauge(name: MetricName, value: number, labels: Labels = {}): void {
    const series = this.#bounded(name, labels);
    series.value = value;
    this.#gauges.get(name)?.set(series.labels, value);
  }

  observe(name: MetricName, seconds: number, labels: Labels = {}): void {
    const series = this.#bounded(name, labels);
    series.value += 1;
    this.#histograms.get(name)?.observe(series.labels, seconds);
    if (name !== "berth_request_seconds") return;
    this.#recent[this.#next] = seconds * 1000;
    this.#next = (this.#next + 1) % RECENT_CALLS;
  }

  /** The series of these labels; of the metric's own ones only, so that a slip never makes a metric invalid. */
  #bounded(name: MetricName, given: Labels): { readonly labels: Labels; value: number } {
    const known = this.#series.get(name) ?? new Map<string, { labels: Labels; value: number }>();
    const names: readonly string[] = METRICS[name].labels;
    let values = names.map((label) => given[label] ?? "");
    let key = JSON.stringify(values);
    if (!known.has(key) && known.size >= MAX_SERIES) {
      values = names.map(() => OTHER);
      key = JSON.stringify(values);
    }
    let series = known.get(key);
    if (series === undefined) {
      series = { labels: Object.fromEntries(names.map((label, at) => [label, values[at] ?? ""])), value: 0 };
      known.set(key, series);
    }
    return series;
  }

  total(name: MetricName, wanted: Labels = {}): number {
    let sum = 0;
    for (const { labels, value } of this.#series.get(name)?.values() ?? []) {
      if (Object.entries(wanted).every(([label, text]) => labels[label] === text)) sum += value;
    }
    return sum;
  }

  clear(name: MetricName): void {
    this.#series.get(name)?.clear();
    this.#gauges.get(name)?.reset();
  }

  callMs(quantile: number): number {
    const sorted = [...this.#recent].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? 0;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
