import type { BerthError } from "../../contract/errors.ts";
import type { BerthEventInput } from "../../contract/events.ts";

/** Methods are few, but a client may name others. */
const MAX_METHODS = 32;

/**
 * Refused requests of one connection in the log: the first of a method at once, what follows by its number at the end,
 * so that nobody fills the log with them.
 */
export class RequestRefusals {
  readonly #tell: (event: BerthEventInput) => void;
  readonly #more = new Map<string, number>();
  #others = 0;

  constructor(tell: (event: BerthEventInput) => void) {
    this.#tell = tell;
  }

  add(method: string, { code }: BerthError): void {
    const more = this.#more.get(method);
    if (more !== undefined) this.#more.set(method, more + 1);
    else if (this.#more.size >= MAX_METHODS) this.#others += 1;
    else {
      this.#more.set(method, 0);
      this.#tell({
        type: "access.refused",
        message: `a request was refused: ${method}`,
        data: { method, reason: code, count: 1 },
      });
    }
  }

  /** The connection is over. */
  end(): void {
    const rest = [...this.#more, ["", this.#others] as const].filter(([, count]) => count > 0);
    for (const [method, count] of rest) {
      this.#tell({
        type: "access.refused",
        message: `${count} more requests were refused${method === "" ? "" : `: ${method}`}`,
        data: { method, count },
      });
    }
  }
}
