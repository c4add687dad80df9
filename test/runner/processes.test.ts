import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ProcessJson } from "../../src/api/json-processes.ts";
import { waitFor } from "../fixtures/process.ts";
import { type ProcessDesk, processDesk, type Received, type Sent } from "./process-desk.ts";

let desk: ProcessDesk;
before(async () => {
  desk = await processDesk();
});
after(() => desk[Symbol.asyncDispose]());

interface Page {
  readonly items: ProcessJson[];
  readonly next: string | null;
}

interface Output {
  readonly chunks: (
    | { type: "data"; stream: string; data: string; cursor: number }
    | { type: "gap"; from: number; to: number }
  )[];
  readonly cursor: number;
  readonly exit: { readonly exit_code: number | null } | null;
}

const post = (id: string, verb: string, options: Sent = {}): Promise<Received> =>
  desk.call("POST", `/processes/${id}/${verb}`, options);

async function get(id: string): Promise<ProcessJson> {
  const answer = await desk.call("GET", `/processes/${id}`);
  assert.equal(answer.status, 200, answer.bytes.toString());
  return answer.json as ProcessJson;
}

async function output(id: string, query = ""): Promise<Output> {
  const answer = await desk.call("GET", `/processes/${id}/output?${query}`);
  assert.equal(answer.status, 200, answer.bytes.toString());
  return answer.json as Output;
}

async function exec(body: Record<string, unknown>, options: Sent = {}): Promise<Received> {
  return await desk.call("POST", `/workspaces/${desk.workspace.id}/exec`, { json: body, ...options });
}

const textOf = ({ chunks }: Output): string =>
  chunks.map((chunk) => (chunk.type === "data" ? chunk.data : "")).join("");

test("a process from its start to its removal", async () => {
  const started = await desk.start(["sh", "-c", "echo $A; exit 4"], {
    name: "one",
    env: { A: "b" },
    detached: true,
  });
  assert.deepEqual([started.name, started.detached, started.workspace], ["one", true, desk.workspace.id]);
  const done = await waitFor("the exit", async () => {
    const now = await get(started.id);
    return now.state === "exited" ? now : undefined;
  });
  assert.deepEqual([done.exit?.exit_code, done.output_end], [4, 2]);
  assert.equal((await desk.call("DELETE", `/processes/${started.id}`)).status, 204);
  for (const [method, path] of [
    ["GET", ""],
    ["DELETE", ""],
    ["GET", "/output"],
  ] as const) {
    const answer = await desk.call(method, `/processes/${started.id}${path}`);
    assert.deepEqual([answer.status, answer.code], [410, "process.reaped"]);
  }
  for (const id of ["zzzzzzzzzzzz", "one", "..", "%00", "a".repeat(128)]) {
    const answer = await desk.call("GET", `/processes/${id}`);
    assert.ok(answer.status === 404 || answer.status === 400, `${id}: ${answer.status} ${answer.code}`);
  }
});

test("starts that can't be say why, and leave nothing", async () => {
  for (const [body, status, code] of [
    [{ command: ["/nonexistent"] }, 422, "process.not_found"],
    [{ command: ["true"], cwd: "/nonexistent" }, 422, "process.cwd_not_found"],
    [{ command: ["true"], name: "a b" }, 400, "process.name_invalid"],
    [{ command: [] }, 400, "request.invalid"],
    [{ command: ["true"], stdin: "maybe" }, 400, "request.invalid"],
  ] as const) {
    const answer = await desk.call("POST", `/workspaces/${desk.workspace.id}/processes`, { json: body });
    assert.deepEqual([answer.status, answer.code], [status, code], answer.bytes.toString());
  }
  const live = await desk.start(["sleep", "60"], { name: "taken" });
  assert.equal((await desk.start(["sleep", "60"], { name: "taken" })).id, live.id);
  const other = await desk.call("POST", `/workspaces/${desk.workspace.id}/processes`, {
    json: { command: ["sleep", "61"], name: "taken" },
  });
  assert.deepEqual([other.status, other.code], [409, "process.name_conflict"]);
  assert.equal((await post(live.id, "kill", { json: {} })).status, 204);
});

test("lists are pages, the newest first, and by state", async () => {
  const ids: string[] = [];
  for (let index = 0; index < 5; index += 1) ids.push((await desk.start(["sleep", "60"])).id);
  for (const path of [`/workspaces/${desk.workspace.id}/processes`, "/processes"]) {
    const seen: string[] = [];
    let cursor = "";
    do {
      const answer = await desk.call("GET", `${path}?state=running&limit=2${cursor && `&cursor=${cursor}`}`);
      assert.equal(answer.status, 200, answer.bytes.toString());
      const page = answer.json as Page;
      assert.ok(page.items.length <= 2);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next ?? "";
    } while (cursor !== "");
    assert.deepEqual(
      seen.filter((id) => ids.includes(id)),
      [...ids].reverse(),
    );
  }
  assert.equal((await desk.call("GET", "/processes?cursor=nonsense")).status, 400);
  for (const id of ids) assert.equal((await post(id, "kill", { json: { signal: "KILL" } })).status, 204);
});

test("output by cursor: text, base64, limits, waiting, gaps, the exit once all is read", async () => {
  const process = await desk.start("printf 'a\\303'; read go; printf '\\244b\\377'; exit 5", {
    stdin: "pipe",
  });
  await waitFor("its first bytes", async () => (await get(process.id)).output_end === 2);
  const first = await output(process.id);
  assert.deepEqual([textOf(first), first.cursor, first.exit], ["a", 1, null]);
  const waiting = output(process.id, "from=1&wait_ms=60000");
  await delay(50);
  await post(process.id, "stdin", { bytes: "go\n" });
  assert.match(textOf(await waiting), /^ä/);
  await waitFor("the exit", async () => (await get(process.id)).state === "exited");
  const all = await output(process.id, "from=1&wait_ms=60000");
  assert.deepEqual([textOf(all), all.cursor, all.exit?.exit_code], ["äb\u{fffd}", 5, 5]);
  const raw = await output(process.id, "encoding=base64&from=-2&limit_bytes=1");
  assert.deepEqual([textOf(raw), raw.cursor, raw.exit], [Buffer.from("b").toString("base64"), 4, null]);
  const end = await output(process.id, "from=5");
  assert.deepEqual([end.chunks, end.exit?.exit_code], [[], 5]);
  for (const query of ["from=6", "from=x", "limit_bytes=0", "wait_ms=60001", "nonsense=1"]) {
    assert.equal((await desk.call("GET", `/processes/${process.id}/output?${query}`)).status, 400, query);
  }
  const one = await output(process.id, "from=1&limit_bytes=1");
  assert.equal(one.cursor, 2, "a limit below a character's length is no reason to stand still");
  const lossy = await desk.start("head -c 60000000 /dev/zero", { log_limit_bytes: 4_000_000 });
  await waitFor("the exit", async () => (await get(lossy.id)).state === "exited");
  const [gap] = (await output(lossy.id, "limit_bytes=10&encoding=base64")).chunks;
  assert.ok(gap?.type === "gap" && gap.from === 0 && gap.to > 20_000_000, JSON.stringify(gap));
});

test("waiting for output ends in time, and with its caller", async () => {
  const process = await desk.start(["sleep", "60"]);
  const nothing = await output(process.id, "wait_ms=50");
  assert.deepEqual([nothing.chunks, nothing.cursor, nothing.exit], [[], 0, null]);
  const stop = new AbortController();
  const gone = desk.call("GET", `/processes/${process.id}/output?wait_ms=60000`, { signal: stop.signal });
  await delay(50);
  stop.abort();
  await assert.rejects(gone);
  await post(process.id, "kill", { json: { signal: "KILL" } });
});

test("the log as bytes: whole, from a cursor, one stream, followed to the exit", async () => {
  const bytes = 5_000_000;
  const process = await desk.start(`sleep 0.2; head -c ${bytes} /dev/urandom | tee log.bin; echo err >&2`);
  const followed = await desk.call("GET", `/processes/${process.id}/log?follow=true&stream=stdout`);
  const expected = await readFile(join(desk.workspace.place?.path ?? "", "log.bin"));
  assert.ok(followed.bytes.equals(expected));
  const rest = await desk.call("GET", `/processes/${process.id}/log?from=1234567&stream=stdout`);
  assert.ok(rest.bytes.equals(expected.subarray(1_234_567)));
  const err = await desk.call("GET", `/processes/${process.id}/log?stream=stderr`);
  assert.equal(err.bytes.toString(), "err\n");
  assert.equal((await desk.call("HEAD", `/processes/${process.id}/log`)).status, 200);
});

test("stdin: 20 MB with backpressure, the end, and what is refused", async () => {
  const process = await desk.start("sleep 0.3; sha256sum", { stdin: "pipe" });
  const hash = createHash("sha256");
  for (let index = 0; index < 4; index += 1) {
    const piece = randomBytes(5_000_000);
    hash.update(piece);
    const answer = await post(process.id, `stdin${index === 3 ? "?eof=true" : ""}`, { bytes: piece });
    assert.equal(answer.status, 204, answer.bytes.toString());
  }
  const end = await waitFor("the exit", async () => {
    const now = await output(process.id, "wait_ms=10000");
    return now.exit === null ? undefined : now;
  });
  assert.equal(textOf(end).split(" ")[0], hash.digest("hex"));
  for (const query of ["", "?eof=true"]) {
    const late = await post(process.id, `stdin${query}`, { bytes: "x" });
    assert.deepEqual([late.status, late.code], [409, "process.finished"]);
  }
  const without = await desk.start(["sleep", "60"]);
  const refused = await post(without.id, "stdin", { bytes: "x" });
  assert.deepEqual([refused.status, refused.code], [409, "process.stdin_closed"]);
  const ended = await desk.start("exec <&-; sleep 60", { stdin: "pipe" });
  assert.equal((await post(ended.id, "stdin?eof=true", { bytes: "" })).status, 204);
  const again = await post(ended.id, "stdin", { bytes: "x" });
  assert.deepEqual([again.status, again.code], [409, "process.stdin_closed"]);
  for (const { id } of [without, ended]) await post(id, "kill", { json: { signal: "KILL" } });
});

test("many who write at once: no byte lost, no piece torn", async () => {
  const process = await desk.start(["cat"], { stdin: "pipe" });
  const writer = await desk.attach(process.id, { role: "writer" });
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => post(process.id, "stdin", { bytes: `line ${index}\n` })),
  );
  for (let index = 20; index < 30; index += 1) writer.socket.send(Buffer.from(`line ${index}\n`));
  const lines = await waitFor("all lines", () => {
    const all = writer.output.toString().split("\n").slice(0, -1);
    return all.length === 30 ? all : undefined;
  });
  assert.equal(new Set(lines).size, 30);
  writer.send({ type: "stdin_eof" });
  await writer.ended();
});

test("signal, resize, kill and delete: of a running and of a finished process", async () => {
  const process = await desk.start("trap 'exit 9' USR2; echo ready; while :; do sleep 0.05; done");
  await waitFor("the trap", async () => (await get(process.id)).output_end > 0);
  assert.equal((await post(process.id, "signal", { json: { name: "WINCH" } })).status, 204);
  for (const [path, options, status, code] of [
    ["signal", { json: { name: "SEGV" } }, 400, "process.signal_unsupported"],
    ["resize", { json: { columns: 80, rows: 24 } }, 409, "process.not_a_tty"],
    ["resize", { json: { columns: 0, rows: 24 } }, 400, "request.invalid"],
    ["kill", { json: { signal: "NOPE" } }, 400, "process.signal_unsupported"],
  ] as const) {
    const answer = await post(process.id, path, options);
    assert.deepEqual([answer.status, answer.code], [status, code]);
  }
  const running = await desk.call("DELETE", `/processes/${process.id}`);
  assert.deepEqual([running.status, running.code], [409, "process.running"]);
  assert.equal((await post(process.id, "signal", { json: { name: "SIGUSR2" } })).status, 204);
  await waitFor("the exit", async () => (await get(process.id)).exit?.exit_code === 9);
  for (const [path, options] of [
    ["signal", { json: { name: "TERM" } }],
    ["signal", { json: { name: "SEGV" } }],
    ["resize", { json: { columns: 80, rows: 24 } }],
    ["detach", {}],
  ] as const) {
    const answer = await post(process.id, path, options);
    assert.deepEqual([answer.status, answer.code], [409, "process.finished"], path);
  }
  for (let times = 0; times < 3; times += 1)
    assert.equal((await post(process.id, "kill", { json: {} })).status, 204);
});

test("kill ends the whole tree", async () => {
  const process = await desk.start("(trap '' TERM HUP; setsid sleep 1000) & sleep 1000");
  const { status } = await post(process.id, "kill", { json: { grace_ms: 100 } });
  assert.equal(status, 204);
  const ended = await get(process.id);
  assert.deepEqual([ended.state, ended.has_orphans], ["exited", false]);
});

test("ready: a pattern that could take for ever is refused, others are matched", async () => {
  const process = await desk.start("sleep 0.1; echo listening on 4242; sleep 60");
  assert.equal((await post(process.id, "ready", { json: { output: "listening on \\d+$" } })).status, 204);
  for (const pattern of ["(?=a)b", "(a)\\1", "("]) {
    const answer = await post(process.id, "ready", { json: { output: pattern } });
    assert.deepEqual([answer.status, answer.code], [400, "request.invalid"], pattern);
  }
  const evil = await desk.start(`head -c 60000 /dev/zero | tr '\\0' a; sleep 60`);
  const late = await post(evil.id, "ready", { json: { output: "^(a+)+$x", timeout_ms: 500 } });
  assert.deepEqual([late.status, late.code], [504, "process.ready_timeout"]);
  assert.equal((await post(evil.id, "ready", { json: {} })).status, 400);
  for (const { id } of [process, evil]) await post(id, "kill", { json: { signal: "KILL" } });
  const dead = await post(process.id, "ready", { json: { output: "never" } });
  assert.deepEqual([dead.status, dead.code], [502, "process.ended_before_ready"]);
});

test("exec: result, input, encodings, limits, signals, timeouts", async () => {
  const done = await exec({ command: "cat; echo err >&2; exit 3", input: "ä" });
  assert.equal(done.status, 200, done.bytes.toString());
  const result = done.json as Record<string, unknown>;
  assert.deepEqual(
    [result.exit_code, result.stdout, result.stderr, result.truncated, result.output_bytes],
    [3, "ä", "err\n", false, 6],
  );
  const binary = await exec({
    command: ["cat"],
    input: "AP8=",
    input_encoding: "base64",
    encoding: "base64",
  });
  assert.equal((binary.json as { stdout: string }).stdout, "AP8=");
  const big = await exec({ command: "head -c 5000000 /dev/zero", max_capture_bytes: 1000 });
  const cut = big.json as { stdout: string; truncated: boolean; output_bytes: number };
  assert.deepEqual([cut.truncated, cut.output_bytes, cut.stdout.length <= 1100], [true, 5_000_000, true]);
  const killed = await exec({ command: "kill -9 $$" });
  assert.deepEqual((killed.json as { signal: string }).signal, "SIGKILL");
  const late = await exec({ command: ["sleep", "60"], timeout_ms: 1_000 });
  const { timed_out, waiting } = late.json as { timed_out: boolean; waiting: { reason: string } | null };
  assert.deepEqual([timed_out, waiting?.reason], [true, "timer"]);
  const missing = await exec({ command: ["/nonexistent"] });
  assert.deepEqual([missing.status, missing.code], [422, "process.not_found"]);
});

test("output that is kept is a file, which exec, its repeat and the process tell", async () => {
  const body = { command: "seq 1 10000", keep_output: { above_bytes: 1_000 }, max_capture_bytes: 100 };
  const headers = { "idempotency-key": randomUUID() };
  type Kept = { process_id: string; output_file: string | null; output_file_cut: unknown };
  const done = (await exec(body, { headers })).json as Kept;
  const whole = Array.from({ length: 10_000 }, (_, index) => `${index + 1}\n`).join("");
  assert.equal(await readFile(done.output_file ?? "", "utf8"), whole);
  assert.equal(done.output_file_cut, null);
  assert.deepEqual((await exec(body, { headers })).json, done);
  assert.equal((await get(done.process_id)).output_file, done.output_file);
  const cut = await exec({
    command: "head -c 9000000 /dev/zero",
    keep_output: { above_bytes: 0 },
    log_limit_bytes: 4_000_000,
    overflow: "drop",
  });
  assert.deepEqual((cut.json as Kept).output_file_cut, { at: 4_000_000, reason: "limit" });
  const short = await exec({ ...body, command: "seq 1 3" });
  assert.equal((short.json as Kept).output_file, null);
});

test("a caller of exec that goes away ends the command", async () => {
  const stop = new AbortController();
  const mark = randomUUID();
  const running = exec({ command: ["sh", "-c", "sleep 1000", mark] }, { signal: stop.signal });
  running.catch(() => undefined);
  const found = await waitFor("it runs", async () => {
    const { items } = (await desk.call("GET", `/workspaces/${desk.workspace.id}/processes?state=running`))
      .json as Page;
    return items.find(({ command }) => command.includes(mark));
  });
  stop.abort();
  await assert.rejects(running);
  await waitFor("its end", async () => (await get(found.id)).state === "exited");
});

test("an Idempotency-Key starts a command once, whoever repeats it", async () => {
  const headers = { "idempotency-key": randomUUID() };
  const start = (command: string): Promise<Received> =>
    desk.call("POST", `/workspaces/${desk.workspace.id}/processes`, { json: { command }, headers });
  const command = "echo x >> once.txt; sleep 60";
  const answers = await Promise.all([start(command), start(command), start(command)]);
  const ids = new Set(answers.map(({ json }) => (json as ProcessJson).id));
  assert.equal(ids.size, 1);
  const mismatch = await start("echo y");
  assert.deepEqual([mismatch.status, mismatch.code], [422, "request.idempotency_mismatch"]);
  const [id] = ids;
  await waitFor("its line", () =>
    readFile(join(desk.workspace.place?.path ?? "", "once.txt"), "utf8").then((text) => text === "x\n"),
  );
  await post(id ?? "", "kill", { json: { signal: "KILL" } });
});

test("exec with an Idempotency-Key runs once; its output is in no database, and a repeat reads it from the log", async () => {
  const headers = { "idempotency-key": randomUUID() };
  const mark = randomUUID();
  const json = {
    command: `echo x >> execs.txt; printf %s ${mark.slice(0, 18)}; printf %s ${mark.slice(18)}; exit 3`,
  };
  const run = (given: object = json): Promise<Received> =>
    desk.call("POST", `/workspaces/${desk.workspace.id}/exec`, { json: given, headers });
  const first = await run();
  const again = await run();
  const { stdout, exit_code, process_id } = first.json as Record<string, unknown>;
  assert.deepEqual([first.status, stdout, exit_code], [200, mark, 3]);
  assert.deepEqual(again.json, first.json);
  assert.equal(await readFile(join(desk.workspace.place?.path ?? "", "execs.txt"), "utf8"), "x\n");
  const state = desk.bench.stateDirectory;
  for (const name of await readdir(state)) {
    if (!name.startsWith("berth.db")) continue;
    assert.equal((await readFile(join(state, name))).includes(mark), false, name);
  }
  assert.equal((await desk.call("DELETE", `/processes/${process_id}`)).status, 204);
  const late = await run();
  assert.deepEqual([late.status, late.code], [410, "process.reaped"]);
  const [event] = await waitFor("its event", async () => {
    const query = `type=request.failed&workspace=${desk.workspace.id}&process=${process_id}`;
    const { items } = (await desk.call("GET", `/events?${query}`)).json as Page;
    return items.length > 0 ? items : undefined;
  });
  assert.equal((event as unknown as { data: { code: string } }).data.code, "process.reaped");
  assert.equal(await readFile(join(desk.workspace.place?.path ?? "", "execs.txt"), "utf8"), "x\n");
});
