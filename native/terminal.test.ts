import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { test } from "node:test";
import { EVENT, Helper, until } from "./helper-client.ts";

const { errno, signals } = constants;
const size = { rows: 33, columns: 111 };

test("the command has the terminal as its own, of the size asked for", async () => {
  await using helper = new Helper();
  const run = helper.run(
    [
      "sh",
      "-c",
      "tty; stty size; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; : >/dev/tty && echo controlling",
    ],
    { tty: size },
  );
  const [out = ""] = await run.text();
  assert.match(out, /^\/dev\/pts\/\d+\r\n33 111\r\nall\r\ncontrolling\r\n$/);
  await run.until(EVENT.EMPTY);
  const { descriptors } = await run.started();
  assert.deepEqual(
    descriptors.map((fd) => fd >= 0),
    [true, true, false, false],
    "input and output, as pipes",
  );
});

test("every byte written before the exit comes before EXITED is acted on, and the output ends", async () => {
  await using helper = new Helper();
  for (let i = 0; i < 20; i++) {
    const run = helper.run(["seq", "1", "5000"], { tty: size });
    const [out = ""] = await run.text();
    assert.equal(out, Array.from({ length: 5000 }, (_, n) => `${n + 1}\r\n`).join(""));
    await run.until(EVENT.EMPTY);
  }
});

test("EXITED waits for the output to be taken, which pushes back on the command", async () => {
  await using helper = new Helper();
  const run = helper.run(["seq", "1", "200000"], { tty: size });
  await run.started();
  run.pauseOutput();
  const before = run.events.length;
  await until("the pipe is full", () => run.output().length >= 0);
  assert.equal(run.events.length, before);
  run.resumeOutput();
  const [out = ""] = await run.text();
  assert.equal(out.length, 1_488_895);
  assert.equal(await run.exitStatus(), 0);
});

test("a reader that goes away doesn't stop the command", async () => {
  await using helper = new Helper();
  const run = helper.run(["sh", "-c", "read -r go; seq 1 200000; exit 5"], { tty: size });
  await run.started();
  run.stdin?.write("go\n");
  run.closeOutput();
  assert.equal(await run.exitStatus(), 5 << 8);
  await run.until(EVENT.EMPTY);
});

test("Ctrl-C interrupts, Ctrl-D ends the input", async () => {
  await using helper = new Helper();
  const sleeping = helper.run(["sh", "-c", "echo ready; exec sleep 60"], { tty: size });
  await until("ready", () => sleeping.output().includes("ready"));
  sleeping.stdin?.write("\x03");
  assert.equal(await sleeping.exitStatus(), signals.SIGINT);
  const reading = helper.run(["sh", "-c", "cat; echo bye"], { tty: size });
  await reading.started();
  reading.stdin?.write("hello\n\x04");
  assert.equal((await reading.text())[0], "hello\r\nhello\r\nbye\r\n");
});

test("a megabyte typed into a raw terminal arrives", async () => {
  await using helper = new Helper();
  const run = helper.run(["sh", "-c", "stty raw -echo; echo ready; head -c 1000000 | wc -c"], { tty: size });
  await until("ready", () => run.output().includes("ready"));
  run.stdin?.write(Buffer.alloc(1_000_000, "x"));
  assert.match((await run.text())[0] ?? "", /1000000/);
});

test("a change of size reaches the command, rows and columns not swapped", async () => {
  await using helper = new Helper();
  const run = helper.run(
    ["sh", "-c", "trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.01; done"],
    { tty: size },
  );
  await until("ready", () => run.output().includes("ready"));
  run.resize(50, 120);
  assert.equal((await run.text())[0], "ready\r\n50 120\r\n");
  assert.equal(await run.exitStatus(), 3 << 8);
});

test("EXITED comes while a child still holds the terminal; EOF when it lets go", async () => {
  await using helper = new Helper();
  const run = helper.run(["sh", "-c", "trap '' HUP; sleep 60 & echo done"], { tty: size });
  await run.until(EVENT.EXITED);
  await until("output", () => run.output() === "done\r\n");
  assert.equal(run.outputEnded(), false);
  assert.equal(await run.killTree(5000), 0);
  await run.text();
  await run.until(EVENT.EMPTY);
});

test("the output ends although a process that let go of the terminal lives on", async () => {
  await using helper = new Helper();
  const away = "setsid sh -c 'kill -USR1 $0; exec sleep 60' $$ </dev/null >/dev/null 2>&1";
  const run = helper.run(["sh", "-c", `trap 'echo done; exit' USR1; ${away} & while :; do wait; done`], {
    tty: size,
  });
  assert.equal((await run.text())[0], "done\r\n");
  assert.equal(run.find(EVENT.EMPTY), undefined);
  assert.equal(await run.signal(signals.SIGTERM), errno.ESRCH);
  assert.equal(await run.killTree(5000), 0);
});

test("a hang-up by signal ends a shell, and KILL_TREE one that ignores it", async () => {
  await using helper = new Helper();
  const shell = helper.run(["sh", "-i"], {
    tty: size,
    env: { PATH: process.env.PATH ?? "", PS1: "prompt>" },
  });
  await until("prompt", () => shell.output().includes("prompt>"));
  assert.equal(await shell.signal(signals.SIGHUP), 0);
  assert.equal(await shell.exitStatus(), signals.SIGHUP);
  const stubborn = helper.run(["sh", "-c", "trap '' HUP TERM INT; echo ready; while :; do sleep 1; done"], {
    tty: size,
  });
  await until("ready", () => stubborn.output().includes("ready"));
  assert.equal(await stubborn.killTree(5000), 0);
  assert.equal(await stubborn.exitStatus(), signals.SIGKILL);
});

test("job control works", async () => {
  await using helper = new Helper();
  const run = helper.run(["sh", "-i"], { tty: size, env: { PATH: process.env.PATH ?? "", PS1: "prompt>" } });
  await until("prompt", () => run.output().includes("prompt>"));
  const { pid } = await run.started();
  const foreground = (): number =>
    Number(readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ")[5]);
  run.stdin?.write("sleep 61\n");
  await until("the job is in the foreground", () => foreground() !== pid);
  run.stdin?.write("\x1a");
  await until("the shell is back", () => foreground() === pid);
  // dash may remark once that there are stopped jobs; the second exit is final.
  run.stdin?.write("kill -KILL %1\nexit 4\nexit 4\n");
  assert.equal(await run.exitStatus(), 4 << 8);
  assert.match(run.output(), /Stopped/);
});
