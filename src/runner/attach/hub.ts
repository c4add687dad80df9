import { berthError } from "../../contract/errors.ts";
import type { ExitStatus, Process } from "../../contract/process.ts";
import { Feed, type FeedClient, type RingBudget } from "./feed.ts";
import { outputFrame } from "./frames.ts";
import { Pace } from "./pace.ts";
import type { SharedFrame } from "./shared-frame.ts";

/** Where a client goes on: the frame that it gets next, and what of the one before it still lacks. */
export interface FeedPlace {
  readonly feed: Feed;
  readonly next: number;
  readonly rest: { readonly frame: SharedFrame; readonly to: number } | undefined;
}

/**
 * Output of one process for all who are attached to it. They share a feed; one that is elsewhere in the output has
 * another, until it has caught up. Without clients nothing is read.
 */
export class OutputHub {
  readonly #process: Process;
  readonly #budget: RingBudget;
  readonly #feeds = new Set<Feed>();
  readonly #pace: Pace;

  constructor(process: Process, budget: RingBudget) {
    this.#process = process;
    this.#budget = budget;
    this.#pace = new Pace(async () => (await process.info()).outputEnd);
  }

  /** The feed that has the cursor, or a new one that begins there. */
  enter(client: FeedClient, cursor: number): FeedPlace {
    const place = this.#find(cursor, undefined) ?? this.#open(cursor);
    place.feed.join(client);
    return place;
  }

  leave(client: FeedClient, feed: Feed): void {
    feed.leave(client);
    if (feed.clients === 0) this.#feeds.delete(feed);
  }

  /** Another feed that is further on and has what a client of this one gets next, so that the two become one. */
  better(client: FeedClient, feed: Feed, cursor: number): FeedPlace | undefined {
    if (this.#feeds.size === 1 && this.#feeds.has(feed)) return undefined;
    const place = this.#find(cursor, feed);
    if (place === undefined) return undefined;
    this.leave(client, feed);
    place.feed.join(client);
    return place;
  }

  #find(cursor: number, mine: Feed | undefined): FeedPlace | undefined {
    let best: { feed: Feed; next: number } | undefined;
    for (const feed of this.#feeds) {
      if (feed === mine || feed.end?.error !== undefined) continue;
      if (mine !== undefined && !this.#isAhead(feed, mine)) continue;
      const next = feed.ring.find(cursor);
      if (next !== undefined && (best === undefined || feed.ring.end > best.feed.ring.end))
        best = { feed, next };
    }
    if (best === undefined) return undefined;
    const { feed, next } = best;
    const frame = feed.ring.at(next);
    if (frame === undefined || frame.from === cursor) return { feed, next, rest: undefined };
    // In the middle of a gap of others is no place: what they lack may be had elsewhere.
    if (frame.stream === undefined) return undefined;
    const bytes = frame.frame.bytes.subarray(cursor - frame.to);
    return {
      feed,
      next: next + 1,
      rest: { frame: outputFrame(frame.stream, [bytes], bytes.length), to: frame.to },
    };
  }

  /** Of two at the same cursor the older one stays. */
  #isAhead(feed: Feed, mine: Feed): boolean {
    if (feed.ring.end !== mine.ring.end) return feed.ring.end > mine.ring.end;
    for (const candidate of this.#feeds)
      if (candidate === feed || candidate === mine) return candidate === feed;
    return false;
  }

  #open(cursor: number): FeedPlace {
    const feed = new Feed({
      from: cursor,
      output: (from, signal) => this.#process.output({ from, signal }),
      exit: () => this.#exit(),
      budget: this.#budget,
      hasSibling: () => this.#feeds.size > 1,
      pace: (bytes, clients) => this.#pace.taken(bytes, clients, feed.ring.end),
    });
    this.#feeds.add(feed);
    return { feed, next: feed.ring.next, rest: undefined };
  }

  async #exit(): Promise<ExitStatus> {
    const { id, exit } = await this.#process.info();
    if (exit === undefined) throw berthError("process.lost", { hop: "runner", context: { id } });
    return exit;
  }
}
