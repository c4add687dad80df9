import assert from "node:assert/strict";
import { test } from "node:test";
import type { Process } from "../../state/store.ts";
import {
  commandText,
  durationMs,
  environmentOf,
  kindOf,
  portsIn,
  ranFor,
  runDuration,
  shownProcesses,
  stateWords,
} from "./process-words.ts";

const process = (given: Partial<Process> = {}): Process => ({
  id: "p_1",
  name: null,
  workspace: "ws_1",
  command: ["npm", "test"],
  cwd: "/work",
  user: null,
  pid: 12,
  state: "running",
  tty: null,
  detached: false,
  started_at: "2026-01-01T00:00:00.000Z",
  ended_at: null,
  exit: null,
  output_start: 0,
  output_end: 0,
  has_orphans: false,
  output_file: null,
  output_file_cut: null,
  ...given,
});

const exit = (given: Partial<NonNullable<Process["exit"]>>): NonNullable<Process["exit"]> => ({
  exit_code: null,
  signal: null,
  timed_out: false,
  duration_ms: 1500,
  waiting: null,
  ...given,
});

test("a command is shown as a shell would read it", () => {
  assert.equal(commandText(["git", "commit", "-m", "it's done"]), "git commit -m 'it'\\''s done'");
  assert.equal(commandText(["echo", "", "a b", "$HOME"]), "echo '' 'a b' '$HOME'");
  assert.equal(commandText(["printf", "one\ntwo'\\\x1b"]), "printf $'one\\ntwo\\'\\\\\\x1b'");
});

test("of what a shell runs the script is shown", () => {
  assert.equal(commandText(["/bin/sh", "-c", "npm ci && npm test"]), "npm ci && npm test");
  assert.equal(commandText(["bash", "-c", "a | b"]), "a | b");
  assert.equal(commandText(["bash", "-c", "echo $1", "x", "y"]), "bash -c 'echo $1' x y");
  assert.equal(commandText(["push", "-c", "a b"]), "push -c 'a b'");
});

test("kinds", () => {
  assert.equal(kindOf({ tty: { columns: 80, rows: 24 }, detached: true }), "terminal");
  assert.equal(kindOf({ tty: null, detached: true }), "background");
  assert.equal(kindOf({ tty: null, detached: false }), "command");
});

test("an end is told in words, with what to do", () => {
  const words = (given: Partial<NonNullable<Process["exit"]>>) =>
    stateWords(process({ state: "exited", exit: exit(given) }));
  assert.deepEqual(words({ exit_code: 0 }), { tone: "good", text: "succeeded", advice: undefined });
  assert.equal(words({ exit_code: 2 }).text, "exit 2");
  assert.match(words({ exit_code: 127 }).advice ?? "", /PATH/);
  assert.equal(words({ signal: "SIGKILL" }).text, "SIGKILL");
  assert.match(words({ signal: "SIGKILL" }).advice ?? "", /memory/);
  assert.equal(words({ signal: "SIGTERM", timed_out: true }).text, "timed out after 1.5 s");
  assert.equal(stateWords(process({ state: "lost" })).text, "lost");
  assert.match(
    stateWords(process({ state: "exited", exit: exit({ exit_code: 0 }), has_orphans: true })).advice ?? "",
    /still/,
  );
});

test("durations go on while it runs", () => {
  const started = Date.parse("2026-01-01T00:00:00.000Z");
  assert.equal(ranFor(process(), started + 65_000), 65_000);
  assert.equal(ranFor(process({ exit: exit({ exit_code: 0 }) }), started), 1500);
  assert.deepEqual([7200, 247_000, 11_100_000, 180_000_000].map(runDuration), [
    "7.2 s",
    "4 min 07 s",
    "3 h 05 min",
    "2 d 02 h",
  ]);
});

test("running ones come first, and filters hold for all of a process", () => {
  const all = [
    process({ id: "a", state: "exited", exit: exit({ exit_code: 0 }), started_at: "2026-01-01T00:00:05Z" }),
    process({ id: "b", name: "dev", command: ["vite"], started_at: "2026-01-01T00:00:01Z" }),
    process({ id: "c", state: "exited", exit: exit({ signal: "SIGTERM" }) }),
    process({ id: "d", state: "lost" }),
    process({ id: "e", started_at: "2026-01-01T00:00:02Z" }),
  ];
  const ids = (text: string, state: Parameters<typeof shownProcesses>[1]["state"] = "all") => {
    const { running, ended } = shownProcesses(all, { text, state });
    return [running.map(({ id }) => id).join(""), ended.map(({ id }) => id).join("")];
  };
  assert.deepEqual(ids(""), ["eb", "acd"]);
  assert.deepEqual(ids("DEV vite"), ["b", ""]);
  assert.deepEqual(ids("", "failed"), ["", "c"]);
  assert.deepEqual(ids("", "lost"), ["", "d"]);
  assert.deepEqual(ids("npm", "succeeded"), ["", "a"]);
});

test("environments and durations are read, and what is neither is told", () => {
  assert.deepEqual(environmentOf("A=1\n\nB_2=x = y\n"), { env: { A: "1", B_2: "x = y" } });
  assert.match(environmentOf("A=1\n2B=3").problem ?? "", /2B=3/);
  assert.deepEqual(["30", "1.5 h", "5min", "250 ms", "0", "soon", "-1"].map(durationMs), [
    30_000,
    5_400_000,
    300_000,
    250,
    undefined,
    undefined,
    undefined,
  ]);
});

test("ports that an output names by their address", () => {
  assert.deepEqual(
    portsIn(
      "Local: http://localhost:5173/ and http://127.0.0.1:3000, http://[::]:5173/x, http://example.com:80",
    ),
    [5173, 3000],
  );
  assert.deepEqual(portsIn("http://localhost:99999 localhost:3000"), []);
});
