import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { waitFor } from "../fixtures/process.ts";
import { type Attached, type ProcessDesk, processDesk, Refused } from "./process-desk.ts";

let desk: ProcessDesk;
before(async () => {
  desk = await processDesk();
});
after(() => desk[Symbol.asyncDispose]());

async function refused(promise: Promise<Attached>, status: number, code: string): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof Refused, String(error));
    assert.deepEqual([error.status, error.code], [status, code]);
    return true;
  });
}

async function kill(id: string): Promise<void> {
  const { status } = await desk.call("POST", `/processes/${id}/kill`, { json: { signal: "KILL" } });
  assert.equal(status, 204);
}

test("every byte in order by channel, the exit strictly last, then 1000", async () => {
  const process = await desk.start("echo out; sleep 0.1; echo err >&2; exit 3");
  const viewer = await desk.attach(process.id);
  const exit = await viewer.ended();
  assert.deepEqual([exit.exit_code, exit.signal, exit.timed_out, exit.cursor], [3, null, false, 8]);
  assert.equal(viewer.output.toString(), "out\nerr\n");
  assert.deepEqual(viewer.messages[0], {
    type: "attached",
    process_id: process.id,
    role: "viewer",
    cursor: 0,
    mode: "exact",
    tty: null,
  });
  // Again after the end, from anywhere.
  for (const [from, text, mode] of [
    [0, "out\nerr\n", "exact"],
    [3, "\nerr\n", "exact"],
    [8, "", "exact"],
    [-4, "err\n", "tail"],
    [-100, "out\nerr\n", "tail"],
  ] as const) {
    const again = await desk.attach(process.id, { from });
    assert.equal((await again.ended()).exit_code, 3);
    assert.equal(again.output.toString(), text);
    assert.equal(again.of("attached")[0]?.mode, mode);
  }
  const killed = await desk.start(["sh", "-c", "kill -9 $$"]);
  assert.deepEqual((await (await desk.attach(killed.id)).ended()).signal, "SIGKILL");
});

test("refusals are HTTP statuses before the upgrade", async () => {
  const process = await desk.start(["cat"], { stdin: "pipe" });
  await refused(desk.attach(process.id, { token: "nonsense" }), 401, "auth.invalid");
  await refused(desk.attach("zzzzzzzzzzzz"), 404, "process.unknown");
  await refused(desk.attach("../etc"), 404, "request.unknown_route");
  await refused(desk.attach(process.id, { from: 1 }), 400, "request.invalid");
  await using stack = new AsyncDisposableStack();
  const writer = await desk.attach(process.id, { role: "writer" });
  stack.defer(() => writer.close());
  await refused(desk.attach(process.id, { role: "writer" }), 409, "attach.writer_taken");
  const read = await desk.call("POST", "/tokens", { json: { name: "reads", scope: "read" } });
  const { secret: token } = read.json as { secret: string };
  await refused(desk.attach(process.id, { role: "writer", takeover: true, token }), 403, "auth.forbidden");
  const viewer = await desk.attach(process.id, { token });
  stack.defer(() => viewer.close());
  writer.socket.send(Buffer.from("still mine\n"));
  await waitFor("the echo", () => viewer.output.toString() === "still mine\n");
  await kill(process.id);
  await writer.ended();
  assert.equal((await desk.call("DELETE", `/processes/${process.id}`)).status, 204);
  await refused(desk.attach(process.id), 410, "process.reaped");
});

test("a token that is limited to another workspace knows nothing of the process", async () => {
  const other = await desk.bench.workspaces.create({
    name: "other",
    project: desk.bench.project.path,
    runtime: { type: "worktree" },
  });
  const made = await desk.call("POST", "/tokens", {
    json: { name: "elsewhere", scope: "operate", workspaces: [other.id] },
  });
  const { secret: token } = made.json as { secret: string };
  const process = await desk.start(["cat"], { stdin: "pipe" });
  await refused(desk.attach(process.id, { token }), 404, "process.unknown");
  await refused(desk.attach(process.id, { token, role: "writer", takeover: true }), 404, "process.unknown");
  for (const [method, path, options] of [
    ["GET", "", {}],
    ["DELETE", "", {}],
    ["GET", "/output", {}],
    ["GET", "/log", {}],
    ["POST", "/stdin", { bytes: "x" }],
    ["POST", "/signal", { json: { name: "INT" } }],
    ["POST", "/kill", { json: {} }],
    ["POST", "/resize", { json: { columns: 1, rows: 1 } }],
    ["POST", "/detach", {}],
    ["POST", "/ready", { json: { port: 1 } }],
  ] as const) {
    const answer = await desk.call(method, `/processes/${process.id}${path}`, { token, ...options });
    assert.deepEqual([answer.status, answer.code], [404, "process.unknown"], `${method} ${path}`);
  }
  assert.equal((await desk.look(process.id)).state, "running");
  await kill(process.id);
});

test("one writer: stdin, its end, signals, and a viewer that may do none of it", async () => {
  const process = await desk.start("trap 'echo usr1' USR1; (trap '' USR1; exec cat); echo end", {
    stdin: "pipe",
  });
  const writer = await desk.attach(process.id, { role: "writer" });
  const viewer = await desk.attach(process.id);
  for (const send of [
    () => viewer.socket.send(Buffer.from("not mine")),
    () => viewer.send({ type: "signal", name: "TERM" }),
    () => viewer.send({ type: "resize", columns: 10, rows: 10 }),
    () => viewer.send({ type: "stdin_eof" }),
  ]) {
    const told = viewer.of("error").length;
    send();
    await waitFor("the refusal", () => viewer.of("error").length === told + 1);
    const last = viewer.of("error").at(-1);
    assert.deepEqual([last?.error.code, last?.fatal], ["attach.viewer", false]);
  }
  for (const text of [
    "{}",
    "nonsense",
    '{"type":"resize","columns":0,"rows":1}',
    "[".repeat(100_000),
    '{"type":"taken_over"}',
  ]) {
    const told = writer.of("error").length;
    await waitFor("room for one more", () => told % 5 !== 4 || delay(1_100).then(() => true));
    writer.socket.send(text);
    await waitFor("the refusal", () => writer.of("error").length === told + 1);
    assert.equal(writer.of("error").at(-1)?.error.code, "attach.message_invalid");
  }
  writer.send({ type: "signal", name: "KILL" });
  writer.send({ type: "resize", columns: 10, rows: 10 });
  await waitFor("both refusals", () => writer.of("error").length === 7);
  assert.deepEqual(
    new Set(
      writer
        .of("error")
        .slice(5)
        .map(({ error }) => error.code),
    ),
    new Set(["process.signal_unsupported", "process.not_a_tty"]),
  );
  writer.socket.send(Buffer.from("mine\n"));
  await waitFor("the echo", () => viewer.output.toString() === "mine\n");
  writer.send({ type: "signal", name: "USR1" });
  writer.send({ type: "stdin_eof" });
  await writer.ended();
  await viewer.ended();
  assert.equal(writer.output.toString(), viewer.output.toString());
  assert.match(writer.output.toString(), /^mine\n(usr1\nend|end)\n$/);
});

test("a terminal: its size, input, resize and its end", async () => {
  const process = await desk.start(["sh"], { tty: { columns: 91, rows: 33 }, env: { PS1: "" } });
  assert.deepEqual(process.tty, { columns: 91, rows: 33 });
  const writer = await desk.attach(process.id, { role: "writer" });
  writer.socket.send(Buffer.from("stty size\n"));
  await waitFor("the size", () => writer.output.toString().includes("33 91"));
  writer.send({ type: "resize", columns: 120, rows: 40 });
  await waitFor("the new size", async () => {
    writer.socket.send(Buffer.from("stty size\n"));
    await delay(20);
    return writer.output.toString().includes("40 120");
  });
  const viewer = await desk.attach(process.id);
  assert.deepEqual(viewer.of("attached")[0]?.tty, { columns: 120, rows: 40 });
  writer.send({ type: "stdin_eof" });
  await Promise.all([writer.ended(), viewer.ended()]);
});

test("the user's shell in a terminal; others are told of its sizes, and whoever asks knows all of them", async () => {
  const answer = await desk.call("POST", `/workspaces/${desk.workspace.id}/shells`, {
    json: { name: "shell", tty: { columns: 91, rows: 33 }, env: { PS1: "$ " } },
  });
  assert.equal(answer.status, 201, answer.bytes.toString());
  const { id, tty, command } = answer.json as { id: string; tty: unknown; command: string[] };
  assert.deepEqual([tty, command.at(-1)], [{ columns: 91, rows: 33 }, "-l"]);
  const [writer, viewer] = [await desk.attach(id, { role: "writer" }), await desk.attach(id)];
  writer.send({ type: "resize", columns: 120, rows: 40 });
  await waitFor("the viewer to be told", () => viewer.of("resized").length === 1);
  assert.deepEqual(viewer.of("resized")[0], { type: "resized", columns: 120, rows: 40 });
  assert.equal(writer.of("resized").length, 0);
  const sizes = (await desk.look(id)).tty_sizes ?? [];
  assert.deepEqual(sizes.at(-1)?.columns, 120);
  await kill(id);
  await Promise.all([writer.ended(), viewer.ended()]);
});

test("who asks for a pause is sent nothing until it goes on, and then everything", async () => {
  const process = await desk.start(["sh", "-c", "read go; seq 100000; read end"], { stdin: "pipe" });
  const writer = await desk.attach(process.id, { role: "writer" });
  const viewer = await desk.attach(process.id);
  viewer.send({ type: "pause" });
  // What it sends is read in its order: the refusal says that the pause was.
  viewer.send({ type: "stdin_eof" });
  await waitFor("the refusal", () => viewer.of("error").length === 1);
  writer.socket.send(Buffer.from("\n"));
  await waitFor("all of it for the other", () => writer.bytes === 588_895);
  assert.equal(viewer.bytes, 0);
  viewer.send({ type: "resume" });
  writer.socket.send(Buffer.from("\n"));
  await Promise.all([writer.ended(), viewer.ended()]);
  assert.equal(viewer.hash.digest("hex"), writer.hash.digest("hex"));
});

test("takeover: the one before is told and looks on; ten at once leave one writer", async () => {
  const process = await desk.start(["cat"], { stdin: "pipe" });
  const first = await desk.attach(process.id, { role: "writer" });
  const ten = await Promise.all(
    Array.from({ length: 10 }, () => desk.attach(process.id, { role: "writer", takeover: true })),
  );
  const all = [first, ...ten];
  await waitFor("ten to be told", () => all.filter((one) => one.of("taken_over").length === 1).length === 10);
  const writers = all.filter((one) => one.of("taken_over").length === 0);
  assert.equal(writers.length, 1);
  for (const one of all) one.socket.send(Buffer.from("x"));
  await waitFor("ten refusals", () => all.filter((one) => one.of("error").length === 1).length === 10);
  assert.equal(writers[0]?.of("error").length, 0);
  writers[0]?.send({ type: "stdin_eof" });
  for (const one of all) {
    await one.ended();
    assert.equal(one.output.toString(), "x");
  }
});

test("of ten that don't take over one is the writer; its place is free once it has gone", async () => {
  const process = await desk.start(["cat"], { stdin: "pipe" });
  const ten = await Promise.allSettled(
    Array.from({ length: 10 }, () => desk.attach(process.id, { role: "writer" })),
  );
  const writers = ten.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  assert.equal(writers.length, 1);
  for (const one of ten)
    if (one.status === "rejected") assert.equal((one.reason as Refused).code, "attach.writer_taken");
  writers[0]?.close();
  const next = await waitFor("the place is free", () =>
    desk.attach(process.id, { role: "writer" }).catch((error: Refused) => {
      assert.equal(error.code, "attach.writer_taken");
      return undefined;
    }),
  );
  next.send({ type: "stdin_eof" });
  await next.ended();
});

test("a handshake that is not whole takes nobody's place", async () => {
  const process = await desk.start(["cat"], { stdin: "pipe" });
  const writer = await desk.attach(process.id, { role: "writer" });
  const query = "role=writer&takeover=true";
  const answer = await desk.call("GET", `/processes/${process.id}/attach?${query}`);
  assert.equal(answer.status, 426);
  writer.socket.send(Buffer.from("mine"));
  await waitFor("the echo", () => writer.output.toString() === "mine");
  assert.equal(writer.of("taken_over").length, 0);
  await kill(process.id);
});

test("a child in the background that holds stdout keeps nobody waiting", async () => {
  const process = await desk.start("sleep 30 & echo hi");
  const viewer = await desk.attach(process.id);
  assert.equal((await viewer.ended()).exit_code, 0);
  assert.equal(viewer.output.toString(), "hi\n");
  await kill(process.id);
});

test("a client that floods stdin gets output and exit of a process that ends meanwhile", async () => {
  for (let round = 0; round < 5; round += 1) {
    const process = await desk.start("head -c 100000; echo done; exit 7", { stdin: "pipe" });
    const writer = await desk.attach(process.id, { role: "writer" });
    const piece = randomBytes(256 * 1024);
    let flooding = true;
    const flood = (async () => {
      // As long as the socket takes it, and never waiting for an answer.
      while (flooding && writer.closed === undefined) {
        if (writer.socket.bufferedAmount < 8 * 1024 * 1024) writer.socket.send(piece);
        await delay(0);
      }
    })();
    const exit = await writer.ended();
    flooding = false;
    await flood;
    assert.equal(exit.exit_code, 7);
    assert.equal(writer.output.subarray(-5).toString(), "done\n");
    assert.equal(writer.output.length, 100_005);
  }
});

test("input beyond what the process reads holds the client back, not the runner's memory", async () => {
  const process = await desk.start("sleep 0.5; sha256sum", { stdin: "pipe" });
  const writer = await desk.attach(process.id, { role: "writer" });
  const piece = randomBytes(1024 * 1024);
  const hash = createHash("sha256");
  for (let index = 0; index < 20; index += 1) {
    writer.socket.send(piece);
    hash.update(piece);
  }
  writer.send({ type: "stdin_eof" });
  await writer.ended();
  assert.equal(writer.output.toString().split(" ")[0], hash.digest("hex"));
});

test("a message beyond 1 MiB ends the connection, and its place is free", async () => {
  const process = await desk.start(["cat"], { stdin: "pipe" });
  const writer = await desk.attach(process.id, { role: "writer" });
  writer.socket.send(Buffer.alloc(1024 * 1024 + 1));
  await waitFor("the end", () => writer.closed);
  assert.equal(writer.closed?.code, 1009);
  const next = await waitFor("the place is free", () =>
    desk.attach(process.id, { role: "writer" }).catch(() => undefined),
  );
  next.send({ type: "stdin_eof" });
  await next.ended();
});

test("an attached client keeps a process that is not detached; without one its lease runs out", async () => {
  // Deaf to HUP until somebody is attached, however long that takes.
  const process = await desk.start("trap '' HUP; read go; trap - HUP; echo on; exec sleep 1000", {
    lease_ms: 300,
    stdin: "pipe",
  });
  const viewer = await desk.attach(process.id);
  assert.equal((await desk.call("POST", `/processes/${process.id}/stdin`, { bytes: "go\n" })).status, 204);
  await waitFor("it is on", () => viewer.output.toString() === "on\n");
  await delay(1_000);
  assert.equal((await desk.look(process.id)).state, "running");
  viewer.close();
  await desk.untilState(process.id, "exited");
  const { json } = await desk.call("GET", `/processes/${process.id}`);
  assert.equal((json as { exit: { signal: string } }).exit.signal, "SIGHUP");
});

test("reading by cursor renews the lease; what is refused, and looking, does not", async () => {
  const process = await desk.start("trap '' HUP; sleep 1000", { lease_ms: 2_000 });
  const read = async (): Promise<void> => {
    assert.equal((await desk.call("GET", `/processes/${process.id}/output`)).status, 200);
  };
  for (let times = 0; times < 5; times += 1) {
    await delay(500);
    await read();
  }
  assert.equal(
    (await desk.call("POST", `/processes/${process.id}/signal`, { json: { name: "WINCH" } })).status,
    204,
  );
  await waitFor("it is being ended", async () => {
    // None of these is a reason to keep it.
    await desk.call("GET", `/processes/${process.id}`);
    await desk.call("POST", `/processes/${process.id}/stdin`, { bytes: "x" });
    await desk.call("POST", `/processes/${process.id}/resize`, { json: { columns: 2, rows: 2 } });
    await refused(desk.attach(process.id, { from: 1_000_000 }), 400, "request.invalid");
    const { code } = await desk.call("POST", `/processes/${process.id}/signal`, { json: { name: "WINCH" } });
    return code === "process.reaping";
  });
  for (const [path, options] of [
    ["/stdin", { bytes: "x" }],
    ["/resize", { json: { columns: 2, rows: 2 } }],
    ["/detach", {}],
  ] as const) {
    const answer = await desk.call("POST", `/processes/${process.id}${path}`, options);
    assert.deepEqual([answer.status, answer.code], [409, "process.reaping"], path);
  }
  await read();
  assert.equal(
    (await desk.call("POST", `/processes/${process.id}/signal`, { json: { name: "WINCH" } })).status,
    204,
  );
  await kill(process.id);
});

test("a page is told behind the handshake why it may not attach", async () => {
  const process = await desk.start(["cat"], { stdin: "pipe" });
  const writer = await desk.attach(process.id, { role: "writer" });
  for (const [id, options, code] of [
    [process.id, { role: "writer" }, "attach.writer_taken"],
    [process.id, { from: 1_000_000 }, "request.invalid"],
    ["nothing", {}, "process.unknown"],
  ] as const) {
    const refused = await desk.attach(id, { ...options, refusals: "socket" });
    await waitFor("its end", () => refused.closed);
    assert.deepEqual(
      refused.messages.map((message) => message.type === "error" && [message.fatal, message.error.code]),
      [[true, code]],
    );
    assert.equal(refused.closed?.code, 1008);
  }
  writer.send({ type: "stdin_eof" });
  await writer.ended();
});
