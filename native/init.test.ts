import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { childrenOf, collect, helperProgram, isRunning, processesMarked, until } from "./helper-client.ts";

const program = helperProgram();
const isRoot = process.getuid?.() === 0;
const { signals } = constants;
const directory = mkdtempSync(join(tmpdir(), "berth-helper-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const namespaced = ["unshare", "-fp", "--mount-proc", "--kill-child", program, "init"];
const skip = !isRoot && "needs root for a pid namespace";

function startInit(...args: string[]): ChildProcess {
  return spawn(namespaced[0]!, [...namespaced.slice(1), ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

/** The init itself: the only child of unshare. */
async function initPid(child: ChildProcess): Promise<number> {
  return until("init runs", () => {
    const pid = childrenOf(child.pid!)[0];
    return pid !== undefined && readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith(program)
      ? pid
      : undefined;
  });
}

test("init: the status is that of the command, or of the daemon when it is alone", { skip }, async () => {
  for (const [args, code] of [
    [["--", "sh", "-c", "exit 5"], 5],
    [["sh", "-c", "kill -9 $$"], 137],
    [["--", "sleep", "60", "--", "sh", "-c", "exit 7"], 7],
    [["--", "sleep", "60", "--", "sh", "-c", "kill -TERM $$"], 143],
    [["--", "sleep", "60", "--", "no-such-command"], 127],
    [["--", "--", "sh", "-c", "exit 6"], 6],
    [["--", "true", "--", "sh", "-c", "sleep 0.2; exit 8"], 8],
    [["--", "no-such-daemon"], 127],
  ] as const) {
    const { code: actual, stderr } = await collect(startInit(...args));
    assert.equal(actual, code, `${args.join(" ")}: ${stderr}`);
  }
});

test("init: reaps what is orphaned", { skip }, async () => {
  const orphans = "i=0; while [ $i -lt 20 ]; do (true &); i=$((i+1)); done";
  const look = `${orphans}; while ps -e -o stat= | grep -q Z; do :; done; echo clean`;
  const { stdout, code } = await collect(startInit("--", "sleep", "60", "--", "sh", "-c", look));
  assert.equal(stdout, "clean\n");
  assert.equal(code, 0);
});

test("init: the command has stdio and environment, the daemon /dev/null and the log", { skip }, async () => {
  const log = join(directory, "init.log");
  const child = spawn(
    namespaced[0]!,
    [
      ...namespaced.slice(1),
      "--log",
      log,
      "--",
      "sh",
      "-c",
      "echo daemon; readlink /proc/self/fd/0; sleep 60",
      "--",
      "sh",
      "-c",
      `while ! grep -q null ${log}; do :; done; cat; echo "$MARK"`,
    ],
    {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, MARK: "from the container" },
    },
  );
  child.stdin.end("input\n");
  assert.equal((await collect(child)).stdout, "input\nfrom the container\n");
  assert.equal(readFileSync(log, "utf8"), "daemon\n/dev/null\n");
});

test("init: the command's environment is the container's, not the daemon's", { skip }, async () => {
  const log = join(directory, "environment.log");
  const show =
    'echo "[$NODE_OPTIONS] [$BERTHD_KEPT_NODE_OPTIONS] [$BERTHD_NODE] [$BERTHD_OPEN_FILES] [$PLAIN]"';
  const later = `while ! grep -q "\\[" ${log}; do :; done; ${show}`;
  const daemon = ["sh", "-c", `${show}; sleep 60`];
  const limited = [
    "prlimit",
    "--nofile=321:4000",
    ...namespaced,
    "--log",
    log,
    "--",
    ...daemon,
    "--",
    "sh",
    "-c",
    later,
  ];
  const child = spawn(limited[0]!, limited.slice(1), {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: process.env.PATH,
      NODE_OPTIONS: "",
      BERTHD_KEPT_NODE_OPTIONS: "--inspect",
      BERTHD_NODE: "[]",
      PLAIN: "1",
    },
  });
  assert.equal((await collect(child)).stdout, "[--inspect] [] [] [] [1]\n");
  assert.equal(readFileSync(log, "utf8"), "[] [--inspect] [[]] [321] [1]\n");
});

test("init: signals go to the command, and none of them ends init", { skip }, async () => {
  const names = ["HUP", "INT", "QUIT", "USR1", "USR2", "WINCH", "TERM"] as const;
  const traps = names.map((name) => `trap 'echo ${name}' ${name}`).join("; ");
  const child = startInit(
    "--",
    "sleep",
    "60",
    "--",
    "sh",
    "-c",
    `${traps}; trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done`,
  );
  let printed = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const pid = await initPid(child);
  await until("ready", () => printed.includes("ready"));
  for (const name of names.slice(0, -1)) {
    process.kill(pid, signals[`SIG${name}` as NodeJS.Signals]);
    await until(name, () => printed.endsWith(`${name}\n`));
  }
  const done = collect(child);
  process.kill(pid, "SIGTERM");
  assert.equal((await done).code, 9);
});

test("init: without a command TERM ends everything, also what ignores it", { skip }, async () => {
  const mark = `init-${process.pid}`;
  const child = spawn(
    namespaced[0]!,
    [
      ...namespaced.slice(1),
      "--restart",
      "--",
      "sh",
      "-c",
      "trap '' TERM; setsid sleep 60 & while :; do sleep 1; done",
    ],
    {
      env: { ...process.env, BERTH_TEST_MARK: mark },
      stdio: "ignore",
    },
  );
  const pid = await initPid(child);
  await until("three run", () => processesMarked(`BERTH_TEST_MARK=${mark}`).length >= 4);
  const done = collect(child);
  process.kill(pid, "SIGTERM");
  assert.equal((await done).code, 143);
  assert.deepEqual(processesMarked(`BERTH_TEST_MARK=${mark}`), []);
});

test("init: alone it holds the container up until TERM", { skip }, async () => {
  const child = startInit();
  const pid = await initPid(child);
  const done = collect(child);
  await until("waiting", () => /^\d+ \(.*\) S/.test(readFileSync(`/proc/${pid}/stat`, "latin1")));
  process.kill(pid, "SIGTERM");
  assert.equal((await done).code, 143);
});

test("init: --restart starts the daemon again", { skip }, async () => {
  const count = join(directory, "starts");
  const child = startInit("--restart", "--", "sh", "-c", `echo start >>${count}; exit 1`);
  const pid = await initPid(child);
  await until("three starts", () => existsSync(count) && readFileSync(count, "utf8").split("\n").length > 3);
  const done = collect(child);
  process.kill(pid, "SIGTERM");
  assert.equal((await done).code, 143);
});

test("init: as an ordinary user, and outside of a namespace only its descendants are ended", async () => {
  const argv = [program, "init", "--", "sh", "-c", "setsid sleep 60 & sleep 60"];
  const command = isRoot ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...argv] : argv;
  const mark = `user-${process.pid}`;
  const outsider = spawn("sleep", ["60"], { stdio: "ignore" });
  try {
    const child = spawn(command[0]!, command.slice(1), {
      env: { ...process.env, BERTH_TEST_MARK: mark },
      stdio: "ignore",
    });
    await until("it runs", () => processesMarked(`BERTH_TEST_MARK=${mark}`).length === 4);
    const done = collect(child);
    process.kill(child.pid!, "SIGINT");
    assert.equal((await done).code, 130);
    assert.deepEqual(processesMarked(`BERTH_TEST_MARK=${mark}`), []);
    assert.ok(isRunning(outsider.pid!));
  } finally {
    outsider.kill("SIGKILL");
  }
});
