import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOutcome, startFailure } from "./outcome.ts";

const brief = (text: string, launcher: Parameters<typeof parseOutcome>[1]) => {
  const { exitCode, signal } = parseOutcome(text, launcher);
  return signal ?? exitCode;
};

test("util-linux' setsid: recorded", () => {
  assert.equal(brief(" 0", "wait"), 0);
  assert.equal(brief(" 143", "wait"), 143);
  assert.equal(brief("setsid: child 4711 did not exit normally: Success\n 15", "wait"), "SIGTERM");
  assert.equal(
    brief("setsid: child 4711 did not exit normally: No such file or directory\n 2", "wait"),
    "SIGINT",
  );
  assert.equal(
    brief("setsid: child 4711 did not exit normally: Success\n 139", "wait"),
    "SIGSEGV",
    "with a core dump",
  );
});

test("busybox' and GNU's time: recorded", () => {
  const times = "real\t0m 0.00s\nuser\t0m 0.00s\nsys\t0m 0.00s\n";
  assert.equal(brief(`${times} 130`, "time"), 130);
  assert.equal(brief(`Command terminated by signal 2\n${times} 130`, "time"), "SIGINT");
  assert.equal(brief(`Command exited with non-zero status 143\n${times} 143`, "time"), 143);
  const gnu = "0.00user 0.00system 0:00.00elapsed 80%CPU (0avgtext+0avgdata 1536maxresident)k\n";
  assert.equal(brief(`Command terminated by signal 9\n${gnu} 137`, "time"), "SIGKILL");
});

test("dash and busybox name the signal themselves, but for INT and PIPE: recorded", () => {
  assert.equal(brief("Terminated\n 143", "plain"), "SIGTERM");
  assert.equal(brief("Killed\n 137", "plain"), "SIGKILL");
  assert.equal(brief("Segmentation fault (core dumped)\n 139", "plain"), "SIGSEGV");
  assert.equal(brief(" 143", "plain"), 143);
  assert.equal(brief(" 130", "plain"), 130);
});

test("why a command did not start: recorded from dash, bash, busybox and setsid", () => {
  const cases: [string, number, boolean, string][] = [
    ["sh: 9: exec: /tmp/bad: not found", 127, true, "process.interpreter_not_found"],
    [
      "/bin/bash: line 9: /tmp/bad: cannot execute: required file not found",
      127,
      true,
      "process.interpreter_not_found",
    ],
    [
      "sh: /tmp/bad: /no/such: bad interpreter: No such file or directory",
      126,
      true,
      "process.interpreter_not_found",
    ],
    ["sh: exec: line 8: /tmp/bad: not found", 127, true, "process.interpreter_not_found"],
    ["sh: 9: exec: /mnt/noexec: Permission denied", 126, true, "process.permission_denied"],
    ["setsid: failed to execute /bin/sh: Argument list too long", 126, false, "process.arguments_too_long"],
    ["/bin/dash: 1: /usr/bin/setsid: Argument list too long", 126, false, "process.arguments_too_long"],
    ["sh: 1: Cannot fork", 2, false, "process.spawn_failed"],
    ["/bin/bash: line 30: UID: readonly variable", 1, false, "process.env_invalid"],
  ];
  for (const [said, status, ran, code] of cases) assert.equal(startFailure(said, status, ran), code, said);
});
