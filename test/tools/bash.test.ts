import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { waitFor } from "../fixtures/process.ts";
import { bashPlace, outputOf, textOf } from "./bash-place.ts";

test("the model is told which shell commands run in, and what the limits are", async () => {
  await using at = await bashPlace({ bash: { timeoutMs: 5_000 } });
  const { description } = at.tools.get("bash")!;
  assert.match(description, /in bash, on test place, in \//);
  assert.match(description, /30,000 bytes or 2,000 lines/);
  assert.match(description, /5,000 ms/);
  assert.equal(outputOf(await at.bash("[[ 1 == 1 ]] && echo $BASH_VERSION")).exit_code, 0);
});

test("the shell is looked for once in the life of a runtime, and a call is one request", async () => {
  await using at = await bashPlace();
  const { createTools } = await import("../../src/tools/create.ts");
  await using second = await createTools({ runtime: at.runtime });
  await second.call("bash", { command: "true" });
  await at.bash("true");
  const commands = (await at.runtime.processes()).map(({ command }) => command.at(-1));
  assert.deepEqual(commands, ["command -v bash || :", "true", "true"]);
  assert.equal(at.place.dials, 1);
});

test("both streams in the order written, and how it ended, which is no error of the tool", async () => {
  await using at = await bashPlace();
  const result = await at.bash("echo one; echo two >&2; echo three; exit 7");
  assert.equal(result.isError, false);
  assert.match(textOf(result), /^one\ntwo\nthree\n\[exit code 7, [\d.]+ m?s\]$/);
  const { exit_code, signal, timed_out, running, cut, output_bytes } = outputOf(result);
  assert.deepEqual(
    { exit_code, signal, timed_out, running, cut, output_bytes },
    { exit_code: 7, signal: null, timed_out: false, running: false, cut: false, output_bytes: 14 },
  );
  assert.match(await at.text("bash", { command: "kill -9 $$" }), /^\(no output\)\n\[ended by SIGKILL, /);
});

test("exit 7 with 10 MB of output is exit 7; head and tail are shown, and a file has the whole", async () => {
  await using at = await bashPlace();
  const result = await at.bash("seq 1500000; exit 7");
  const { exit_code, output, cut, output_bytes, output_file } = outputOf(result);
  assert.equal(exit_code, 7);
  assert.equal(cut, true);
  assert.equal(output_bytes, 10_888_896);
  assert.ok(Buffer.byteLength(output) < 30_500);
  assert.match(output, /^1\n2\n3\n/);
  assert.match(output, /\n1499999\n1500000$/);
  const gap = /\n… ([\d,]+) bytes left out; the whole output is in (\/\S+) …\n/.exec(output);
  assert.equal(gap?.[2], output_file);
  const shown = Buffer.byteLength(output.replace(gap![0], "\n"));
  assert.equal(Number(gap![1]!.replaceAll(",", "")) + shown + 1, output_bytes);
  assert.match(textOf(result), /\[exit code 7, [\d.]+ m?s\]$/);
  const whole = await readFile(output_file!, "utf8");
  assert.equal(whole.length, output_bytes);
  const read = await at.tools.call("file_read", { path: output_file, offset: 777_777, limit: 1 });
  assert.match(textOf(read), /777777\t777777/);
});

test("a command that is watched gives the same result, with its lines counted", async () => {
  await using at = await bashPlace();
  let live = "";
  const result = await at.tools.call(
    "bash",
    { command: "seq 1500000; exit 7" },
    { onOutput: (text) => (live += text) },
  );
  const { output, exit_code, output_bytes } = outputOf(result);
  assert.equal(exit_code, 7);
  assert.equal(output_bytes, 10_888_896);
  assert.match(output, /\n… 1,498,000 lines, [\d,]+ bytes left out; the whole output is in \/\S+ …\n/);
  assert.equal(live.length, output_bytes);
  assert.ok(live.endsWith("\n1500000\n"));
});

test("a line of 5 MB, redrawn lines, colours, NUL and bytes that are no UTF-8", async () => {
  await using at = await bashPlace();
  const long = outputOf(await at.bash("head -c 5000000 /dev/zero | tr '\\0' x; echo; echo end"));
  assert.match(long.output, /^x{1000} … [\d,]+ bytes of this line left out … x+\n|^x{1000} … /);
  assert.ok(long.output.length < 10_000, String(long.output.length));
  assert.match(long.output, /\nend$/);
  const odd = "printf 'a\\0b \\xff\\xfe \\033[1;31mred\\033[0m\\n10%%\\r 50%%\\r100%%\\n'";
  assert.equal(outputOf(await at.bash(odd)).output, "a␀b �� red\n100%");
  await using keeping = await bashPlace({ bash: { ansi: "keep" } });
  assert.equal(outputOf(await keeping.bash(odd)).output, "a␀b �� \x1b[1;31mred\x1b[0m\n100%");
});

test("no character is split where output is cut, captured or watched", async () => {
  await using at = await bashPlace({ limits: { maxBytes: 1_001, maxLineBytes: 500, maxLines: 30 } });
  const command = "for i in $(seq 3000); do printf '€€€€€€€€€€€ %s😀\\n' $i; done";
  for (const options of [{}, { onOutput: () => {} }]) {
    const { output, cut } = outputOf(await at.tools.call("bash", { command }, options));
    assert.equal(cut, true);
    assert.ok(!output.includes("\ufffd"), output);
  }
});

test("what reads, asks, or opens an editor or a pager ends, and says why", async () => {
  await using at = await bashPlace();
  assert.match(await at.text("bash", { command: "cat" }), /^\(no output\)\n\[exit code 0,/);
  assert.match(
    await at.text("bash", { command: "read answer" }),
    /\[exit code 1,.*\n`read` found nothing: its input is empty/,
  );
  const git = "git init -q . && git config user.email a@b && git config user.name a";
  assert.match(
    await at.text("bash", { command: `${git} && git commit --allow-empty` }),
    /Aborting commit due to empty commit message[\s\S]*git commit -m/,
  );
  const history = "for i in $(seq 100); do git commit -q --allow-empty -m $i; done; git log";
  assert.match(await at.text("bash", { command: history }), /\[exit code 0,/);
  assert.match(
    await at.text("bash", {
      command: "echo 'sudo: a terminal is required to read the password' >&2; exit 1",
    }),
    /sudo wants a password, which nobody can type here/,
  );
  assert.match(
    await at.text("bash", { command: "[ -t 0 ] || { echo 'stdin is not a tty' >&2; exit 1; }" }),
    /Commands have no terminal: use options that ask nothing, or run it with background: true and tty: true/,
  );
});

test("a timeout ends the whole tree, says what there was, and what to do", async () => {
  await using at = await bashPlace({ bash: { timeoutMs: 1_500, maxTimeoutMs: 4_000 } });
  const result = await at.bash("echo $$; sleep 81 & sleep 82");
  const { timed_out, signal, output } = outputOf(result);
  assert.equal(result.isError, false);
  assert.equal(timed_out, true);
  assert.equal(signal, "SIGTERM");
  assert.match(
    textOf(result),
    /\n\[timed out, ended by SIGTERM, [\d.]+ m?s\]\nIt was ended after 1\.5 s, its timeout\.(?: `sleep` was sleeping\.)? If it needs longer, give a larger timeout_ms \(at most 4000\), or run it with background: true/,
  );
  await waitFor("the tree has ended", async () => {
    const found = await at.runtime.exec(`ps -o args= --ppid ${output.trim()}; pgrep -f '^sleep 8[12]$'`);
    return found.stdout === "";
  });
  const asking = await at.text("bash", { command: "printf 'Overwrite? '; sleep 9" });
  assert.match(asking, /(?:`sleep` was sleeping\. )?It seems to wait for an answer, but its input is empty/);
  const silent = await at.tools.call("bash", { command: "echo begun; sleep 9" }, { onOutput: () => {} });
  assert.match(textOf(silent), /Its last output was [\d.]+ m?s before that/);
});

test("a command that can't start is an error with its code", async () => {
  await using at = await bashPlace();
  const gone = await at.bash("true", { cwd: "not-there" });
  assert.equal(gone.error?.code, "process.cwd_not_found");
  assert.equal(gone.isError, true);
  assert.match(textOf(gone), /\(process\.cwd_not_found\)\n/);
  for (const cwd of ["/", "..", "a/../..", "~", "/etc"]) {
    assert.equal((await at.bash("pwd", { cwd })).error?.code, "fs.outside_workspace", cwd);
  }
  await mkdir(join(at.place.directory, "in side"));
  assert.match(outputOf(await at.bash("pwd", { cwd: "in side" })).output, /\/in side$/);
});

test("times of the options have to fit, and one that is not given makes room for the other", async () => {
  for (const bash of [
    { timeoutMs: 0 },
    { timeoutMs: 1.5 },
    { maxTimeoutMs: Number.NaN },
    { timeoutMs: 2, maxTimeoutMs: 1 },
  ]) {
    await assert.rejects(bashPlace({ bash }), { code: "config.invalid" });
  }
  await using short = await bashPlace({ bash: { maxTimeoutMs: 1_000 } });
  assert.match(short.tools.get("bash")?.description ?? "", /after 1,000 ms .*at most 1,000/);
  await using long = await bashPlace({ bash: { timeoutMs: 700_000 } });
  assert.match(long.tools.get("bash")?.description ?? "", /after 700,000 ms .*at most 700,000/);
});

test("the environment of the options, CI among it", async () => {
  await using at = await bashPlace({ bash: { ci: true, env: { GREETING: "hello $HOME" } } });
  const { output } = outputOf(await at.bash('echo "$CI $GREETING $PAGER"'));
  assert.equal(output, "true hello $HOME cat");
  await using plain = await bashPlace();
  assert.equal(outputOf(await plain.bash('echo "[$CI]"', {})).output, `[${process.env.CI ?? ""}]`);
});

test("an abort settles the call, and nothing of its tree is left", async () => {
  await using at = await bashPlace();
  const stop = new AbortController();
  const called = at.tools.call(
    "bash",
    { command: "echo $$; sleep 83 & sleep 84" },
    { signal: stop.signal, onOutput: () => stop.abort() },
  );
  assert.equal((await called).error?.code, "operation.aborted");
  await waitFor("the tree has ended", async () => {
    return (await at.runtime.exec("pgrep -f '^sleep 8[34]$'")).stdout === "";
  });
  const before = await at.tools.call("bash", { command: "touch made" }, { signal: AbortSignal.abort() });
  assert.equal(before.error?.code, "operation.aborted");
  assert.equal(await at.runtime.fs.exists("made"), false);
});

test("many calls at once keep to themselves", async () => {
  await using at = await bashPlace();
  const results = await Promise.all(
    Array.from({ length: 30 }, (_, index) => at.bash(`echo ${index}; exit ${index}`)),
  );
  assert.deepEqual(
    results.map((result) => [outputOf(result).output, outputOf(result).exit_code]),
    Array.from({ length: 30 }, (_, index) => [String(index), index]),
  );
});
