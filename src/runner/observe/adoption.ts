import type * as z from "zod";
import type { stats } from "../../api/runner.ts";
import type { EventLog } from "../../events/event-log.ts";
import type { Workspaces } from "../../workspaces/api.ts";
import { countBy } from "./figures.ts";

const SELECTED = "runtime.selected";
const CREATED = "workspace.created";
const PAGE = 1_000;
/** Types of runtimes that are told apart; there are a handful. */
const MAX_TYPES = 50;

/**
 * Which types of runtimes are used how often, by the log of events: of the command line and all runners of it. Counts what
 * the log holds, all of it the first time, then what came since.
 */
export function statsOf(
  events: Pick<EventLog, "read">,
  workspaces: Pick<Workspaces, "list">,
): () => Promise<z.infer<typeof stats>> {
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
    const [all] = await Promise.all([workspaces.list(), reading]);
    return {
      since: since ?? null,
      workspaces: Object.fromEntries(countBy(all, ({ runtime }) => runtime.type)),
      selections: Object.fromEntries(selections),
      creations: Object.fromEntries(creations),
    };
  };
}

function add(counts: Map<string, number>, type: string): void {
  const key = counts.has(type) || counts.size < MAX_TYPES ? type : "other";
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
