import type { WireStream } from "../../wire/types.ts";

/** Events that are kept for clients which come back; up to twice as many are held. */
const KEPT_EVENTS = 1_000;

/** Something that happened to a process. Holds no output, no environment and no command line. */
export interface ProcessEvent {
  readonly type: "process.started" | "process.exited" | "process.lease" | "process.ended" | "process.lost";
  /** A sentence for people. */
  readonly message: string;
  readonly processId: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Client that the process is bound to. */
  readonly owner?: string | undefined;
  /** Workspace of the process. */
  readonly workspace?: string | undefined;
}

interface LoggedEvent extends ProcessEvent {
  readonly sequence: number;
  /** ISO time. */
  readonly time: string;
}

/** The newest events of a daemon, numbered from 0. Every reader is a cursor into it and has no queue of its own. */
export class EventLog {
  readonly #events: LoggedEvent[] = [];
  readonly #listeners = new Set<() => void>();
  #next = 0;

  /** Number that the next event gets. */
  get next(): number {
    return this.#next;
  }

  /** Number of the oldest event that is kept. */
  get first(): number {
    return this.#next - this.#events.length;
  }

  at(sequence: number): LoggedEvent | undefined {
    return this.#events[sequence - this.first];
  }

  append(event: ProcessEvent): void {
    this.#events.push({ ...event, sequence: this.#next++, time: new Date().toISOString() });
    if (this.#events.length > 2 * KEPT_EVENTS) this.#events.splice(0, this.#events.length - KEPT_EVENTS);
    for (const listener of this.#listeners) listener();
  }

  /** Called after every event. Returns how to end that. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Sends the events from number `since` on (default: those that come from now on) until the client resets. */
export function sendEvents(
  log: EventLog,
  stream: WireStream,
  options: {
    readonly since: number | undefined;
    /** Only those of its processes. */
    readonly workspace: string | undefined;
    readonly clientId: string;
  },
): void {
  const { since, workspace, clientId } = options;
  let next = Math.min(since ?? log.next, log.next);
  const pump = (): void => {
    while (next < log.next && stream.writable() > 0) {
      const event = log.at(next);
      if (event === undefined) {
        stream.event({ gap: { from: next, to: log.first } });
        next = log.first;
        continue;
      }
      next++;
      if (workspace !== undefined && event.workspace !== workspace) continue;
      const { owner, ...told } = event;
      stream.event({ ...told, own: owner === clientId });
    }
  };
  stream.handler = { onWritable: pump, onReset: log.onAppend(pump) };
  stream.respond({ next });
  pump();
}
