import type { BerthEventInput } from "../../contract/events.ts";
import type { RunnerMetrics } from "../context.ts";

/** Counts what an event tells, so that nobody has to tell it twice. */
export function countEvent(metrics: RunnerMetrics, { type, data }: BerthEventInput): void {
  const [first = "", second = ""] = type.split(".");
  metrics.count("berth_events_total", { type: first });
  if (first !== "place") return;
  const event = data?.restored === true ? "restored" : data?.restarted === true ? "restarted" : second;
  metrics.count("berth_place_events_total", { event });
}
