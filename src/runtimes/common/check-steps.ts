import { toBerthError } from "../../contract/errors.ts";
import type { CheckOptions, CheckStep } from "../../contract/runtime.ts";

export interface StepFinding {
  /** What was found, in words. */
  readonly detail: string;
  /** Advice, although it works. */
  readonly hint?: string | undefined;
}

/** The failure is in the report already: what comes behind the step is left out. */
export class StepFailed extends Error {}

/** Steps on the way to a place, added to those of its check. @throws StepFailed: the rest makes no sense */
export type CheckWay = (steps: CheckSteps, signal: AbortSignal | undefined) => Promise<void>;

/** Steps of a check as they are made: each is told when it begins and when it is done. */
export class CheckSteps {
  readonly done: CheckStep[] = [];
  readonly #told: Pick<CheckOptions, "onStart" | "onStep">;

  constructor(told: Pick<CheckOptions, "onStart" | "onStep">) {
    this.#told = told;
  }

  get ok(): boolean {
    return this.done.every(({ ok }) => ok);
  }

  /** One that begins, and is added or fails later. */
  start(name: string): void {
    this.#told.onStart?.(name);
  }

  add(step: CheckStep): void {
    this.done.push(step);
    this.#told.onStep?.(step);
  }

  /** @throws StepFailed */
  async run<T>(name: string, action: () => Promise<T> | T, describe: (value: T) => StepFinding): Promise<T> {
    const since = performance.now();
    this.start(name);
    try {
      const value = await action();
      this.add({ name, ok: true, durationMs: millisecondsSince(since), ...describe(value) });
      return value;
    } catch (cause) {
      this.fail(name, since, cause);
      throw new StepFailed();
    }
  }

  /** A step that failed with an error, which says what to do. */
  fail(name: string, since: number, cause: unknown): void {
    const { code, hint, message: detail, context } = toBerthError(cause, "transport");
    this.add({ name, ok: false, durationMs: millisecondsSince(since), detail, code, hint, context });
  }
}

/** To a tenth. */
export function millisecondsSince(since: number): number {
  return Math.round((performance.now() - since) * 10) / 10;
}
