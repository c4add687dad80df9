import type { EventLog } from "../../events/event-log.ts";

/** Events since the last look that are read at once; behind more of them every workspace is looked up. */
const PAGE = 200;

/** When something last happened in each workspace, by one step in the index of the log each; then only what is new. */
export class LastEvents {
  readonly #events: Pick<EventLog, "read">;
  /** undefined: looked up, and there is none. */
  readonly #times = new Map<string, string | undefined>();
  #sequence = 0;

  constructor(events: Pick<EventLog, "read">) {
    this.#events = events;
  }

  /** Times of those that have one. @param sequence number of the newest event @throws store.* */
  async look(workspaces: readonly string[], sequence: number): Promise<ReadonlyMap<string, string>> {
    await this.#readNew(sequence);
    const unknown = workspaces.filter((id) => !this.#times.has(id));
    await Promise.all(
      unknown.map(async (workspace) => {
        const [last] = await this.#events.read({ workspace, newest: true, limit: 1 });
        this.#times.set(workspace, last?.event.time);
      }),
    );
    const times = workspaces.map((id): [string, string | undefined] => [id, this.#times.get(id)]);
    return new Map(times.filter((entry): entry is [string, string] => entry[1] !== undefined));
  }

  async #readNew(sequence: number): Promise<void> {
    if (this.#times.size === 0) this.#sequence = sequence;
    if (sequence <= this.#sequence) return;
    const news = await this.#events.read({ after: this.#sequence, newest: true, limit: PAGE });
    if (news.length === PAGE) this.#times.clear();
    else {
      for (const { event } of news.toReversed()) {
        if (event.workspace !== undefined) this.#times.set(event.workspace, event.time);
      }
    }
    this.#sequence = Math.max(sequence, news[0]?.event.sequence ?? 0);
  }
}
