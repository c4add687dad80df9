import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, release, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  childrenOf,
  EVENT,
  frame,
  Helper,
  helperProgram,
  isRunning,
  processesMarked,
  u32,
  until,
} from "./helper-client.ts";

const { errno, signals } = constants;
/** Becomes wholly root when it is setuid: then even its starter may not kill it. */
const rootProgram = "/usr/bin/setpriv";
const isRoot = process.getuid?.() === 0;
const directory = mkdtempSync(join(tmpdir(), "berth-helper-"));
after(() => rmSync(directory, { recursive: true, force: true }));

let marks = 0;
function marked(): { env: Record<string, string>; left: () => number[] } {
  const value = `${process.pid}-${marks++}`;
  return {
    env: { PATH: process.env.PATH ?? "", BERTH_TEST_MARK: value },
    left: () => processesMarked(`BERTH_TEST_MARK=${value}`),
  };
}

test("200 children that ignore TERM are ended by one KILL_TREE", async () => {
  await using helper = new Helper();
  const { env, left } = marked();
  const storm = "trap '' TERM; i=0; while [ $i -lt 200 ]; do sleep 60 & i=$((i+1)); done; echo ready; wait";
  const run = helper.run(["sh", "-c", storm], { env });
  await until("ready", () => run.output().includes("ready"));
  // A child that is about to become `sleep` has no environment to be known by for a moment.
  await until("all to be known", () => left().length === 201);
  assert.equal(await run.signal(signals.SIGTERM), 0);
  assert.equal(left().length, 201);
  assert.equal(await run.killTree(5000), 0);
  await run.until(EVENT.EMPTY);
  assert.deepEqual(left(), []);
});

test("processes that left the group, the session, their parents and their environment are ended", async () => {
  await using helper = new Helper();
  const deep = join(directory, "deep.py");
  writeFileSync(
    deep,
    "import os,time\nfor _ in range(3):\n  if os.fork()>0: os._exit(0)\n  os.setsid()\nprint(os.getpid(),flush=True)\ntime.sleep(60)\n",
  );
  const run = helper.run([
    "sh",
    "-c",
    `setsid env -i sleep 60 & (setsid sh -c '(sleep 60 & echo $!)' &); python3 ${deep} & wait; sleep 60`,
  ]);
  const pids = await until("both have printed", () => {
    const lines = run.output().split("\n").slice(0, -1);
    return lines.length === 2 ? lines.map(Number) : undefined;
  });
  assert.ok(pids.every(isRunning));
  assert.equal(await run.killTree(5000), 0);
  assert.ok(!pids.some(isRunning));
  await run.until(EVENT.EMPTY);
});

test("a fork bomb of bounded size is ended while it grows", async () => {
  await using helper = new Helper();
  const bomb = join(directory, "bomb.sh");
  writeFileSync(
    bomb,
    "trap '' TERM HUP\nif [ $1 -gt 0 ]; then setsid sh $0 $(($1-1)) & sh $0 $(($1-1)) & fi\nsleep 60\n",
  );
  for (const waitFor of [3, 40, 200]) {
    const { env, left } = marked();
    const run = helper.run(["sh", bomb, "8"], { env });
    await until(`${waitFor} processes`, () => left().length >= waitFor);
    assert.equal(await run.killTree(20_000), 0);
    await run.until(EVENT.EMPTY);
    assert.deepEqual(left(), []);
  }
});

test("a process that hops, forking and exiting all the time, is caught", async () => {
  await using helper = new Helper();
  const hop = join(directory, "hop.py");
  // Each life is a few hundred microseconds and a session of its own; at most 60 s in all.
  writeFileSync(
    hop,
    "import os,time\nend=time.time()+60\nprint('hopping',flush=True)\nwhile time.time()<end:\n  if os.fork()>0: os._exit(0)\n  os.setsid()\n",
  );
  for (let i = 0; i < 5; i++) {
    const { env, left } = marked();
    const run = helper.run(["python3", hop], { env });
    await until("hopping", () => run.output().includes("hopping"));
    await run.until(EVENT.EXITED);
    assert.equal(await run.killTree(20_000), 0);
    await run.until(EVENT.EMPTY);
    assert.deepEqual(left(), []);
  }
});

test("what can't be killed is counted, and its end is still reported", {
  skip: !isRoot && "needs root",
}, async () => {
  await using helper = new Helper([
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    helperProgram(),
    "spawn",
  ]);
  // A process of root below a helper of nobody: only its own end ends it.
  const rooted = join(directory, "rooted");
  copyFileSync(rootProgram, rooted);
  chmodSync(directory, 0o755);
  chmodSync(rooted, 0o4755);
  const run = helper.run([rooted, "--reuid=0", "--regid=0", "--clear-groups", "sleep", "60"], {
    open: false,
  });
  const { pid } = await run.started();
  run.opened();
  await until("it is root's", () => /^Uid:\s+0\s+0\s+0/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
  assert.equal(await run.signal(signals.SIGKILL), errno.EPERM);
  assert.equal(await run.killTree(50), 1);
  assert.ok(isRunning(pid));
  process.kill(pid, "SIGKILL");
  await run.until(EVENT.EMPTY);
  assert.deepEqual(run.story, ["STARTED", `SIGNALLED ${errno.EPERM}`, "KILLED 1", "EXITED 9", "EMPTY"]);
});

test("KILL_TREE while the command is just starting or just ending", async () => {
  await using helper = new Helper();
  const runs = Array.from({ length: 100 }, (_, i) =>
    helper.run(i % 2 === 0 ? ["true"] : ["sleep", "60"], { open: false }),
  );
  for (const run of runs) {
    helper.channel.write(frame(4, run.id, u32(5000)));
    run.opened();
  }
  for (const run of runs) await run.until(EVENT.EMPTY);
  for (const run of runs) assert.equal(run.story.at(-1), "EMPTY");
  await until("the supervisors are gone", () => childrenOf(helper.pid).length === 0);
});

test("1,000 processes: each its own exit, little memory, all gone with the daemon", async () => {
  const { env, left } = marked();
  const helper = new Helper();
  try {
    const runs = Array.from({ length: 1000 }, () => helper.run(["sleep", "300"], { env, open: false }));
    for (const run of runs) {
      await run.started();
      run.opened();
    }
    const proportional = childrenOf(helper.pid).map((pid) =>
      Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]),
    );
    assert.equal(proportional.length, 1000);
    const mean = proportional.reduce((a, b) => a + b) / proportional.length;
    assert.ok(mean < 100, `a supervisor takes ${mean} KiB`);
    const more = helper.run(["sh", "-c", "exit 3"]);
    assert.equal(await more.exitStatus(), 3 << 8);
    assert.equal(await runs[500]!.signal(signals.SIGTERM), 0);
    assert.equal(await runs[500]!.exitStatus(), signals.SIGTERM);
    assert.equal(left().length, 999);
  } finally {
    await helper[Symbol.asyncDispose]();
  }
  assert.deepEqual(left(), [], "the helper waits for the trees to be gone");
});

const holder = `
import { Helper } from ${JSON.stringify(fileURLToPath(new URL("helper-client.ts", import.meta.url)))};
const helper = new Helper();
const mark = process.argv[1];
const env = { PATH: process.env.PATH, BERTH_TEST_MARK: mark };
const runs = Array.from({ length: 5 }, () => helper.run(["sh", "-c", "trap '' TERM HUP; setsid sleep 60 & sleep 60"], { env }));
for (const run of runs) await run.started();
console.log(helper.pid);
setInterval(() => {}, 1000);
`;

for (const [who, victim] of [
  ["the daemon", "daemon"],
  ["the spawner", "spawner"],
] as const) {
  test(`kill -9 of ${who} ends every tree`, async () => {
    const value = `${process.pid}-${marks++}`;
    const left = (): number[] => processesMarked(`BERTH_TEST_MARK=${value}`);
    const daemon = spawn(process.execPath, ["--input-type=module", "-e", holder, value], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    daemon.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    try {
      const spawner = await until("started", () => (printed.endsWith("\n") ? Number(printed) : undefined));
      await until("five trees", () => left().length === 15 || left().length === 10);
      const supervisors = childrenOf(spawner);
      assert.equal(supervisors.length, 5);
      process.kill(victim === "daemon" ? daemon.pid! : spawner, "SIGKILL");
      await until("the trees are gone", () => left().length === 0);
      await until("the supervisors are gone", () => !supervisors.some(isRunning));
      await until("the spawner is gone", () => !isRunning(spawner));
    } finally {
      daemon.kill("SIGKILL");
    }
  });
}

/** Starts and ends commands until the numbers given out are above `least`. */
async function burnPids(helper: Helper, least: number): Promise<void> {
  for (let pid = 0; pid <= least; ) {
    const run = helper.run(["true"], { open: false });
    pid = (await run.started()).pid;
    run.opened();
    await run.until(EVENT.EMPTY);
  }
}

const [major = 0, minor = 0] = release().split(".").map(Number);
const ownPidMax = major > 6 || (major === 6 && minor >= 14);

test("a reused pid is never signalled", {
  skip: !(isRoot && ownPidMax) && "needs root and a pid_max of the namespace (Linux 6.14)",
}, async () => {
  // A namespace of few pids: the number of an ended command comes back soon, as another command's.
  const small = 'echo 400 >/proc/sys/kernel/pid_max && exec "$0" spawn';
  await using helper = new Helper([
    "unshare",
    "-fp",
    "--mount-proc",
    "--kill-child",
    "sh",
    "-c",
    small,
    helperProgram(),
  ]);
  await burnPids(helper, 300); // the kernel gives the lowest 300 only once
  const first = helper.run(
    [
      "sh",
      "-c",
      "trap 'exit 0' USR1; setsid sh -c 'kill -USR1 $0; exec sleep 60' $$ & while :; do wait; done",
    ],
    { open: false },
  );
  const { pid } = await first.started();
  first.opened();
  await first.until(EVENT.EXITED);
  let second = helper.run(["sleep", "60"], { open: false });
  for (let i = 0; i < 400 && (await second.started()).pid !== pid; i++) {
    second.opened();
    assert.equal(await second.killTree(5000), 0);
    await second.until(EVENT.EMPTY);
    second = helper.run(["sleep", "60"], { open: false });
  }
  assert.equal((await second.started()).pid, pid, "the number came back");
  second.opened();
  assert.equal(await first.signal(signals.SIGKILL), errno.ESRCH);
  assert.equal(await first.killTree(5000), 0);
  await first.until(EVENT.EMPTY);
  assert.equal(second.find(EVENT.EXITED), undefined, "the other command lives");
  assert.equal(await second.signal(signals.SIGTERM), 0);
  assert.equal(await second.exitStatus(), signals.SIGTERM);
});
