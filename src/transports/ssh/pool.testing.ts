import type { ErrorCode } from "../../contract/error-registry.ts";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { createSshPool } from "./pool.ts";
import type { ConnectOptions } from "./target.ts";
import { FakeClock, FakeConnection, fakeTarget } from "./testing.ts";

/** A pool over connections that the test answers for. */
export function bench(options: { maxSessions?: number; random?: number } = {}) {
  const clock = new FakeClock();
  const made: FakeConnection[] = [];
  const seen: ConnectOptions[] = [];
  const state = {
    failure: undefined as BerthError | undefined,
    /** The attempt waits for this. */
    until: undefined as Promise<unknown> | undefined,
    attempts: 0,
    /** What a person answered. */
    answers: [] as (string | undefined)[],
  };
  const pool = createSshPool({
    clock,
    random: () => options.random ?? 0.5,
    connect: async (_target, connectOptions) => {
      state.attempts++;
      seen.push(connectOptions);
      await state.until;
      if (connectOptions.onPrompt !== undefined) {
        state.answers.push(
          await connectOptions.onPrompt({
            kind: "password",
            subject: "box",
            text: "Password: ",
            echo: false,
          }),
        );
      }
      if (state.failure !== undefined) throw state.failure;
      const connection = new FakeConnection(options.maxSessions);
      made.push(connection);
      return { connection, reason: "the test says so" };
    },
  });
  return { clock, made, seen, state, pool, target: fakeTarget() };
}

export const REFUSED = berthError("ssh.connection_refused", {
  context: { hostname: "box.example", port: 22 },
});
export const DENIED = berthError("ssh.auth_failed", { context: { host: "box", methods: ["publickey"] } });

/** The outcome so far, and later. */
export function watch<T>(promise: Promise<T>) {
  const outcome: { value?: T; error?: BerthError; settled: boolean } = { settled: false };
  promise.then(
    (value) => Object.assign(outcome, { value, settled: true }),
    (error) => Object.assign(outcome, { error, settled: true }),
  );
  return outcome;
}

export const isCode = (code: ErrorCode) => (error: unknown) => isBerthError(error, code);
