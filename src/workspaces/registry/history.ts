import type { WorkspaceEvent } from "../../contract/workspace.ts";
import type { EventSink, StoredEvent } from "../../events/event-log.ts";

/** Events that are told of one workspace; an agent that works on it for a year makes fewer. */
const MAX_EVENTS = 10_000;

/**
 * What happened to workspaces, as part of the log of all events: its records of the types "workspace.*". It is kept as it
 * is given: who records puts no secrets into it.
 */
export class History {
  readonly #events: EventSink;

  constructor(events: EventSink) {
    this.#events = events;
  }

  /** It is on the disk when this returns. */
  async record(workspaceId: string, event: Pick<WorkspaceEvent, "type" | "message" | "data">): Promise<void> {
    this.#events.append({ ...event, workspace: workspaceId });
    await this.#events.flush();
  }

  async of(workspace: string): Promise<WorkspaceEvent[]> {
    const newest = { types: ["workspace"], limit: MAX_EVENTS, newest: true };
    return (await this.#events.read({ workspace, ...newest })).map(told).reverse();
  }
}

function told({ event: { time, type, message, workspace = "", data } }: StoredEvent): WorkspaceEvent {
  return { at: time, workspaceId: workspace, type, message, ...(data === undefined ? {} : { data }) };
}
