import type { BerthEventInput } from "../../contract/events.ts";
import type { WireClient } from "../../wire/types.ts";

const MAX_MESSAGE_CHARACTERS = 1_000;

/**
 * What the daemon says of its processes, handed on as events: asked for on every new connection behind the last
 * one received, so that what happened meanwhile is told as well. It never makes a connection by itself.
 */
export class DaemonEvents {
  readonly #emit: (event: BerthEventInput) => void;
  #bootId: string | undefined;
  /** Number of the next event; undefined before the first answer. */
  #next: number | undefined;

  constructor(emit: (event: BerthEventInput) => void) {
    this.#emit = emit;
  }

  /** @param workspace whose processes the events are about; undefined: all */
  follow(client: WireClient, workspace: string | undefined): void {
    const { bootId } = client.hello;
    // Everything that another daemon in the same place says is news.
    if (this.#bootId !== undefined && this.#bootId !== bootId) this.#next = 0;
    this.#bootId = bootId;
    client.request(
      "process.events",
      { since: this.#next, workspace },
      {
        onResponse: (result) => {
          const next = (result as { next?: unknown } | null)?.next;
          if (isSequence(next)) this.#next = next;
        },
        onEvent: (value) => this.#take(value),
        // A lost connection, or an older daemon that has no events.
        onReset: () => {},
      },
    );
  }

  #take(value: unknown): void {
    const event = value as {
      gap?: { from?: unknown; to?: unknown };
      sequence?: unknown;
      [field: string]: unknown;
    } | null;
    const gap = event?.gap;
    if (isSequence(gap?.from) && isSequence(gap.to)) {
      this.#next = gap.to;
      const count = gap.to - gap.from;
      this.#emit({
        type: "process.events_missed",
        message: `${count} events of the place's processes were not kept`,
        data: { count },
      });
      return;
    }
    if (!isSequence(event?.sequence)) return;
    this.#next = event.sequence + 1;
    const { type, message, processId, data, time, own } = event;
    if (typeof type !== "string" || !/^process\.[a-z_]{1,40}$/.test(type)) return;
    this.#emit({
      type,
      message: typeof message === "string" ? message.slice(0, MAX_MESSAGE_CHARACTERS) : type,
      processId: typeof processId === "string" ? processId : undefined,
      source: `${this.#bootId}:${event.sequence}`,
      data: { ...(typeof data === "object" ? data : {}), time, own: own === true },
    });
  }
}

function isSequence(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
