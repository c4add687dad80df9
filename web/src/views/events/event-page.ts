import type { components, operations, RunnerClient } from "../../../../src/client/index.ts";

/** An event as the log has it. */
export type EventRecord = components["schemas"]["Event"];
export type EventQuery = NonNullable<operations["listEvents"]["parameters"]["query"]>;

export interface EventPageRead {
  readonly items: readonly EventRecord[];
  /** `before` of the next page, newest first; null at the end. */
  readonly next: number | null;
}

/** A page of the log. @throws workspace.unknown, auth.*, runner.* */
export async function readEvents(
  client: RunnerClient,
  query: EventQuery,
  signal?: AbortSignal,
): Promise<EventPageRead> {
  // The call also answers as a stream, which nobody asks for here.
  const page: unknown = await client.get("/v1/events", {
    params: { query },
    ...(signal === undefined ? {} : { signal }),
  });
  return page as EventPageRead;
}
