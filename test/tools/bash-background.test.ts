import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createTools } from "../../src/tools/create.ts";
import { fileTools } from "../fixtures/file-tools.ts";
import { waitFor } from "../fixtures/process.ts";
import { type BashPlace, bashPlace, outputOf, textOf } from "./bash-place.ts";

/** Writes numbered lines for as long as the file `go` is not there, then three more. */
const COUNTING =
  "i=0; while [ ! -e go ]; do i=$((i+1)); echo $i; sleep 0.01; done; echo a; echo b; echo c; exit 5";

test("a background command is there at once, and is read, typed to and ended by its name", async () => {
  await using at = await bashPlace();
  const started = await at.bash("while read -r line; do echo got $line; done; echo over", {
    background: true,
    name: "echo",
  });
  assert.equal(outputOf(started).running, true);
  const id = outputOf(started).process;
  assert.match(textOf(started), new RegExp(`^\\[running in the background as ${id} \\(echo\\)\\]\n`));
  assert.match(
    await at.text("bash_output", { process: "echo" }),
    /^\(no new output\)\n\[\w+ \(echo\): running\]$/,
  );
  const typed = await at.text("bash_input", { process: "echo", text: "one\ntwo\n", wait_for: "got two" });
  assert.match(typed, /^got one\ngot two\n\[\w+ \(echo\): running\]\nwait_for matches\.$/);
  const ended = await at.tools.call("bash_input", { process: id, text: "three", eof: true, wait: "exit" });
  assert.match(textOf(ended), /^over\n\[\w+ \(echo\): exit code 0, /);
  assert.match(await at.text("bash_output", { process: id }), /^\(no new output\)\n.*exit code 0/);
  assert.match(await at.text("bash_output", { process: id, from: 8 }), /^got two\nover\n/);
  assert.equal(
    (await at.tools.call("bash_input", { process: id, text: "x" })).error?.code,
    "process.finished",
  );
});

test("a pattern is waited for without asking, over the borders of chunks, and never longer than said", async () => {
  await using at = await bashPlace();
  const command = "printf 'list'; sleep 0.1; printf 'ening on '; sleep 0.1; echo 4711; sleep 85";
  const started = await at.bash(command, { background: true, wait_for: "^listening on \\d+" });
  const { output, found, process } = outputOf(started);
  assert.equal(found, true);
  assert.equal(output, "listening on 4711");
  const requests = at.place.dials;
  const waited = await at.tools.call("bash_output", { process, wait_for: "never", timeout_ms: 150 });
  assert.equal(outputOf(waited).found, false);
  assert.match(
    textOf(waited),
    /^\(no new output\)\n\[\w+: running\]\nWaited 150 ms for a match of wait_for\.$/,
  );
  assert.equal(at.place.dials, requests);
  const literal = await at.bash("echo 'a.b(c'; sleep 85", { background: true, wait_for: "b\\(c" });
  assert.equal(outputOf(literal).found, true);
  const over = await at.bash("echo start; exit 3", { background: true, wait_for: "listening" });
  assert.match(textOf(over), /^start\n\[\w+: exit code 3, .*\]\nIt ended, and wait_for does not match\.$/);
  const wrong = await at.tools.call("bash_output", { process, wait_for: "(?=x)" });
  assert.equal(wrong.error?.code, "tool.input_invalid");
});

test("a pattern that would take for ever on a long line takes none", async () => {
  await using at = await bashPlace();
  const command = "head -c 100000 /dev/zero | tr '\\0' a; echo; echo done; sleep 85";
  const started = await at.bash(command, { background: true, wait_for: "(a+)+b|done" });
  assert.equal(outputOf(started).found, true);
});

test("output that comes while a call looks, or between calls, is told once and whole", async () => {
  await using at = await bashPlace();
  const { process } = outputOf(await at.bash(COUNTING, { background: true }));
  let seen = "";
  for (let looks = 0; looks < 5; looks++) {
    const looked = await at.tools.call("bash_output", { process, wait: "output", timeout_ms: 60 });
    const { output } = outputOf(looked);
    seen += output === "" ? "" : `${output}\n`;
  }
  await at.bash("touch go");
  const last = outputOf(await at.tools.call("bash_output", { process, wait: "exit" }));
  seen += `${last.output}\n`;
  assert.equal(last.exit_code, 5);
  const whole = (await wholeOutput(at, process)).toString();
  assert.equal(seen, whole);
});

test("a foreground command moves to the background: not a byte is lost or told twice, and its timeout is over", async () => {
  for (const onOutput of [undefined, () => {}]) {
    await using at = await bashPlace({ bash: { timeoutMs: 2_500 } });
    const options = { callId: "call-1", ...(onOutput === undefined ? {} : { onOutput }) };
    const called = at.tools.call("bash", { command: COUNTING }, options);
    const running = await waitFor("it writes", async () => {
      const found = (await at.runtime.processes()).find(({ command }) => command[2] === COUNTING);
      return found !== undefined && found.outputEnd > 10 ? found : undefined;
    });
    assert.equal(await at.tools.background("call-1"), running.id);
    const result = await called;
    const before = outputOf(result);
    assert.equal(before.running, true);
    assert.equal(before.process, running.id);
    assert.match(
      textOf(result),
      /\n\[moved to the background, where it goes on as \w+\]\nbash_output with process: /,
    );
    // Longer than its timeout, counted by what it writes.
    const on = await at.tools.call("bash_output", { process: running.id, wait_for: "^300$" });
    assert.equal(outputOf(on).found, true);
    await at.bash("touch go");
    const after = outputOf(await at.tools.call("bash_output", { process: running.id, wait: "exit" }));
    assert.equal(after.exit_code, 5);
    assert.equal(after.timed_out, false);
    const told = [before.output, outputOf(on).output, after.output].filter((text) => text !== "").join("\n");
    assert.equal(`${told}\n`, (await wholeOutput(at, running.id)).toString());
    assert.equal(await at.tools.background("call-1"), undefined);
    assert.equal(await at.tools.background("nothing"), undefined);
  }
});

test("much output is shown by head and tail, and the file has the whole while it is written", async () => {
  await using at = await bashPlace();
  const { process } = outputOf(
    await at.bash("seq 400000; sleep 86", { background: true, wait_for: "^400000$" }),
  );
  const again = await at.tools.call("bash_output", { process, from: 0 });
  const { output, output_file, cut } = outputOf(again);
  assert.equal(cut, true);
  assert.match(
    output,
    /^1\n2\n[\s\S]*\n… [\d,]+ bytes left out; all of the output goes to \/\S+ …\n[\s\S]*\n400000$/,
  );
  await waitFor("the file has all of it", async () => (await readFile(output_file!)).length === 2_688_895);
});

test("no character and no secret is divided between two looks", async () => {
  await using at = await bashPlace({ secrets: ["correct horse"] });
  const { process } = outputOf(await at.bash("stty -echo 2>/dev/null; cat", { background: true }));
  const look = async () =>
    outputOf(await at.tools.call("bash_output", { process, wait: "output", timeout_ms: 2_000 }));
  await at.tools.call("bash_input", { process, text: "it is corr" });
  assert.equal((await look()).output, "it is ");
  await at.tools.call("bash_input", { process, text: "ect horse, corrode\n" });
  assert.equal((await look()).output, "[secret], corrode");
  assert.match(await at.text("bash_output", { process, from: 9 }), /^, corrode\n/);
  const { process: slow } = outputOf(
    await at.bash("printf '\\342\\202'; sleep 0.4; printf '\\254uro\\n'; sleep 99", { background: true }),
  );
  const first = outputOf(await at.tools.call("bash_output", { process: slow, wait: "output" }));
  const rest = outputOf(await at.tools.call("bash_output", { process: slow, wait_for: "uro" }));
  assert.equal(first.output + rest.output, "€uro");
});

test("what writes without end ends no look late", async () => {
  await using at = await bashPlace();
  const { process } = outputOf(await at.bash("yes hello", { background: true, name: "yes" }));
  for (const input of [{}, { wait: "output" }, { wait_for: "never", timeout_ms: 100 }]) {
    const looked = outputOf(await at.tools.call("bash_output", { process, ...input }));
    assert.equal(looked.running, true);
    assert.ok(looked.output.length < 40_000);
  }
  const killed = await at.tools.call("bash_kill", { process: "yes", signal: "KILL" });
  assert.match(textOf(killed), /^\[\w+ \(yes\): ended by SIGKILL, /);
});

test("processes are listed, with what was not read of them", async () => {
  await using at = await bashPlace({ secrets: ["hunter2-hunter2"] });
  assert.equal(await at.text("bash_output", {}), "(nothing runs)");
  const { process } = outputOf(await at.bash("echo hello; exit 3", { background: true, name: "short" }));
  await at.bash("sleep 87 # hunter2-hunter2", { background: true, name: "long" });
  await at.runtime.process(process).then(({ exit }) => exit);
  const list = await at.text("bash_output", {});
  assert.match(list, /^\w+ \(short\): exit code 3, \S+ m?s, 6 bytes not read yet: echo hello; exit 3\n/);
  assert.match(list, /\n\w+ \(long\): running for \S+ m?s: sleep 87 # \[secret\]$/);
  assert.match(await at.text("bash_output", { process: "nothing" }), /\(process\.unknown\)/);
});

test("ending: the tree, by signal, twice, and signals that are only sent", async () => {
  await using at = await bashPlace();
  const trap = "trap 'echo reloaded' HUP; echo ready; while :; do sleep 0.05; done";
  const { process } = outputOf(await at.bash(trap, { background: true, wait_for: "ready" }));
  assert.match(await at.text("bash_kill", { process, signal: "HUP" }), /: got SIGHUP\]$/);
  const heard = await at.tools.call("bash_output", { process, wait_for: "reloaded" });
  assert.equal(outputOf(heard).found, true);
  assert.match(await at.text("bash_kill", { process }), /: ended by SIGTERM, /);
  assert.match(await at.text("bash_kill", { process }), /: ended by SIGTERM, /);
  assert.match(await at.text("bash_kill", { process, signal: "HUP" }), /: ended by SIGTERM, /);
  const unknown = await at.tools.call("bash_kill", { process, signal: "SIGNOTHING" });
  assert.equal(unknown.error?.code, "process.signal_unsupported");
  const stubborn = "trap '' TERM; sleep 88 & echo ready; while :; do sleep 0.05; done";
  const other = outputOf(await at.bash(stubborn, { background: true, wait_for: "ready" }));
  assert.match(await at.text("bash_kill", { process: other.process }), /: ended by SIGKILL, /);
  await waitFor(
    "the tree has ended",
    async () => (await at.runtime.exec("pgrep -f '^sleep 88$'")).stdout === "",
  );
});

test("a terminal: keys by their names, and a screen as text", async () => {
  await using at = await bashPlace();
  const script = 'printf "\\033[1mname?\\033[0m "; read -r name; stty size; echo "hello $name"; sleep 89';
  const started = await at.bash(script, { background: true, tty: true, name: "tty", wait_for: "name" });
  assert.match(textOf(started), /^name\? \n\[/);
  const typed = await at.text("bash_input", {
    process: "tty",
    text: "worlx",
    keys: ["backspace", "enter"],
    wait_for: "hello",
  });
  assert.match(typed, /24 80\nhello worl\n/);
  const ended = await at.text("bash_input", { process: "tty", keys: ["ctrl-c"], wait: "exit" });
  assert.match(ended, /\[\w+ \(tty\): (?:ended by SIGINT|exit code 130), /);
  const wrong = await at.tools.call("bash_input", { process: "tty", keys: ["hyper-x"] });
  assert.equal(wrong.error?.code, "tool.input_invalid");
});

test("without a terminal, keys do what can be done, and nothing is sent before they are known", async () => {
  await using at = await bashPlace();
  const { process } = outputOf(await at.bash("exec cat", { background: true }));
  const wrong = await at.tools.call("bash_input", { process, text: "x", keys: ["up"] });
  assert.equal(wrong.error?.code, "tool.input_invalid");
  assert.equal((await at.tools.call("bash_input", { process })).error?.code, "tool.input_invalid");
  assert.match(await at.text("bash_input", { process, text: "a", keys: ["enter"], wait: "output" }), /^a\n/);
  assert.match(await at.text("bash_input", { process, keys: ["ctrl-d"], wait: "exit" }), /exit code 0/);
  const other = outputOf(await at.bash("exec sleep 90", { background: true })).process;
  const interrupted = await at.text("bash_input", { process: other, keys: ["ctrl-c"], wait: "exit" });
  assert.match(interrupted, /ended by SIGINT/);
});

test("closing ends everything that the conversation has started, but what is to stay", async () => {
  await using at = await bashPlace();
  const before = new Set((await at.runtime.processes()).map(({ id }) => id));
  const tools = await createTools(at.runtime);
  await Promise.all([
    ...Array.from({ length: 5 }, () =>
      tools.call("bash", { command: "trap '' HUP; sleep 91 & sleep 92", background: true }),
    ),
    tools.call("bash", { command: "sleep 93", background: true, stays: true, name: "stays" }),
  ]);
  const waiting = tools.call("bash", { command: "sleep 94" });
  const moving = tools.call("bash", { command: "echo moved; sleep 95" }, { callId: "moving" });
  await waitFor("both run", async () => {
    const running = await at.runtime.processes();
    return running.filter(({ command }) => /sleep 9[45]/.test(command[2] ?? "")).length === 2;
  });
  await tools.background("moving");
  await moving;
  await tools.close();
  assert.equal((await waiting).error?.code, "runtime.closed");
  const left = await waitFor("they have ended", async () => {
    const running = (await at.runtime.processes()).filter(
      ({ id, state }) => state === "running" && !before.has(id),
    );
    return running.length === 1 ? running : undefined;
  });
  assert.equal(left[0]?.name, "stays");
  await waitFor("their trees have ended", async () => {
    return (await at.runtime.exec("pgrep -f '^sleep 9[1245]$'")).stdout === "";
  });
  assert.equal((await tools.call("bash", { command: "true" })).error?.code, "runtime.closed");
  assert.match(await at.text("bash_kill", { process: "stays" }), /ended by SIGTERM/);
});

test("the end of a call's signal ends no command that it has started in the background", async () => {
  await using at = await bashPlace();
  const stop = new AbortController();
  const started = await at.tools.call(
    "bash",
    { command: "sleep 96", background: true },
    { signal: stop.signal },
  );
  stop.abort();
  const { process } = outputOf(started);
  const looked = await at.tools.call("bash_output", { process, wait: "exit", timeout_ms: 100 });
  assert.equal(outputOf(looked).running, true);
  const looking = new AbortController();
  const waiting = at.tools.call("bash_output", { process, wait: "exit" }, { signal: looking.signal });
  looking.abort();
  assert.equal((await waiting).error?.code, "operation.aborted");
  assert.equal(outputOf(await at.tools.call("bash_output", { process })).running, true);
});

test("a name that runs is not started twice; its output goes on", async () => {
  await using at = await bashPlace();
  const command = "echo once; sleep 97";
  const first = outputOf(await at.bash(command, { background: true, name: "one", wait_for: "once" }));
  const second = await at.bash(command, { background: true, name: "one" });
  assert.equal(outputOf(second).process, first.process);
  assert.match(textOf(second), /is running already/);
  assert.match(await at.text("bash_output", { process: "one" }), /^\(no new output\)/);
  const other = await at.bash("sleep 98", { background: true, name: "one" });
  assert.equal(other.error?.code, "process.name_conflict");
  assert.equal((await at.bash("true", { name: "two" })).error?.code, "tool.input_invalid");
});

async function wholeOutput(at: BashPlace, id: string) {
  const parts: Uint8Array[] = [];
  const process = await at.runtime.process(id);
  for await (const chunk of process.output()) if (chunk.type === "data") parts.push(chunk.data);
  process.release();
  return Buffer.concat(parts);
}

test("closing waits for no place that does not answer, and what it is told when it is back ends the commands", async () => {
  await using at = await bashPlace();
  const { output } = outputOf(
    await at.bash("echo $$; exec sleep 100", { background: true, wait_for: "^[0-9]+\n" }),
  );
  const away = Promise.withResolvers<void>();
  at.place.beforeDial = () => away.promise;
  at.place.cut();
  await at.tools.close();
  at.place.beforeDial = () => {};
  away.resolve();
  await waitFor("it has ended", async () => {
    return (await at.runtime.exec(`kill -0 ${output.trim()}`)).exitCode !== 0;
  });
});

test("where no command can be moved to the background, the call goes on as before", async () => {
  await using hands = await fileTools();
  assert.equal(hands.tools.context.runtime.capabilities.daemon, false);
  const { promise: runs, resolve } = Promise.withResolvers<void>();
  const call = hands.tools.call(
    "bash",
    { command: "echo begun; until [ -e go ]; do sleep 0.05; done; echo ended; exit 5" },
    { callId: "call-1", onOutput: () => resolve() },
  );
  await runs;
  assert.equal(await hands.tools.background("call-1"), undefined);
  await hands.text("file_write", { path: "go", content: "" });
  const { output, exit_code } = outputOf(await call);
  assert.deepEqual({ output, exit_code }, { output: "begun\nended", exit_code: 5 });
});
