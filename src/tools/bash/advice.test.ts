import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExitStatus } from "../../contract/process.ts";
import { type AdviceInput, advice } from "./advice.ts";

const EXIT: ExitStatus = { exitCode: 1, signal: null, timedOut: false, durationMs: 5 };
const TIMED_OUT: ExitStatus = { exitCode: null, signal: "SIGTERM", timedOut: true, durationMs: 2_000 };

function adviceFor(given: Partial<AdviceInput>): string | undefined {
  return advice({
    command: "make",
    exit: EXIT,
    output: "",
    openLine: false,
    timeoutMs: 2_000,
    maxTimeoutMs: 600_000,
    silentMs: undefined,
    background: true,
    tty: true,
    ...given,
  });
}

test("a command that speaks for itself is given no advice", () => {
  assert.equal(adviceFor({ exit: { ...EXIT, exitCode: 0 }, output: "not a tty", openLine: true }), undefined);
  assert.equal(adviceFor({ output: "make: *** [all] Error 1\n" }), undefined);
  assert.equal(adviceFor({ output: "" }), undefined);
  assert.equal(adviceFor({ command: "grep -q thread file" }), undefined);
});

test("what a command that failed had wanted is recognised by what it says", () => {
  const cases: readonly (readonly [said: string, advice: RegExp])[] = [
    ["sudo: a terminal is required to read the password; either use", /^sudo wants a password/],
    ["sudo: a password is required", /^sudo wants a password/],
    ["Aborting commit due to empty commit message.", /git commit -m/],
    ["fatal: could not read Username for 'https://host': terminal prompts disabled", /credentials/],
    ["the input device is not a TTY", /^Commands have no terminal: .* tty: true/],
    ["top: failed tty get", /^Commands have no terminal/],
    ["Vim: Warning: Output is not to a terminal", /^Commands have no terminal/],
    ["EOFError: EOF when reading a line", /^It reads input, but its input is empty/],
    ["Do you want to continue? [Y/n] Abort.", /^It asked something/],
  ];
  for (const [output, expected] of cases) assert.match(adviceFor({ output }) ?? "", expected, output);
  assert.match(adviceFor({ output: "package name: (app) ", openLine: true }) ?? "", /^It asked something/);
  assert.match(adviceFor({ command: "x=1; read -r y" }) ?? "", /^`read` found nothing/);
  assert.doesNotMatch(adviceFor({ output: "not a tty", tty: false }) ?? "", /tty: true/);
});

test("a timeout says how long, since when nothing came, what was waited for, and what to do", () => {
  assert.equal(
    adviceFor({ exit: TIMED_OUT }),
    "It was ended after 2 s, its timeout. It had written nothing. If it needs longer, give a larger timeout_ms (at most 600000), or run it with background: true and follow it by bash_output.",
  );
  assert.match(
    adviceFor({ exit: TIMED_OUT, output: "working", silentMs: 1_500, timeoutMs: 600_000 }) ?? "",
    /Its last output was 1\.5 s before that\. If it needs longer, run it with background: true/,
  );
  assert.equal(
    adviceFor({ exit: TIMED_OUT, output: "x", timeoutMs: 600_000, background: false, tty: false }),
    "It was ended after 10 min, its timeout.",
  );
  const waiting = (reason: NonNullable<ExitStatus["waiting"]>["reason"]) =>
    adviceFor({ exit: { ...TIMED_OUT, waiting: { pid: 7, command: "node", reason } }, output: "x" }) ?? "";
  assert.match(waiting("connections"), /`node` was waiting for connections, .* Run it with background: true/);
  assert.match(waiting("terminal"), /`node` was waiting for somebody to type\. But its input is empty/);
  assert.match(waiting("stdin"), /`node` was waiting for input\. But its input is empty/);
  assert.match(waiting("lock"), /another process has locked\. If it needs longer/);
  assert.match(waiting("cpu"), /`node` was computing\. If it needs longer/);
  assert.match(
    adviceFor({ exit: TIMED_OUT, output: "Password: ", openLine: true }) ?? "",
    /It seems to wait for an answer, but its input is empty/,
  );
});
