import type * as z from "zod";
import type { BerthEvent } from "../contract/events.ts";
import type { event } from "./events.ts";

export type EventJson = z.infer<typeof event>;

export function eventToJson(stored: BerthEvent, hash: string): EventJson {
  return {
    sequence: stored.sequence,
    time: stored.time,
    type: stored.type,
    message: stored.message,
    runtime: stored.runtime,
    workspace: stored.workspace,
    process_id: stored.processId,
    cause: stored.cause,
    actor: stored.actor,
    data: stored.data,
    hash,
  };
}

export function eventFromJson(json: EventJson): BerthEvent {
  return {
    sequence: json.sequence,
    time: json.time,
    type: json.type,
    message: json.message,
    runtime: json.runtime,
    workspace: json.workspace,
    processId: json.process_id,
    cause: json.cause,
    actor: json.actor,
    data: json.data,
  };
}
