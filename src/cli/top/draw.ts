import type * as z from "zod";
import type { overview } from "../../api/runner.ts";
import { formatDuration } from "../../contract/duration.ts";
import { clip, formatBytes, table, visible } from "../print.ts";

export type Overview = z.infer<typeof overview>;
type Place = Overview["places"][number];

export const SORTS = ["name", "trouble", "processes"] as const;
export type Sort = (typeof SORTS)[number];

/** An overview with the moment at which it came, in milliseconds. */
export interface Look {
  readonly at: number;
  readonly overview: Overview;
}

export interface Drawing {
  readonly url: string;
  readonly now: Look;
  /** The one before: rates are between the two. */
  readonly before: Look | undefined;
  readonly sort: Sort;
  /** Wall clock in milliseconds. */
  readonly time: number;
  readonly columns: number;
}

/** How the runner is, a line each. */
export function headLines({ url, now, before, time, columns }: Drawing): string[] {
  const { runner, requests, bytes, events, attach_sessions: attached, clients } = now.overview;
  const rates = ratesOf(now, before);
  const up = formatDuration(Math.max(0, time - Date.parse(runner.started_at)));
  const perSecond = (value: number | undefined): string => (value === undefined ? "-" : rounded(value));
  const bytesRate = (value: number | undefined): string =>
    value === undefined ? "-" : `${formatBytes(Math.round(value))}/s`;
  const descriptors = runner.open_descriptors === null ? [] : [`descriptors ${runner.open_descriptors}`];
  return [
    [`berth ${runner.version}`, url, `up ${up}`, `process ${runner.pid}`],
    [
      `memory ${formatBytes(runner.memory_bytes)}`,
      `cpu ${rates.cpu === undefined ? "-" : `${Math.round(rates.cpu * 100)} %`}`,
      `loop ${rounded(runner.event_loop_delay_ms)} ms late`,
      ...descriptors,
    ],
    [
      `calls ${perSecond(rates.requests)}/s`,
      `p50 ${rounded(requests.p50_ms)} ms`,
      `p99 ${rounded(requests.p99_ms)} ms`,
      `refused ${requests.refused}`,
      `in ${bytesRate(rates.bytesIn)}`,
      `out ${bytesRate(rates.bytesOut)}`,
    ],
    [
      `attached ${counted(attached.writers, "writer")}, ${counted(attached.viewers, "viewer")}`,
      `wire ${clients.wire}`,
      `streams ${clients.streams}`,
      `events ${events.sequence}, ${rounded(events.lag_ms)} ms to the disk`,
    ],
    [
      `processes ${numbers(now.overview.processes)}`,
      `workspaces ${numbers(now.overview.workspaces)}`,
      `bytes in all ${formatBytes(bytes.in + bytes.out)}`,
    ],
  ].map((parts) => clip(visible(parts.join("  ")), columns));
}

/** The places, the head of the table first. */
export function placeLines({ now, sort, time, columns }: Drawing): string[] {
  const { places } = now.overview;
  const rows = sorted(places, sort).map((place) => [
    `${place.project}/${place.name}`,
    place.runtime,
    place.workspace_state,
    placeState(place),
    place.running === null ? "-" : String(place.running),
    place.state === "idle" ? "" : formatDuration(Math.max(0, time - Date.parse(place.since))),
  ]);
  return table([["WORKSPACE", "RUNTIME", "STATE", "PLACE", "RUNNING", "SINCE"], ...rows], columns)
    .trimEnd()
    .split("\n");
}

function placeState({ state, error, retry_in_ms: retryInMs }: Place): string {
  const wait = retryInMs === null ? "" : ` ${Math.ceil(retryInMs / 1000)} s`;
  return `${state}${wait}${error === null ? "" : `: ${error.code}`}`;
}

const TROUBLE: Readonly<Record<Place["state"], number>> = {
  down: 0,
  waiting: 1,
  connecting: 2,
  connected: 3,
  idle: 4,
};

function sorted(places: readonly Place[], sort: Sort): Place[] {
  const byName = (a: Place, b: Place): number =>
    a.project.localeCompare(b.project) || a.name.localeCompare(b.name);
  const running = ({ running }: Place): number => running ?? -1;
  return [...places].sort((a, b) => {
    if (sort === "trouble") return TROUBLE[a.state] - TROUBLE[b.state] || byName(a, b);
    if (sort === "processes") return running(b) - running(a) || byName(a, b);
    return byName(a, b);
  });
}

interface Rates {
  readonly requests: number | undefined;
  readonly bytesIn: number | undefined;
  readonly bytesOut: number | undefined;
  /** Of one processor. */
  readonly cpu: number | undefined;
}

/** A second, between two looks at the same runner. */
function ratesOf(now: Look, before: Look | undefined): Rates {
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1000;
  const same = before?.overview.runner.instance_id === now.overview.runner.instance_id;
  const rate = (of: (overview: Overview) => number): number | undefined =>
    before === undefined || !same || seconds <= 0
      ? undefined
      : Math.max(0, of(now.overview) - of(before.overview)) / seconds;
  return {
    requests: rate(({ requests }) => requests.total),
    bytesIn: rate(({ bytes }) => bytes.in),
    bytesOut: rate(({ bytes }) => bytes.out),
    cpu: rate(({ runner }) => runner.cpu_seconds),
  };
}

function rounded(value: number): string {
  return value < 10 ? String(Math.round(value * 10) / 10) : String(Math.round(value));
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

function numbers(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([state, count]) => `${count} ${state}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}
