import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { promisify } from "node:util";
import { waitFor } from "../fixtures/process.ts";
import { BERTH, collect, desk } from "./berth.ts";

const run = promisify(execFile);

async function alive(pattern: string): Promise<boolean> {
  return run("pgrep", ["-f", pattern]).then(
    () => true,
    () => false,
  );
}

test("output, both streams apart, and the exit code are the command's own", async () => {
  await using at = await desk();
  const ran = await at.run(["exec", "--", "sh", "-c", "printf 'a\\0b'; printf e >&2; exit 7"]);
  assert.deepEqual([ran.stdout.toString("latin1"), ran.stderr, ran.code], ["a\0b", "e", 7]);
});

test("exit codes: signal, timeout, not found, not executable, Berth's own failure, and 255 as itself", async () => {
  await using at = await desk();
  const code = async (...args: string[]) => (await at.run(["exec", ...args])).code;
  assert.equal(await code("--", "sh", "-c", "kill -KILL $$"), 137);
  assert.equal(await code("--timeout", "200ms", "--", "sleep", "30"), 124);
  assert.equal(await code("--", "no-such-command-here"), 127);
  assert.equal(await code("--", "/etc/passwd"), 126);
  assert.equal(await code("--cwd", "/no/such/directory", "--", "true"), 125);
  assert.equal(await code("--", "sh", "-c", "exit 255"), 255);
  assert.equal(await code("--", "sh", "-c", "exit 125"), 125);
});

test("what a command was waiting for when its time was over is told on stderr", async () => {
  await using at = await desk();
  const child = at.start(["exec", "--timeout", "1s", "--", "sh", "-c", "read line"]);
  const stderr: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  const [code] = await once(child, "close");
  assert.deepEqual(
    [code, Buffer.concat(stderr).toString()],
    [124, "berth: timed out: `sh` was waiting for input\n"],
  );
});

test("stdin arrives byte-exact, and its end", async () => {
  await using at = await desk();
  const bytes = randomBytes(3_000_000);
  const ran = await at.run(["exec", "--", "sha256sum"], bytes);
  assert.equal(ran.stdout.toString().slice(0, 64), createHash("sha256").update(bytes).digest("hex"));
});

test("-n gives no input", async () => {
  await using at = await desk();
  const ran = await at.run(["exec", "-n", "--", "cat"], "not read");
  assert.deepEqual([ran.stdout.toString(), ran.code], ["", 0]);
});

test("an interrupt goes to the command's process group", async () => {
  await using at = await desk();
  const child = at.start([
    "exec",
    "--",
    "sh",
    "-c",
    "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done",
  ]);
  await once(child.stdout, "data");
  child.kill("SIGINT");
  const ran = await collect(child);
  assert.equal(ran.stdout.toString(), "caught\n");
  assert.equal(ran.code, 9);
});

test("a reader that goes away ends the command", async () => {
  await using at = await desk();
  const marker = `berth-yes-${randomBytes(4).toString("hex")}`;
  const child = spawn("sh", ["-c", `"$0" "$1" exec -- yes ${marker} | head -n 1`, process.execPath, BERTH], {
    cwd: at.directory,
    env: at.env,
  });
  const ran = await collect(child);
  assert.equal(ran.stdout.toString(), `${marker}\n`);
  await waitFor("the end of yes", async () => !(await alive(`^yes ${marker}`)));
});

test("the environment: NAME=VALUE, NAME from here, a file; values with quotes and newlines", async () => {
  await using at = await desk();
  at.env.FROM_HERE = 'here\'s "it" $x `y`';
  const ran = await at.run([
    "exec",
    "-e",
    "A=a\nb",
    "-e",
    "FROM_HERE",
    "--",
    "sh",
    "-c",
    'printf "%s|%s" "$A" "$FROM_HERE"',
  ]);
  assert.equal(ran.stdout.toString(), `a\nb|here's "it" $x \`y\``);
  const bad = await at.run(["exec", "-e", "1BAD=secret", "--", "true"]);
  assert.equal(bad.code, 125);
  assert.ok(!bad.stderr.includes("secret"), "a value is never shown");
});

test("a detached command stays: ps, logs from a cursor, kill", async () => {
  await using at = await desk();
  const started = await at.run([
    "exec",
    "-d",
    "--name",
    "dev",
    "--",
    "sh",
    "-c",
    "echo one; echo two; sleep 60",
  ]);
  assert.deepEqual([started.stdout.toString(), started.code], ["dev\n", 0]);
  await waitFor("output", async () => (await at.run(["logs", "dev"])).stdout.toString() === "one\ntwo\n");
  assert.equal((await at.run(["logs", "--from", "4", "dev"])).stdout.toString(), "two\n");
  const listed = JSON.parse((await at.run(["ps", "--json"])).stdout.toString());
  assert.deepEqual(
    listed.map((info: { name: string; state: string }) => [info.name, info.state]),
    [["dev", "running"]],
  );
  const server = createServer().unref().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ports = JSON.parse((await at.run(["ports", "--json"])).stdout.toString());
  assert.equal(ports.find((one: { port: number }) => one.port === port)?.host, "127.0.0.1");
  const table = (await at.run(["ports"])).stdout.toString();
  assert.match(table, new RegExp(`^PORT +ADDRESS +PROCESS +COMMAND\n[^]*^${port} +127\\.0\\.0\\.1`, "m"));
  server.close();
  const conflict = await at.run(["exec", "-d", "--name", "dev", "--", "true"]);
  assert.match(conflict.stderr, /process\.name_conflict/);
  assert.equal((await at.run(["kill", "dev"])).code, 0);
  await waitFor("its end", async () => (await at.run(["ps", "--json"])).stdout.toString().trim() === "[]");
});

test("a process by its name: matched, signalled, followed to its end, told with its exit", async () => {
  await using at = await desk();
  const script =
    "echo booting; read -r x < go; trap 'echo got-usr1; exit 4' USR1; echo port=3000; while :; do sleep 0.05; done";
  assert.equal((await at.run(["exec", "--", "mkfifo", "go"])).code, 0);
  assert.equal((await at.run(["exec", "-d", "--name", "dev", "--", "sh", "-c", script])).code, 0);
  // What is there already counts too.
  assert.equal((await at.run(["logs", "dev", "--until", "booting"])).code, 0);
  const late = await at.run(["logs", "dev", "--until", "port", "--timeout", "2s"]);
  assert.deepEqual([late.stdout.toString(), late.code], ["booting\n", 124]);
  assert.match(late.stderr, /no match in time/);
  const waiting = at.run(["logs", "-f", "dev", "--until", "^port=\\d+$"]);
  await at.run(["exec", "--", "sh", "-c", "echo > go"]);
  const matched = await waiting;
  assert.deepEqual([matched.stdout.toString(), matched.code], ["booting\nport=3000\n", 0]);
  const never = at.run(["logs", "dev", "--until", "never"]);
  assert.equal((await at.run(["kill", "-s", "USR1", "dev"])).code, 0);
  const ended = await never;
  assert.deepEqual([ended.stdout.toString(), ended.code], ["booting\nport=3000\ngot-usr1\n", 1]);
  assert.match(ended.stderr, /dev ended without a match/);
  const [info] = JSON.parse((await at.run(["ps", "-a", "--json"])).stdout.toString()).filter(
    (one: { name?: string }) => one.name === "dev",
  );
  assert.deepEqual([info.state, info.exit.exitCode], ["exited", 4]);
  const bad = await at.run(["logs", "dev", "--until", "("]);
  assert.equal(bad.code, 125);
  assert.match(bad.stderr, /--until: "\(" is no regular expression \[cli\.usage\]/);
  assert.equal((await at.run(["rm", "dev"])).code, 0);
  assert.match((await at.run(["logs", "dev"])).stderr, /\[process\.unknown\]/);
});

test("kill -9 of the client in the middle of 100 MB: nothing of the output is lost", async () => {
  await using at = await desk();
  const child = at.start(["exec", "--name", "big", "--", "sh", "-c", "seq 1 12700000"]);
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
  const hash = createHash("sha256");
  const first = await at.run(["logs", "-f", "big"]);
  hash.update(first.stdout);
  const { stdout } = await run("sh", ["-c", "seq 1 12700000 | sha256sum"]);
  assert.equal(hash.digest("hex"), stdout.slice(0, 64));
  assert.ok(first.stdout.length > 100_000_000);
});
