import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openRuntime } from "../../src/runtimes/open.ts";
import { run, waitFor } from "../fixtures/process.ts";
import { type TestRunner, testRunner } from "../fixtures/runner.ts";
import { runnerProcess } from "../fixtures/runner-process.ts";
import { BERTH } from "./berth.ts";

/** The built `berth` in a project of the runner's machine. */
function desk(runner: TestRunner, state = runner.stateDirectory) {
  const project = runner.project();
  const env: NodeJS.ProcessEnv = { ...process.env, BERTH_HOME: state, NO_COLOR: "1" };
  for (const name of Object.keys(env)) if (/^BERTH_(RUN|WORK)/.test(name)) delete env[name];
  const argv = (args: readonly string[]) => [process.execPath, BERTH, ...args];
  return {
    project,
    async berth(args: readonly string[], more: { input?: string; env?: NodeJS.ProcessEnv } = {}) {
      const { exitCode, stdout, stderr } = await run(argv(args), {
        cwd: project,
        env: { ...env, ...more.env },
        ...(more.input === undefined ? {} : { input: more.input }),
      });
      return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
    },
    start(args: readonly string[]) {
      const child = spawn(process.execPath, [BERTH, ...args], { cwd: project, env, stdio: "pipe" });
      let out = "";
      let err = "";
      child.stdout.on("data", (chunk: Buffer) => {
        out += chunk;
      });
      child.stderr.on("data", (chunk: Buffer) => {
        err += chunk;
      });
      const ended = once(child, "close");
      return { child, out: () => out, err: () => err, ended, [Symbol.dispose]: () => child.kill("SIGKILL") };
    },
  };
}

/** How many clients of the wire the runner has had. */
async function wires(runner: TestRunner): Promise<number> {
  const text = await (await runner.call("/v1/metrics")).text();
  const match = /^berth_requests_total\{route="wire",status="\d+"\} (\d+)$/m.exec(text);
  return Number(match?.[1] ?? 0);
}

test("commands in a workspace go through the runner, and behave as without it", async () => {
  await using runner = await testRunner({ inProcess: true });
  const { name } = await runner.workspace({ name: "one" });
  const { berth } = desk(runner);
  assert.equal((await berth(["exec", "--no-runner", "-w", name, "--", "true"])).code, 0, "the daemon is up");
  const script = "echo out; echo err >&2; cat; env | grep -c ^BERTH_WORKSPACE; pwd; exit 7";
  const direct = await berth(["exec", "--no-runner", "-w", name, "--", "sh", "-c", script], {
    input: "in\n",
  });
  assert.equal(direct.code, 7, direct.err);
  assert.equal(await wires(runner), 0);
  const via = await berth(["exec", "-w", name, "--", "sh", "-c", script], { input: "in\n" });
  assert.deepEqual(via, direct);
  assert.ok((await wires(runner)) > 0, "the runner was used");
  for (const args of [
    ["exec", "-w", name, "--", "no-such-program"],
    ["exec", "-w", name, "--timeout", "200ms", "--", "sleep", "60"],
    ["exec", "-w", name, "--", "sh", "-c", "kill -9 $$"],
    ["exec", "-w", "nowhere", "--", "true"],
    ["logs", "-w", name, "nobody"],
  ]) {
    const [word = "", ...rest] = args;
    const [with_, without] = await Promise.all([berth(args), berth([word, "--no-runner", ...rest])]);
    assert.equal(with_.code, without.code, args.join(" "));
    assert.equal(/\[[\w.]+\]/.exec(with_.err)?.[0], /\[[\w.]+\]/.exec(without.err)?.[0], args.join(" "));
  }
});

test("a runner that is dead, stopped or gone keeps nobody waiting", async () => {
  await using runner = await testRunner();
  const { name } = await runner.workspace({ name: "one" });
  const { berth, start } = desk(runner);
  using going = start(["exec", "-w", name, "--", "sh", "-c", "echo begun; sleep 2; echo done"]);
  await waitFor("it has begun", () => going.out().includes("begun"));
  process.kill(runner.pid, "SIGSTOP");
  try {
    const stopped = await berth(["exec", "-w", name, "--", "echo", "works"]);
    assert.deepEqual([stopped.code, stopped.out], [0, "works\n"], stopped.err);
  } finally {
    process.kill(runner.pid, "SIGCONT");
  }
  await runner.kill();
  assert.ok(existsSync(join(runner.stateDirectory, "runner.json")), "what it left says that it runs");
  const dead = await berth(["exec", "-w", name, "--", "echo", "works"]);
  assert.deepEqual([dead.code, dead.out], [0, "works\n"], dead.err);
  // What was under way goes on by its successor.
  await runner.restart();
  await going.ended;
  assert.equal(going.child.exitCode, 0, going.err());
  assert.equal(going.out(), "begun\ndone\n");
});

test("a runner elsewhere: login, workspaces and commands by it", async () => {
  await using runner = await testRunner({ inProcess: true });
  const elsewhere = desk(runner, join(runner.directory, "another state"));
  const { berth, project } = elsewhere;
  const refused = await berth(["exec", "--runner", runner.url, "-w", "made", "--", "true"]);
  assert.equal(refused.code, 125);
  assert.match(refused.err, /\[auth\.missing\]\n {2}.*berth login/);
  const wrong = await berth(["login", runner.url, "--token-file", "-"], { input: "berth_nonsense" });
  assert.match(wrong.err, /\[cli\.usage\]/);
  const login = await berth(["login", runner.url, "--token-file", "-", "--json"], { input: runner.token });
  assert.equal(login.code, 0, login.err);
  const { file } = JSON.parse(login.out) as { file: string };
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.ok(!(login.out + login.err).includes(runner.token));

  const env = { BERTH_RUNNER: runner.url };
  const ok = async (...args: string[]): Promise<string> => {
    const ran = await berth(args, { env });
    assert.equal(ran.code, 0, `${args.join(" ")}: ${ran.err}`);
    return ran.out;
  };
  const made = JSON.parse(await ok("ws", "create", "made", "--project", project, "--json")) as { id: string };
  assert.equal((await runner.workspaces.get("made", { directory: null })).id, made.id);
  assert.equal(await ok("exec", "-w", "made", "--", "sh", "-c", "echo $BERTH_WORKSPACE"), "made\n");
  await ok("exec", "-w", "made", "--", "sh", "-c", "echo text > new.txt");
  assert.match(await ok("ws", "status", "made"), /new\.txt/);
  assert.match(await ok("ws", "list", "--all"), /^made /m);
  assert.match(await ok("ws", "show", "made", "--history"), /workspace\.created/);
  assert.match(await ok("ws", "diff", "made"), /\+text/);
  await ok("ws", "config", "made", "--set", "env.SECRET=hidden-value");
  assert.doesNotMatch(await ok("ws", "config", "made"), /hidden-value/);
  await ok("ws", "config", "made", "--set", "env.OTHER=x");
  assert.equal(await ok("exec", "-w", "made", "--", "sh", "-c", "echo $SECRET"), "hidden-value\n");
  assert.equal((await ok("ws", "rename", "made", "other")).trim(), "other");
  const lossy = await berth(["ws", "delete", "other"], { env });
  assert.match(lossy.err, /workspace\.would_lose_work/);
  await ok("ws", "delete", "other", "--force", "--yes");
  const nowhere = await berth(["ws", "create", "x", "--project", "/nonexistent"], { env });
  assert.match(nowhere.err, /runner's machine \[workspace\.not_a_project\]/);
  assert.equal(
    existsSync(join(runner.directory, "another state", "berth.db")),
    false,
    "nothing was made here",
  );
  await ok("logout", runner.url);
  assert.equal((await berth(["ws", "list"], { env })).code, 125);
});

test("one writer, viewers beside it, and a takeover", async () => {
  await using runner = await testRunner({ inProcess: true });
  const { name } = await runner.workspace({ name: "one" });
  const { berth, start } = desk(runner);
  const started = await berth([
    "exec",
    "-w",
    name,
    "-d",
    "--name",
    "cat",
    "--",
    "sh",
    "-c",
    "echo hello; sleep 60",
  ]);
  assert.equal(started.code, 0, started.err);
  const viewer = start(["attach", "-w", name, "--viewer", "--from", "0", "cat"]);
  await waitFor("the viewer sees it", () => viewer.out() === "hello\n");
  const writer = start(["attach", "-w", name, "--takeover", "--from", "0", "cat"]);
  await waitFor("the writer sees it", () => writer.out() === "hello\n");
  const another = start(["attach", "-w", name, "--takeover", "--from", "0", "cat"]);
  await waitFor("the first writer is told", () => writer.err().includes("only looks"));
  const killed = await berth(["kill", "-w", name, "--grace", "0", "cat"]);
  assert.equal(killed.code, 0, killed.err);
  for (const one of [viewer, writer, another]) {
    await one.ended;
    assert.ok((one.child.exitCode ?? 0) > 128, `${one.child.exitCode} ${one.err()}`);
  }
});

test("at a terminal: who attaches sees its screen; who was taken over looks, and leaves by the keys", async () => {
  await using runner = await testRunner({ inProcess: true });
  const { id, name } = await runner.workspace({ name: "one" });
  const { project, start } = desk(runner);
  const asked = await runner.call(`/v1/workspaces/${id}/processes`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      command: ["sh", "-c", "echo shown; exec cat"],
      name: "cat",
      tty: { columns: 80, rows: 24 },
    }),
  });
  assert.equal(asked.status, 201, await asked.text());
  await using place = await openRuntime({ type: "local" }, { stateDirectory: runner.stateDirectory });
  const inTerminal = async (...args: string[]) => {
    const terminal = await place.spawn([process.execPath, BERTH, "attach", "-w", name, ...args], {
      tty: { columns: 70, rows: 20 },
      cwd: project,
      env: { BERTH_HOME: runner.stateDirectory, NO_COLOR: "1" },
    });
    let text = "";
    const read = (async () => {
      for await (const chunk of terminal.output()) {
        if (chunk.type === "data") text += Buffer.from(chunk.data).toString();
      }
    })();
    return { terminal, text: () => text, read };
  };
  const writer = await inTerminal("--takeover", "cat");
  await waitFor("the screen", () => writer.text().includes("shown"));
  const viewer = await inTerminal("--viewer", "cat");
  await waitFor("the viewer's screen", () => viewer.text().includes("shown"));
  await writer.terminal.stdin.write("typed\r");
  await waitFor("what is typed", () => viewer.text().includes("typed"));
  using other = start(["attach", "-w", name, "--takeover", "cat"]);
  await waitFor("the first writer is told", () => writer.text().includes("only looks"));
  await writer.terminal.resize({ columns: 60, rows: 20 });
  await writer.terminal.stdin.write("lost\r");
  other.child.stdin.write("heard\n");
  await waitFor("it still looks", () => writer.text().includes("heard"));
  assert.doesNotMatch(writer.text(), /lost/);
  for (const { terminal, text, read } of [writer, viewer]) {
    await terminal.stdin.write(Buffer.from([0x10, 0x11]));
    assert.equal((await terminal.exit).exitCode, 0, text());
    await read;
    assert.match(text(), /detached; come back/);
  }
  other.child.kill("SIGKILL");
  await other.ended;
});

test("a command that runs while the runner is replaced sees nothing of it", async () => {
  await using place = await testRunner();
  const { name } = await place.workspace({ name: "one" });
  const { start } = desk(place);
  using going = start(["exec", "-w", name, "--", "sh", "-c", "echo begun; read line; echo got $line"]);
  await waitFor("it has begun", () => going.out().includes("begun"));
  const old = place.pid;
  await using next = await runnerProcess(place.stateDirectory, { args: ["--replace"], version: "99.0.0" });
  assert.notEqual(next.pid, old);
  going.child.stdin.end("it\n");
  await going.ended;
  assert.deepEqual([going.child.exitCode, going.out()], [0, "begun\ngot it\n"], going.err());
  assert.equal(readFileSync(join(place.stateDirectory, "token"), "utf8").trim(), next.token);
});
