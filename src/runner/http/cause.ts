import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";

/** Which call something is done for: the `cause` and `actor` of its events. */
export interface Cause {
  /** "req_…" of a call; "op_…" of an operation that goes on behind it. */
  readonly id: string;
  /** "token:ci", "runner". */
  readonly actor: string;
}

const causes = new AsyncLocalStorage<Cause>();

/** undefined: the runner does it of its own accord. */
export function currentCause(): Cause | undefined {
  return causes.getStore();
}

export function withCause<Result>(cause: Cause, work: () => Result): Result {
  return causes.run(cause, work);
}

export function newRequestId(): string {
  return `req_${randomBytes(10).toString("hex")}`;
}
