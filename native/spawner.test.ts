import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  childrenOf,
  EVENT,
  frame,
  Helper,
  helperProgram,
  isRunning,
  processesMarked,
  spawnPayload,
  u32,
  until,
} from "./helper-client.ts";

const isRoot = process.getuid?.() === 0;
const { errno, signals } = constants;
const directory = mkdtempSync(join(tmpdir(), "berth-helper-"));
after(() => rmSync(directory, { recursive: true, force: true }));

function script(name: string, text: string, mode = 0o755): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test("stdout and stderr are real pipes of their own, stdin is /dev/null", async () => {
  await using helper = new Helper();
  const run = helper.run([
    "sh",
    "-c",
    "echo out >/dev/stdout; echo err >/dev/stderr; readlink /proc/self/fd/0",
  ]);
  const [out, err] = await run.text();
  assert.equal(out, "out\n/dev/null\n");
  assert.equal(err, "err\n");
  await run.until(EVENT.EMPTY);
  assert.deepEqual(run.story, ["STARTED", "EXITED 0", "EMPTY"]);
});

test("a command starts as leader of a session, with no other descriptor, no blocked and no ignored signal", async () => {
  await using helper = new Helper();
  const none = "0000000000000000";
  const masks = helper.run(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]);
  assert.equal((await masks.text())[0], `SigBlk:\t${none}\nSigIgn:\t${none}\n`);
  const session = helper.run(["cut", "-d", " ", "-f", "5,6", "/proc/self/stat"]);
  const { pid } = await session.started();
  assert.equal((await session.text())[0], `${pid} ${pid}\n`);
  const listed = helper.run(["ls", "/proc/self/fd"]);
  assert.equal((await listed.text())[0], "0\n1\n2\n3\n"); // 3 is the directory that ls reads
});

test("the start time is that of the child, the status and the use of resources are in EXITED", async () => {
  await using helper = new Helper();
  const run = helper.run([
    "sh",
    "-c",
    "cut -d' ' -f22 /proc/$$/stat; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 7",
  ]);
  const [out = ""] = await run.text();
  const { startTime } = await run.started();
  assert.equal(startTime, BigInt(out.trim()));
  const exited = await run.until(EVENT.EXITED);
  assert.equal(exited.readInt32LE(0), 7 << 8);
  assert.ok(exited.readBigUInt64LE(4) > 0n, "user time");
  assert.ok(exited.readBigUInt64LE(20) > 300n, "max rss in KiB");
});

test("arguments and environment arrive exactly", async () => {
  await using helper = new Helper();
  const odd = "a'b\"c$d`e\nf\tg\\h é";
  const run = helper.run(["sh", "-c", 'printf "%s|%s|%s" "$1" "$2" "$X"', "sh", odd, ""], {
    env: { PATH: process.env.PATH ?? "", X: odd },
  });
  assert.equal((await run.text())[0], `${odd}||${odd}`);
  const bare = helper.run(["/usr/bin/env"], { env: {} });
  assert.equal((await bare.text())[0], "");
});

test("200 KB of arguments and environment work, too much is E2BIG", async () => {
  await using helper = new Helper();
  const many = Array.from({ length: 200 }, (_, i) => `${i}-`.padEnd(1000, "x"));
  const env = {
    PATH: process.env.PATH ?? "",
    ...Object.fromEntries(many.map((value, i) => [`V${i}`, value])),
  };
  const run = helper.run(["sh", "-c", 'echo "$# $V199"', "sh", ...many], { env });
  assert.equal((await run.text())[0], `200 ${many[199]}\n`);
  const one = helper.run(["true", "x".repeat(200_000)]);
  await one.until(EVENT.FAILED);
  assert.deepEqual(one.story, [`FAILED 6 ${errno.E2BIG}`]);
  const all = helper.run(["true", ...Array.from({ length: 40 }, () => "y".repeat(100_000))]);
  await all.until(EVENT.FAILED);
  assert.deepEqual(all.story, [`FAILED 6 ${errno.E2BIG}`]);
  const after = helper.run(["true"]);
  await after.until(EVENT.EMPTY);
});

test("a frame that comes byte by byte, and many in one write", async () => {
  await using helper = new Helper();
  helper.channel.write(frame(4, 999, u32(10))); // an id that was never used is nobody's business
  const bytes = frame(1, 500, spawnPayload(["false"]));
  for (const byte of bytes) helper.channel.write(Buffer.of(byte));
  const runs = Array.from({ length: 20 }, (_, i) => helper.run(["sh", "-c", `exit ${i}`]));
  for (const [i, run] of runs.entries()) {
    assert.equal(await run.exitStatus(), i << 8);
    await run.until(EVENT.EMPTY);
  }
});

test("what can't be started says at which stage and why", async (t) => {
  await using helper = new Helper();
  const noInterpreter = script("no-interpreter", "#!/nowhere/sh\n");
  script("only-here", "#!/bin/sh\necho here $0\n");
  const forbidden = script("forbidden", "#!/bin/sh\n", 0o644);
  const foreign = script("foreign", "\u007fELF of another machine");
  const PATH = `${directory}:${process.env.PATH}`;
  const cases: [string, string[], object, string][] = [
    ["not in PATH", ["no-such-command"], {}, `FAILED 4 ${errno.ENOENT}`],
    ["no such file", ["/nowhere/x"], {}, `FAILED 4 ${errno.ENOENT}`],
    ["empty name", [""], {}, `FAILED 4 ${errno.ENOENT}`],
    ["file as directory", ["/etc/passwd/x"], {}, `FAILED 4 ${errno.ENOTDIR}`],
    ["no interpreter", [noInterpreter], {}, `FAILED 5 ${errno.ENOENT}`],
    ["no interpreter, by PATH", ["no-interpreter"], { env: { PATH } }, `FAILED 5 ${errno.ENOENT}`],
    ["not executable", [forbidden], {}, `FAILED 6 ${errno.EACCES}`],
    ["not executable, by PATH", ["forbidden"], { env: { PATH } }, `FAILED 6 ${errno.EACCES}`],
    ["a directory", [directory], {}, `FAILED 6 ${errno.EACCES}`],
    ["another machine's program", [foreign], {}, `FAILED 6 ${errno.ENOEXEC}`],
    ["no cwd", ["true"], { cwd: "/nowhere" }, `FAILED 3 ${errno.ENOENT}`],
    ["cwd is a file", ["true"], { cwd: "/etc/passwd" }, `FAILED 3 ${errno.ENOTDIR}`],
  ];
  for (const [name, argv, settings, story] of cases) {
    await t.test(name, async () => {
      const run = helper.run(argv, settings);
      await until(name, () => run.events.length > 0);
      assert.deepEqual(run.story, [story]);
    });
  }
  await until("their supervisors are gone", () => childrenOf(helper.pid).length === 0);
});

test("PATH is searched as execvp does it", async () => {
  await using helper = new Helper();
  script("-plain", "echo plain $1\n");
  script("where", "#!/bin/sh\necho found\n");
  const first = join(directory, "first");
  const run = async (argv: string[], settings: object): Promise<string | undefined> =>
    (await helper.run(argv, settings).text())[0];
  assert.equal(await run(["where"], { env: { PATH: `/nowhere:${first}:${directory}` } }), "found\n");
  assert.equal(
    await run(["where"], { env: { PATH: "" }, cwd: directory }),
    "found\n",
    "an empty PATH is the cwd",
  );
  assert.equal(
    await run(["where"], { env: { PATH: "/nowhere:" }, cwd: directory }),
    "found\n",
    "an empty part too",
  );
  assert.equal(await run(["-plain", "1"], { env: { PATH: "" }, cwd: directory }), "plain 1\n", "no #! is sh");
  assert.equal(await run(["echo", "default"], { env: {} }), "default\n", "the default PATH");
  assert.equal(await run(["./where"], { env: {}, cwd: directory }), "found\n", "a slash means no search");
});

test("stdin: 8 MiB with backpressure, then EOF", async () => {
  await using helper = new Helper();
  const run = helper.run(["sh", "-c", "cat | wc -c"], { stdin: true });
  await run.started();
  run.stdin?.end(Buffer.alloc(8 * 1024 * 1024, 1));
  assert.equal((await run.text())[0]?.trim(), String(8 * 1024 * 1024));
});

test("a command that never reads its stdin ends, and one whose stdin is closed sees EOF", async () => {
  await using helper = new Helper();
  const ignoring = helper.run(["true"], { stdin: true });
  await ignoring.until(EVENT.EMPTY);
  const reading = helper.run(["cat"], { stdin: true });
  await reading.started();
  reading.stdin?.end("last words");
  assert.equal((await reading.text())[0], "last words");
});

test("merged output is one pipe and keeps the order of writing", async () => {
  await using helper = new Helper();
  const run = helper.run(
    ["sh", "-c", "i=0; while [ $i -lt 300 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done"],
    { merge: true },
  );
  const outputs = await run.text();
  assert.equal(outputs.length, 1);
  assert.equal(outputs[0], Array.from({ length: 300 }, (_, i) => `o${i}\ne${i}\n`).join(""));
});

test("the soft limit of open files and the umask are as asked for", async () => {
  await using helper = new Helper();
  const run = helper.run(["sh", "-c", "ulimit -Sn; umask"], { nofile: 777, umask: 0o027 });
  assert.equal((await run.text())[0], "777\n0027\n");
  const hard = helper.run(["sh", "-c", '[ "$(ulimit -Sn)" = "$(ulimit -Hn)" ] && echo hard'], {
    nofile: 2 ** 40,
  });
  assert.equal((await hard.text())[0], "hard\n");
});

test("a user: uid, gid and all groups, and the pipes can still be opened without CAP_SYS_PTRACE", {
  skip: !isRoot && "needs root",
}, async () => {
  const bounded = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"];
  await using helper = new Helper([...bounded, helperProgram(), "spawn"]);
  const run = helper.run(["sh", "-c", "id -u; id -g; id -G; sleep 60"], {
    user: { uid: 65534, gid: 65533, groups: [65533, 1, 20] },
  });
  const { supervisor } = await run.started();
  await until("id has printed", () => run.output().split("\n").length === 4);
  assert.equal(run.output(), "65534\n65533\n65533 1 20\n");
  const looker = helper.run([...bounded, "ls", `/proc/${supervisor}/fd`]);
  assert.match((await looker.text())[0] ?? "", /^0\n1\n2\n3\n/);
  const unreadable = script("root-only", "#!/bin/sh\n", 0o700);
  const refused = helper.run([unreadable], { user: { uid: 65534, gid: 65534, groups: [] } });
  await refused.until(EVENT.FAILED);
  assert.deepEqual(refused.story, [`FAILED 6 ${errno.EACCES}`]);
  assert.equal(await run.killTree(2000), 0);
});

test("an ordinary user can't become another", {
  skip: !isRoot && "needs root to be an ordinary user",
}, async () => {
  await using helper = new Helper([
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    helperProgram(),
    "spawn",
  ]);
  const run = helper.run(["true"], { user: { uid: 0, gid: 0, groups: [] } });
  await run.until(EVENT.FAILED);
  assert.deepEqual(run.story, [`FAILED 2 ${errno.EPERM}`]);
  const own = helper.run(["id", "-u"], { open: false });
  await own.started();
  own.opened();
  await own.until(EVENT.EMPTY);
});

test("EXITED comes with the command's end, EMPTY with that of the last process it left", async () => {
  await using helper = new Helper();
  const run = helper.run(["sh", "-c", "sleep 60 & echo hi"]);
  await run.until(EVENT.EXITED);
  await until("output", () => run.output() === "hi\n");
  assert.equal(run.find(EVENT.EMPTY), undefined);
  assert.equal(run.outputEnded(), false, "the child holds the pipe");
  assert.equal(await run.killTree(5000), 0);
  await run.until(EVENT.EMPTY);
  assert.deepEqual(run.story, ["STARTED", "EXITED 0", "KILLED 0", "EMPTY"]);
});

test("the pipes are kept until they are opened, whatever the command does", async () => {
  await using helper = new Helper();
  const run = helper.run(["sh", "-c", "echo kept"], { open: false });
  await run.until(EVENT.EXITED);
  assert.equal(run.find(EVENT.EMPTY), undefined);
  run.open();
  assert.equal((await run.text())[0], "kept\n");
  await run.until(EVENT.EMPTY);
});

test("signals go to the process group, by number", async () => {
  await using helper = new Helper();
  const run = helper.run([
    "sh",
    "-c",
    "trap 'echo usr1' USR1; sleep 60 & echo ready; while :; do wait; done",
  ]);
  await until("ready", () => run.output().includes("ready"));
  // wait(1) of the shell: the first USR1 can come before it waits, never before the trap is set.
  assert.equal(await run.signal(signals.SIGUSR1), 0);
  await run.until(EVENT.STARTED);
  assert.equal(await run.signal(65), errno.EINVAL);
  assert.equal(await run.signal(0), errno.EINVAL);
  assert.equal(await run.signal(signals.SIGTERM, 1), errno.EINVAL, "an unknown scope");
  assert.equal(await run.signal(signals.SIGTERM), 0);
  assert.equal(await run.exitStatus(), signals.SIGTERM);
  await run.until(EVENT.EMPTY);
});

test("after the command's end its group is still signalled, while it has members", async () => {
  await using helper = new Helper();
  const away = "setsid sh -c 'kill -USR1 $0; exec sleep 62' $$";
  const run = helper.run(["sh", "-c", `trap 'exit 0' USR1; sleep 61 & ${away} & while :; do wait; done`]);
  await run.until(EVENT.EXITED);
  assert.equal(await run.signal(signals.SIGTERM), 0, "sleep 61 is in the group");
  // The answer may come before the death, so a signal may meet the dying member once more.
  let last = 0;
  for (let i = 0; i < 1000 && last === 0; i++) last = await run.signal(signals.SIGTERM);
  assert.equal(last, errno.ESRCH, "sleep 62 is in the tree but not in the group");
  assert.equal(run.find(EVENT.EMPTY), undefined);
  assert.equal(await run.killTree(5000), 0);
  await run.until(EVENT.EMPTY);
});

test("members of the group that a deeper process keeps are found", async () => {
  await using helper = new Helper();
  // The keeper leaves the group (a session of its own); its child, started before, stays in it.
  const keeper =
    "import os,signal,time\np=os.fork()\nif p==0:\n  time.sleep(60)\nos.setpgid(0,0)\nprint('kept',flush=True)\nos.waitpid(p,0)\nprint('member ended',flush=True)\ntime.sleep(60)";
  const run = helper.run(
    ["sh", "-c", 'python3 -c "$1" & sleep 0; while ! read -r line; do :; done', "sh", keeper],
    { stdin: true },
  );
  await until("kept", () => run.output().includes("kept"));
  run.stdin?.end("go on\n");
  await run.until(EVENT.EXITED);
  assert.equal(await run.signal(signals.SIGTERM), 0);
  await until("the member ended", () => run.output().includes("member ended"));
  assert.equal(await run.signal(signals.SIGTERM), errno.ESRCH);
  assert.equal(await run.killTree(5000), 0);
});

test("STOP and CONT", async () => {
  await using helper = new Helper();
  const run = helper.run(["sleep", "60"]);
  const { pid } = await run.started();
  const state = (): string => readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.charAt(0);
  assert.equal(await run.signal(signals.SIGSTOP), 0);
  await until("stopped", () => state() === "T");
  assert.equal(await run.signal(signals.SIGCONT), 0);
  await until("running", () => state() === "S");
  assert.equal(run.find(EVENT.EXITED), undefined);
  assert.equal(await run.signal(signals.SIGSTOP), 0);
  assert.equal(await run.killTree(5000), 0, "a stopped process is killed too");
  assert.equal(await run.exitStatus(), signals.SIGKILL);
});

test("what the command does to its supervisor is survived", async () => {
  await using helper = new Helper();
  const run = helper.run([
    "sh",
    "-c",
    "for s in HUP INT QUIT PIPE ALRM TERM USR1 USR2 TSTP TTIN TTOU CONT; do kill -s $s $PPID; done; echo alive",
  ]);
  assert.equal((await run.text())[0], "alive\n");
  assert.equal(await run.exitStatus(), 0);
  await run.until(EVENT.EMPTY);
});

test("a command that kills its supervisor is ended by the spawner, with all it started", async () => {
  await using helper = new Helper();
  const other = helper.run(["sleep", "60"]);
  const { pid: otherPid } = await other.started();
  const mark = `BERTH_TEST_MARK=died-${process.pid}`;
  const env = { PATH: process.env.PATH ?? "", BERTH_TEST_MARK: `died-${process.pid}` };
  const later = helper.run(["sh", "-c", "setsid sleep 60 & read -r go; kill -KILL $PPID; sleep 60"], {
    env,
    stdin: true,
  });
  await later.started();
  later.stdin?.write("go\n");
  const atOnce = helper.run(["sh", "-c", "kill -KILL $PPID; setsid sleep 60 & sleep 60"], {
    env,
    open: false,
  });
  for (const run of [later, atOnce])
    assert.equal((await run.until(EVENT.DIED)).readInt32LE(0), signals.SIGKILL);
  await until("the orphans are killed", () => processesMarked(mark).length === 0);
  assert.ok(isRunning(otherPid), "another's process lives");
  const after = helper.run(["true"]);
  await after.until(EVENT.EMPTY);
  assert.equal(await other.killTree(5000), 0);
});
