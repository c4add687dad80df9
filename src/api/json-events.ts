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
    cause: json.cause,
    actor: json.actor,
    data: json.data,
  };
}
