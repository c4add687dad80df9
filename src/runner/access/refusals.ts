import type { BerthEventInput } from "../../contract/events.ts";

/** Refusals alike are told once, then by their number. */
const PERIOD_MS = 60_000;
/** Kinds told one by one in a period; the others are told together by their number. */
const MAX_KINDS = 20;
const MAX_TEXT = 200;

/** A call that was refused before anything was done. */
export interface Refusal {
  readonly reason: string;
  readonly address: string;
  readonly method: string;
  /** The pattern of the route, or the path that there is none for; never a query. */
  readonly route: string;
  /** Beginning of the token, or the name of a valid one that may not do it. */
  readonly token?: string | undefined;
  readonly requestId?: string | undefined;
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

/**
 * Writes refused calls into the log as `access.refused`, so that nobody fills it with them: the first of a kind (reason,
 * address, token) at once, what follows within a minute as one event with its number, and at most 20 kinds a minute.
 */
export class Refusals implements Disposable {
  readonly #emit: (event: BerthEventInput) => void;
  readonly #periodMs: number;
  readonly #kinds = new Map<string, { readonly refusal: Refusal; more: number }>();
  #others = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(emit: (event: BerthEventInput) => void, periodMs = PERIOD_MS) {
    this.#emit = emit;
    this.#periodMs = periodMs;
  }

  add(refusal: Refusal): void {
    this.#timer ??= setTimeout(() => this.flush(), this.#periodMs).unref();
    const kind = JSON.stringify([refusal.reason, refusal.address, refusal.token]);
    const known = this.#kinds.get(kind);
    if (known !== undefined) known.more += 1;
    else if (this.#kinds.size >= MAX_KINDS) this.#others += 1;
    else {
      this.#kinds.set(kind, { refusal, more: 0 });
      this.#tell(refusal);
    }
  }

  /** Tells the numbers, and starts a new period. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { refusal, more } of this.#kinds.values()) if (more > 0) this.#tell(refusal, more);
    if (this.#others > 0) {
      this.#emit({
        type: "access.refused",
        message: `${this.#others} more calls were refused`,
        data: { reason: "many", count: this.#others },
      });
    }
    this.#kinds.clear();
    this.#others = 0;
  }

  [Symbol.dispose](): void {
    this.flush();
  }

  #tell({ requestId, ...refusal }: Refusal, count = 1): void {
    const cut = Object.entries(refusal).filter(([, value]) => value !== undefined);
    const data = Object.fromEntries(cut.map(([key, value]) => [key, String(value).slice(0, MAX_TEXT)]));
    const calls = count === 1 ? "a call" : `${count} more calls`;
    this.#emit({
      type: "access.refused",
      message: `${calls} from ${refusal.address} ${count === 1 ? "was" : "were"} refused: ${refusal.reason}`,
      ...(requestId === undefined || count > 1 ? {} : { cause: requestId }),
      data: { ...data, count },
    });
  }
}
