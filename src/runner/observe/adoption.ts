import type { EventLog } from "../../events/event-log.ts";

const SELECTED = "runtime.selected";
const CREATED = "workspace.created";
const PAGE = 1_000;
/** Types of runtimes that are told apart; there are a handful. */
const MAX_TYPES = 50;

/** Which types of runtimes are used how often, by the log of events: of the command line and all runners of it. */
export interface Adoption {
  /** Time of the first event that was counted; undefined: none was. */
  readonly since: string | undefined;
  /** Numbers by type of runtime. */
  readonly selections: ReadonlyMap<string, number>;
  readonly creations: ReadonlyMap<string, number>;
}

/** Counts what the log holds: all of it the first time, then what came since. */
export function adoptionOf(events: Pick<EventLog, "read">): () => Promise<Adoption> {
  const selections = new Map<string, number>();
  const creations = new Map<string, number>();
  let since: string | undefined;
  let after = 0;
  let reading: Promise<void> | undefined;
  const read = async (): Promise<void> => {
    for (;;) {
      const page = await events.read({ types: [SELECTED, CREATED], after, limit: PAGE });
      for (const { event } of page) {
        const type = event.data?.[event.type === SELECTED ? "type" : "runtime"];
        after = event.sequence;
        if (typeof type !== "string") continue;
        since ??= event.time;
        if (event.type === SELECTED) add(selections, type);
        else add(creations, type);
      }
      if (page.length < PAGE) return;
    }
  };
  return async () => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    await reading;
    return { since, selections: new Map(selections), creations: new Map(creations) };
  };
}

function add(counts: Map<string, number>, type: string): void {
  const key = counts.has(type) || counts.size < MAX_TYPES ? type : "other";
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
