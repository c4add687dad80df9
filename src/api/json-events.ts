import type * as z from "zod";
import type { BerthEvent } from "../contract/events.ts";
import type { event } from "./events.ts";

export type EventJson = z.infer<typeof event>;

export function eventFromJson(json: EventJson): BerthEvent {
  return {
    sequence: json.sequence,
    time: json.time,
    type: json.type,
    message: json.message,
    runtime: json.runtime,
    workspace: json.workspace,
    processId: json.process_id,
    source: json.source,
    cause: json.cause,
    actor: json.actor,
    data: json.data,
  };
}

/** A stored event as the API tells it. */
export function eventToJson({
  event: { processId, data, ...event },
  hash,
}: {
  readonly event: BerthEvent;
  readonly hash: string;
}): EventJson {
  return {
    ...event,
    ...(processId === undefined ? {} : { process_id: processId }),
    ...(data === undefined ? {} : { data: { ...data } }),
    hash,
  };
}
