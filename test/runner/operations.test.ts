import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { waitFor } from "../fixtures/process.ts";
import { type TestRunner, testRunner } from "../fixtures/runner.ts";
import {
  ask,
  commit,
  done,
  git,
  refused,
  type StreamEvent,
  sharedRunner,
  streamed,
  tokenFor,
} from "./work-desk.ts";

const LONG = process.env.BERTH_LONG === "1";

const shared = sharedRunner();

/** A host that takes connections and says nothing. */
async function silentHost(
  stack: AsyncDisposableStack,
): Promise<{ readonly type: "ssh"; host: string; port: number }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { type: "ssh", host: "127.0.0.1", port: address.port };
}

/** A project whose set-up waits for a file `go` beside it. */
function slowProject(runner: TestRunner): {
  readonly project: string;
  /** Its set-up runs. */
  begun(): boolean;
  go(): void;
} {
  const project = runner.project("slow");
  const go = join(runner.directory, "go");
  commit(project, {
    ".berth/init*": `#!/bin/sh\necho setting up\n: > '${go}.begun'\nwhile [ ! -e '${go}' ]; do sleep 0.05; done\necho done\n`,
  });
  return { project, begun: () => existsSync(`${go}.begun`), go: () => writeFileSync(go, "") };
}

const named =
  (wanted: string) =>
  ({ name }: { readonly name: string }): boolean =>
    name === wanted;

const operationOf = async (runner: TestRunner, id: string, wait = 0) =>
  (await ask(runner, "GET", `/v1/operations/${id}?wait_ms=${wait}`)).body;

test("an operation is told while it runs, from any number on, and known behind its end", async () => {
  const runner = shared();
  const { project, go } = slowProject(runner);
  const begun = await ask(runner, "POST", "/v1/workspaces", { name: "one", project, trust: true });
  assert.equal(begun.status, 202);
  const { id } = begun.body;
  const early: StreamEvent[] = [];
  for await (const event of streamed(runner, `/v1/operations/${id}/progress`)) {
    early.push(event);
    if (event.data.type === "output") break;
  }
  const running = await operationOf(runner, id);
  assert.deepEqual([running.state, running.ended_at], ["running", null]);
  const [made] = (await ask(runner, "GET", "/v1/workspaces")).body.items.filter(named("one"));
  assert.equal(running.workspace, made.id);
  assert.deepEqual(
    (await ask(runner, "GET", "/v1/operations?state=running")).body.items.map(
      (one: { id: string }) => one.id,
    ),
    [id],
  );
  go();
  const last = early.at(-1)?.id ?? "";
  const rest: StreamEvent[] = [];
  for await (const event of streamed(runner, `/v1/operations/${id}/progress`, {
    headers: { "last-event-id": last },
  }))
    rest.push(event);
  assert.deepEqual(
    [...early, ...rest].map((event) => Number(event.id)),
    Array.from({ length: early.length + rest.length }, (_, at) => at + 1),
  );
  assert.equal(rest.at(-1)?.data.operation.state, "succeeded");
  const output = [...early, ...rest].filter(({ event }) => event === "output").map(({ data }) => data.text);
  assert.equal(output.join(""), "setting up\ndone\n");
  const ended = await operationOf(runner, id);
  assert.deepEqual([ended.state, ended.result.workspace.state], ["succeeded", "ready"]);
  // Who has seen all of it gets an end of the stream, not a hang.
  const again: StreamEvent[] = [];
  for (const seen of [rest.at(-1)?.id ?? "", "1000000"]) {
    const headers = { "last-event-id": seen };
    for await (const event of streamed(runner, `/v1/operations/${id}/progress`, { headers })) {
      again.push(event);
    }
  }
  assert.deepEqual(again, []);
  await refused(ask(runner, "GET", "/v1/operations/op_none"), 404, "operation.unknown");
  const path = `/v1/operations/${id}/progress`;
  await refused(
    ask(runner, "GET", path, undefined, { headers: { "last-event-id": "x" } }),
    400,
    "request.invalid",
  );
});

test("what is refused at once is an error and no operation", async () => {
  const runner = shared();
  const project = runner.project("strict");
  const create = (fields: object) =>
    ask(runner, "POST", "/v1/workspaces?wait_ms=20000", { project, ...fields });
  await refused(create({ name: "../x" }), 400, "workspace.name_invalid");
  await refused(create({ name: "x", project: "/" }), 400, "workspace.not_a_project");
  await refused(create({ name: "x", project: "nobody" }), 400, "workspace.not_a_project");
  await refused(create({ name: "x", runtime: { type: "ssh" } }), 400, "config.invalid");
  await refused(create({ name: "x", start: "nowhere" }), 400, "workspace.start_unknown");
  await refused(ask(runner, "POST", "/v1/workspaces/nobody/init"), 404, "workspace.unknown");
  await done(create({ name: "taken" }));
  await refused(create({ name: "taken" }), 409, "workspace.name_taken");
  await refused(ask(runner, "POST", "/v1/workspaces/taken/stop"), 400, "workspace.not_stoppable");
  const operate = await tokenFor(runner, "ci", "operate");
  const trusting = { name: "x", project, trust: true };
  await refused(ask(runner, "POST", "/v1/workspaces", trusting, { token: operate }), 403, "auth.forbidden");
  const { items } = (await ask(runner, "GET", "/v1/operations")).body;
  const names = ["../x", "x", "nobody", "taken"];
  assert.deepEqual(
    items
      .filter(({ workspace_name }: { workspace_name: string }) => names.includes(workspace_name))
      .map(({ kind, state }: { kind: string; state: string }) => [kind, state]),
    [["create", "succeeded"]],
  );
});

test("two who create the same name: one has it, the other is told; nothing is left over", async () => {
  const runner = shared();
  const project = runner.project("same");
  const create = () => ask(runner, "POST", "/v1/workspaces?wait_ms=30000", { name: "same", project });
  const answers = await Promise.all([create(), create(), create()]);
  const made = answers.filter(({ body }) => body.state === "succeeded");
  assert.equal(made.length, 1, JSON.stringify(answers.map(({ body }) => body)));
  for (const { body } of answers) {
    if (body.state === "succeeded") continue;
    assert.match(String(body.error?.code), /^workspace\.(name_taken|busy)$/);
  }
  assert.equal(git(project, "worktree", "list").split("\n").length, 2);
  assert.equal((await ask(runner, "GET", "/v1/workspaces")).body.items.filter(named("same")).length, 1);
  await done(ask(runner, "DELETE", "/v1/workspaces/same?wait_ms=30000"));
});

test("cancelled in the middle, an operation leaves nothing", async () => {
  await using stack = new AsyncDisposableStack();
  const runtime = await silentHost(stack);
  const runner = shared();
  const project = runner.project("never");
  const before = git(project, "for-each-ref");
  const begun = await ask(runner, "POST", "/v1/workspaces", { name: "never", project, runtime });
  assert.equal(begun.status, 202);
  const { id } = begun.body;
  const cancelled = await ask(runner, "POST", `/v1/operations/${id}/cancel?wait_ms=20000`);
  assert.deepEqual([cancelled.body.state, cancelled.body.error.code], ["cancelled", "operation.aborted"]);
  assert.deepEqual((await ask(runner, "GET", "/v1/workspaces")).body.items.filter(named("never")), []);
  assert.equal(git(project, "for-each-ref"), before);
  // Once more changes nothing.
  assert.equal((await ask(runner, "POST", `/v1/operations/${id}/cancel`)).body.state, "cancelled");
  await waitFor("the events", async () => {
    const { items } = (await ask(runner, "GET", "/v1/events?type=operation&limit=1000")).body;
    const own = items.filter(({ data }: { data: { operation: string } }) => data.operation === id);
    return own.map(({ type }: { type: string }) => type).join() === "operation.started,operation.cancelled";
  });
});

test("a deletion that is refused says what would be lost, and a forced one does it", async () => {
  const runner = shared();
  await runner.workspace({ name: "work" });
  await ask(runner, "PUT", "/v1/workspaces/work/files/content?path=new.txt", "only here");
  const error = await refused(
    ask(runner, "DELETE", "/v1/workspaces/work?wait_ms=20000"),
    409,
    "workspace.would_lose_work",
  );
  assert.deepEqual(error.context.untracked, ["new.txt"]);
  assert.equal((await ask(runner, "GET", "/v1/workspaces/work")).status, 200);
  const { result } = await done(ask(runner, "DELETE", "/v1/workspaces/work?wait_ms=20000&force=true"));
  assert.equal(result.deletion.workspace.name, "work");
  await refused(ask(runner, "GET", "/v1/workspaces/work"), 404, "workspace.unknown");
  await refused(ask(runner, "GET", "/v1/workspaces/work/files/stat?path=."), 404, "workspace.unknown");
});

test("a runner that is killed in the middle knows it afterwards, and the same call goes on", async () => {
  await using runner = await testRunner();
  const { project, begun, go } = slowProject(runner);
  const asked = { name: "one", project, trust: true };
  const { body: operation } = await ask(runner, "POST", "/v1/workspaces", asked);
  await waitFor("the set-up", begun);
  await runner.kill();
  await runner.restart();
  const found = await operationOf(runner, operation.id, 1000);
  assert.deepEqual(
    [found.state, found.error.code, found.kind],
    ["interrupted", "operation.interrupted", "create"],
  );
  assert.match(found.error.hint, /again/);
  const events: StreamEvent[] = [];
  for await (const event of streamed(runner, `/v1/operations/${operation.id}/progress`)) events.push(event);
  assert.deepEqual(
    events.map(({ event }) => event),
    ["end"],
  );
  go();
  const { result } = await done(ask(runner, "POST", "/v1/workspaces?wait_ms=30000", asked));
  assert.deepEqual([result.workspace.state, result.workspace.init.exit.exit_code], ["ready", 0]);
  assert.deepEqual(
    (await ask(runner, "GET", "/v1/operations")).body.items.map((one: { state: string }) => one.state),
    ["succeeded", "interrupted"],
  );
});

test("stopping the runner cuts what runs, and says so to the next one", {
  skip: !LONG && "waits for operations to end: BERTH_LONG=1",
}, async () => {
  await using stack = new AsyncDisposableStack();
  const runtime = await silentHost(stack);
  const runner = stack.use(await testRunner());
  const project = runner.project();
  const { body } = await ask(runner, "POST", "/v1/workspaces", { name: "never", project, runtime });
  await runner.stop();
  await runner.restart();
  const found = await operationOf(runner, body.id);
  assert.equal(found.state, "interrupted");
});

test("operations of other workspaces do not exist for a token that is limited", async () => {
  const runner = shared();
  const project = runner.project();
  const create = (name: string) =>
    done(ask(runner, "POST", "/v1/workspaces?wait_ms=20000", { name, project }));
  const [mine, other] = [await create("mine"), await create("other")];
  const token = await tokenFor(runner, "limited", "operate", ["mine"]);
  const as = (method: string, path: string, body?: unknown) => ask(runner, method, path, body, { token });
  assert.equal((await as("GET", `/v1/operations/${mine.id}`)).status, 200);
  for (const [method, path] of [
    ["GET", `/v1/operations/${other.id}`],
    ["GET", `/v1/operations/${other.id}/progress`],
    ["POST", `/v1/operations/${other.id}/cancel`],
  ] as const) {
    await refused(as(method, path), 404, "operation.unknown");
  }
  assert.deepEqual(
    (await as("GET", "/v1/operations")).body.items.map(({ id }: { id: string }) => id),
    [mine.id],
  );
  await refused(as("POST", "/v1/workspaces", { name: "x", project }), 403, "auth.forbidden");
  await refused(as("POST", "/v1/workspaces/mine/fork", { name: "x" }), 403, "auth.forbidden");
});
