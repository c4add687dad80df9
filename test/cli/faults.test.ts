import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { container } from "../fixtures/container.ts";
import { image } from "../fixtures/images.ts";
import { waitFor } from "../fixtures/process.ts";
import { BERTH, collect, type Desk, desk } from "./berth.ts";

const run = promisify(execFile);

async function daemonPid(at: Desk): Promise<number> {
  const { stdout } = await run("pgrep", ["-f", `serve --dir ${at.env.BERTH_HOME}/`]);
  return Number(stdout.trim().split("\n")[0]);
}

test("what a detached process wrote is readable after a kill -9 of the daemon, also when it was short", async () => {
  await using at = await desk();
  await at.run(["exec", "-d", "--name", "short", "--", "echo", "kept"]);
  const ended = async () =>
    JSON.parse((await at.run(["ps", "-a", "--json"])).stdout.toString())[0]?.state === "exited";
  await waitFor("its end", ended);
  const directory = `${at.env.BERTH_HOME}/run`;
  const written = async () =>
    (await run("find", [directory, "-name", "process.json"])).stdout.includes("process.json");
  await waitFor("its record", written);
  process.kill(await daemonPid(at), "SIGKILL");
  const { stdout, stderr } = await at.run(["logs", "short"]);
  assert.equal(stdout.toString(), "kept\n", stderr);
});

test("--timeout holds when the daemon is stopped, and a new command says what is the matter", async () => {
  await using at = await desk();
  const child = at.start(["exec", "--timeout", "1s", "--", "sh", "-c", "echo started; sleep 60"]);
  const end = collect(child);
  await once(child.stdout, "data");
  const pid = await daemonPid(at);
  process.kill(pid, "SIGSTOP");
  try {
    const { code, stderr } = await end;
    assert.equal(code, 124, stderr);
    assert.match(stderr, /does not answer/);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  const left = async () => JSON.parse((await at.run(["ps", "--json"])).stdout.toString()).length;
  await waitFor("the end of what ran", async () => (await left()) === 0);
});

test("a full disk behind stdout ends the command and is named", async () => {
  await using at = await desk();
  const full = await open("/dev/full", "w");
  const child = spawn(process.execPath, [BERTH, "exec", "-n", "--", "sh", "-c", "echo hi; sleep 60"], {
    cwd: at.directory,
    env: at.env,
    stdio: ["ignore", full.fd, "pipe"],
  });
  await full.close();
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  let closed = false;
  child.once("close", () => {
    closed = true;
  });
  try {
    await waitFor("its end", () => closed);
  } finally {
    child.kill("SIGKILL");
  }
  assert.equal(child.exitCode, 125);
  assert.match(
    stderr,
    /no space left: standard output .*\[ENOSPC\]|no space left: standard output \[ENOSPC\]/,
  );
  assert.equal((await at.run(["ps", "--json"])).stdout.toString().trim(), "[]");
});

test("an empty home, a relative BERTH_HOME, and a home that refuses files", async () => {
  await using at = await desk();
  const { BERTH_HOME: _, ...others } = at.env;
  const inHome = async (env: NodeJS.ProcessEnv) => {
    const child = spawn(process.execPath, [BERTH, "exec", "--", "echo", "hi"], {
      cwd: at.directory,
      env,
      stdio: "pipe",
    });
    return collect(child);
  };
  // The daemon of a relative path is ended as that of the desk: it is the same directory.
  const relative = await inHome({ ...others, BERTH_HOME: "state" });
  assert.deepEqual([relative.code, relative.stdout.toString()], [0, "hi\n"], relative.stderr);
  const refused = await inHome({ ...others, HOME: "/proc", XDG_STATE_HOME: "" });
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /provision\.no_directory/);
});

test("ps shows the beginning of a long command, and --json the whole", async () => {
  await using at = await desk();
  await at.run(["exec", "-d", "--", "sh", "-c", "sleep 60", "x".repeat(50_000)]);
  const listed = (await at.run(["ps"])).stdout.toString();
  assert.ok(listed.length < 1000, `${listed.length} characters`);
  assert.ok((await at.run(["ps", "--json"])).stdout.length > 50_000);
});

test("cp: a FIFO is not replaced, one in a tree is named, an empty path is a mistake", async () => {
  await using at = await desk();
  const path = (name: string) => join(at.directory, name);
  await writeFile(path("file"), "content");
  await mkdir(path("tree"));
  await run("mkfifo", [path("fifo"), path("tree/fifo")]);
  await writeFile(path("tree/file"), "inside");
  for (const [from, to] of [
    [":file", "fifo"],
    ["file", ":fifo"],
    ["fifo", ":new"],
  ] as const) {
    const { code, stderr } = await at.run(["cp", from, to]);
    assert.deepEqual(
      [code, /\[fs\.not_a_regular_file\]/.test(stderr)],
      [125, true],
      `${from} ${to}: ${stderr}`,
    );
  }
  assert.ok((await lstat(path("fifo"))).isFIFO());
  const tree = await at.run(["cp", "tree", ":copy"]);
  assert.deepEqual([tree.code, /fifo was left out/.test(tree.stderr)], [0, true], tree.stderr);
  assert.equal(await readFile(path("copy/file"), "utf8"), "inside");
  for (const args of [
    ["", ":a"],
    ["file", ""],
  ]) {
    assert.match((await at.run(["cp", ...args])).stderr, /\[cli\.usage\]/);
  }
});

test("--no-daemon in a container: output, input and the exit code are those of the command", async () => {
  await using at = await desk();
  await using place = await container({ image: await image("busybox") });
  const where = ["exec", "-q", "--no-daemon", "-r", `docker://${place.name}`, "--"];
  const { code, stdout, stderr } = await at.run([...where, "sh", "-c", "cat; echo err >&2; exit 3"], "in");
  assert.deepEqual([code, stdout.toString(), stderr], [3, "in", "err\n"]);
  assert.equal((await at.run([...where, "no-such-command"])).code, 127);
});

test("variables of --env-from reach the command, and nobody else", async () => {
  await using at = await desk();
  await writeFile(join(at.directory, "vars"), "BERTH_TEST_SECRET=secret\n");
  const given = await at.run(["exec", "--env-from", "vars", "--", "printenv", "BERTH_TEST_SECRET"]);
  assert.equal(given.stdout.toString(), "secret\n", given.stderr);
  assert.equal((await at.run(["exec", "--", "printenv", "BERTH_TEST_SECRET"])).code, 1);
  const missing = await at.run(["exec", "--env-from", "nosuch", "--", "true"]);
  assert.match(missing.stderr, /nosuch can't be read: ENOENT \[cli\.usage\]/);
});
