import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";

/** Which call something is done for: the `cause` and `actor` of its events. */
export interface Cause {
  /** "req_…" of a call; "op_…" of an operation that goes on behind it. */
  readonly id: string;
  /** "token:ci", "runner". */
  readonly actor: string;
  /** Of a call: what it turns out to be about. */
  readonly subject?: Subject;
}

/** Named by the event that a call leaves when it fails. */
export interface Subject {
  workspace?: string | undefined;
  processId?: string | undefined;
}

const causes = new AsyncLocalStorage<Cause>();

/** undefined: the runner does it of its own accord. */
export function currentCause(): Cause | undefined {
  return causes.getStore();
}

/** The call that is being answered is about this. What was said last counts. */
export function callConcerns(subject: Subject): void {
  const known = causes.getStore()?.subject;
  if (known !== undefined) Object.assign(known, subject);
}

export function withCause<Result>(cause: Cause, work: () => Result): Result {
  return causes.run(cause, work);
}

export function newRequestId(): string {
  return `req_${randomBytes(10).toString("hex")}`;
}
