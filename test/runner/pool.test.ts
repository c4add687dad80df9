import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import type { ErrorCode } from "../../src/contract/error-registry.ts";
import { type BerthError, berthError } from "../../src/contract/errors.ts";
import type { BerthEventInput } from "../../src/contract/events.ts";
import type { Runtime } from "../../src/contract/runtime.ts";
import type { Workspace } from "../../src/contract/workspace.ts";
import { createRuntimePool } from "../../src/runner/work/pool.ts";
import type { Clock } from "../../src/transports/ssh/clock.ts";
import type { Workspaces } from "../../src/workspaces/api.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { bench, KINDS } from "../workspaces/support.ts";
import { commit } from "./work-desk.ts";

/** Time that passes when the test says so. */
class TestClock implements Clock {
  #now = 0;
  readonly #calls = new Set<{ readonly at: number; readonly call: () => void }>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, call: () => void): () => void {
    const entry = { at: this.#now + milliseconds, call };
    this.#calls.add(entry);
    return () => this.#calls.delete(entry);
  }

  async pass(milliseconds: number): Promise<void> {
    this.#now += milliseconds;
    for (const entry of [...this.#calls]) {
      if (entry.at > this.#now) continue;
      this.#calls.delete(entry);
      entry.call();
    }
    await turns();
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Places that are opened and fail as the test says. */
class Places implements Pick<Workspaces, "open" | "list"> {
  readonly clock = new TestClock();
  readonly events: BerthEventInput[] = [];
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly running = new Set<string>();
  registered: Workspace[] = [];
  failure: BerthError | undefined;
  /** What is open fails, and opening anew helps: a container that was stopped. */
  stopped = false;
  /** Opening waits for it. */
  gate: Promise<void> = Promise.resolve();
  tell: ((event: BerthEventInput) => void) | undefined;
  readonly pool = createRuntimePool({
    workspaces: this,
    emit: (event) => this.events.push(event),
    idleMs: 60_000,
    clock: this.clock,
  });

  list = async (): Promise<Workspace[]> => this.registered;

  open: Workspaces["open"] = async (selector, options = {}) => {
    this.opened.push(selector);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    options.signal?.addEventListener("abort", () => reject(options.signal?.reason));
    await Promise.race([this.gate, aborted]);
    if (this.failure !== undefined) throw this.failure;
    this.tell = options.onEvent;
    this.stopped = false;
    const processes = async () => {
      if (this.stopped) throw berthError("docker.container_not_running");
      if (this.failure !== undefined) throw this.failure;
      return this.running.has(selector) ? [{ state: "running" }] : [];
    };
    return {
      description: selector,
      capabilities: { resume: true },
      processes,
      close: async () => {
        this.closed.push(selector);
      },
    } as unknown as Runtime;
  };

  types(): string[] {
    return this.events.map(({ type }) => type);
  }
}

function workspace(id: string, change: Partial<Workspace> = {}): Workspace {
  return {
    id,
    name: id,
    project: { id: "p", name: "shop", path: "/shop", trusted: true },
    branch: id,
    startCommit: null,
    state: "ready",
    runtime: { type: "local" },
    place: { path: "/shop", base: null },
    ownsCheckout: true,
    ownsBranch: true,
    init: undefined,
    createdAt: "2026-01-01T00:00:00.000Z",
    updatedAt: "2026-01-01T00:00:00.000Z",
    ...change,
  };
}

const unreachable = () => berthError("transport.unavailable");

test("callers share one opening; each may give up alone, the last one ends it", async () => {
  const places = new Places();
  await using _pool = places.pool;
  const gate = Promise.withResolvers<void>();
  places.gate = gate.promise;
  const impatient = new AbortController();
  const first = places.pool.lease(workspace("a"), impatient.signal);
  const second = places.pool.lease(workspace("a"));
  await turns();
  assert.deepEqual(
    places.pool.health().map(({ state }) => state),
    ["connecting"],
  );
  impatient.abort();
  await assert.rejects(first, { code: "operation.aborted" });
  gate.resolve();
  using lease = await second;
  using third = await places.pool.lease(workspace("a"));
  assert.equal(lease.runtime, third.runtime);
  assert.deepEqual(places.opened, ["a"]);

  places.gate = new Promise(() => {});
  const alone = new AbortController();
  const gone = places.pool.lease(workspace("b"), alone.signal);
  await turns();
  alone.abort();
  await assert.rejects(gone, { code: "operation.aborted" });
  await turns();
  assert.deepEqual(
    places.pool.health().map(({ state }) => state),
    ["connected", "idle"],
  );
});

test("a place that hangs holds up no other one, and closing the pool ends it", async () => {
  const places = new Places();
  places.gate = new Promise(() => {});
  const stuck = places.pool.lease(workspace("stuck"));
  stuck.catch(() => undefined);
  await turns();
  places.gate = Promise.resolve();
  for (let at = 0; at < 1000; at++) (await places.pool.lease(workspace(`w${at}`)))[Symbol.dispose]();
  assert.equal(places.pool.health().filter(({ state }) => state === "connected").length, 1000);
  await places.pool[Symbol.asyncDispose]();
  await assert.rejects(stuck, { code: "runtime.closed" });
  assert.equal(places.closed.length, 1000);
  await assert.rejects(places.pool.lease(workspace("late")), { code: "runner.stopping" });
});

test("a failure is answered at once until the next attempt is due, unless it is asked for", async () => {
  const places = new Places();
  await using _pool = places.pool;
  places.failure = unreachable();
  await assert.rejects(places.pool.lease(workspace("a")), { code: "transport.unavailable" });
  const [health] = places.pool.health();
  assert.equal(health?.state, "waiting");
  assert.ok((health?.retryInMs ?? 0) > 0 && (health?.retryInMs ?? 0) <= 1000);
  await assert.rejects(places.pool.lease(workspace("a")), (error: BerthError) => {
    assert.equal(error.code, "transport.unavailable");
    assert.equal(typeof error.context.retryInMs, "number");
    assert.match(error.hint, /next attempt/);
    return true;
  });
  assert.equal(places.opened.length, 1);
  await assert.rejects(places.pool.lease(workspace("a"), undefined, { retry: true }));
  assert.equal(places.opened.length, 2);
  await places.clock.pass(2_000);
  places.failure = undefined;
  using _lease = await places.pool.lease(workspace("a"));
  assert.equal(places.opened.length, 3);
  assert.deepEqual(places.types(), ["place.down", "place.connected"]);
  assert.equal(places.events[0]?.workspace, "a");
});

test("a place that can't be reached is told once, and again for another reason or behind a connection", async () => {
  const places = new Places();
  await using _pool = places.pool;
  const ask = (signal?: AbortSignal) => places.pool.lease(workspace("a"), signal, { retry: true });
  const failing = async (...codes: ErrorCode[]) => {
    for (const code of codes) {
      places.failure = berthError(code);
      await assert.rejects(ask(), { code });
    }
  };
  await failing("ssh.connection_refused", "ssh.waiting", "ssh.connection_refused", "ssh.waiting");
  await assert.rejects(ask(AbortSignal.abort()), { code: "operation.aborted" });
  await failing("ssh.connection_refused", "ssh.waiting", "ssh.unreachable", "ssh.waiting", "ssh.unreachable");
  places.failure = undefined;
  using _lease = await ask();
  places.failure = berthError("ssh.unreachable");
  places.tell?.({ type: "connection.lost", message: "lost" });
  await turns();
  assert.deepEqual(
    places.events.map(({ type, data }) => [type, data?.code]),
    [
      ["place.down", "ssh.connection_refused"],
      ["place.down", "ssh.unreachable"],
      ["place.connected", undefined],
      ["place.lost", undefined],
      ["place.down", "ssh.unreachable"],
    ],
  );
});

test("what is wrong with a workspace, and who gave up, is no failure of the place", async () => {
  const places = new Places();
  await using _pool = places.pool;
  places.failure = berthError("workspace.interrupted");
  await assert.rejects(places.pool.lease(workspace("a")), { code: "workspace.interrupted" });
  await assert.rejects(places.pool.lease(workspace("a")), { code: "workspace.interrupted" });
  assert.equal(places.opened.length, 2);
  assert.deepEqual(places.types(), []);
});

test("a place is closed when it was not used for a while and nothing runs in it", async () => {
  const places = new Places();
  await using _pool = places.pool;
  places.registered = [workspace("a")];
  const lease = await places.pool.lease(workspace("a"));
  await places.clock.pass(600_000);
  assert.deepEqual(places.closed, []);
  places.running.add("a");
  lease[Symbol.dispose]();
  lease[Symbol.dispose]();
  await places.clock.pass(60_000);
  assert.deepEqual(places.closed, []);
  places.running.clear();
  await places.clock.pass(60_000);
  assert.deepEqual(places.closed, ["a"]);
  assert.deepEqual(places.pool.health(), []);
  assert.deepEqual(places.types(), ["place.connected", "place.closed"]);
});

test("another configuration is another runtime; the old one is used to its end", async () => {
  const places = new Places();
  await using _pool = places.pool;
  const before = await places.pool.lease(workspace("a"));
  const newer = { updatedAt: "2026-01-01T00:00:01.000Z" };
  using same = await places.pool.lease(workspace("a", { ...newer, state: "init_failed" }));
  assert.equal(before.runtime, same.runtime);
  const changed = workspace("a", { ...newer, runtime: { type: "local", env: { A: "1" } } });
  using after = await places.pool.lease(changed);
  assert.notEqual(before.runtime, after.runtime);
  // Who looked before the change gets the newest.
  using stale = await places.pool.lease(workspace("a"));
  assert.equal(stale.runtime, after.runtime);
  assert.deepEqual(places.closed, []);
  same[Symbol.dispose]();
  before[Symbol.dispose]();
  await turns();
  assert.deepEqual(places.closed, ["a"]);
});

test("what another program stops, changes or deletes is let go of", async () => {
  const places = new Places();
  await using _pool = places.pool;
  const newer = { updatedAt: "2026-01-01T00:00:01.000Z" };
  for (const id of ["gone", "stopped", "changed", "same"]) await places.pool.lease(workspace(id));
  places.registered = [
    workspace("stopped", { ...newer, state: "stopped" }),
    workspace("changed", { ...newer, branch: "x" }),
    workspace("same", newer),
  ];
  await places.clock.pass(10_000);
  assert.deepEqual(places.closed, ["gone", "stopped"]);
  assert.deepEqual(
    places.pool.health().map((one) => one.workspace),
    ["same"],
  );
  await places.pool.drop("changed");
  assert.deepEqual(places.closed, ["gone", "stopped", "changed"]);
});

test("a lost connection is looked after and told; leases wait for the next look, later ones for the next attempt", async () => {
  const places = new Places();
  await using _pool = places.pool;
  using lease = await places.pool.lease(workspace("a"));
  places.failure = unreachable();
  places.tell?.({ type: "connection.lost", message: "lost", data: { code: "transport.disconnected" } });
  assert.equal(places.pool.health()[0]?.state, "connecting");
  await turns();
  assert.equal(places.pool.health()[0]?.state, "waiting");
  await assert.rejects(places.pool.lease(workspace("a")), { code: "transport.unavailable" });
  places.failure = undefined;
  await places.clock.pass(1_000);
  assert.equal(places.pool.health()[0]?.state, "connected");
  using again = await places.pool.lease(workspace("a"));
  assert.equal(again.runtime, lease.runtime);
  assert.deepEqual(places.types(), ["place.connected", "place.lost", "place.down", "place.connected"]);
});

test("a container that was stopped is started for the next who needs it, at once, and for nobody else", async () => {
  const places = new Places();
  await using _pool = places.pool;
  using lease = await places.pool.lease(workspace("a"));
  places.stopped = true;
  places.tell?.({ type: "connection.lost", message: "lost" });
  await turns();
  await places.clock.pass(5_000);
  assert.deepEqual([places.closed, places.opened], [["a"], ["a"]]);
  using anew = await places.pool.lease(workspace("a"));
  assert.notEqual(anew.runtime, lease.runtime);
  // Also for who asks while the lost connection is looked at.
  places.stopped = true;
  places.tell?.({ type: "connection.lost", message: "lost" });
  using third = await places.pool.lease(workspace("a"));
  assert.notEqual(third.runtime, anew.runtime);
  assert.equal(places.opened.length, 3);
  // A start that fails is not tried again at once.
  places.stopped = true;
  places.failure = unreachable();
  places.tell?.({ type: "connection.lost", message: "lost" });
  await turns();
  await assert.rejects(places.pool.lease(workspace("a")), { code: "transport.unavailable" });
  await assert.rejects(places.pool.lease(workspace("a")), /./);
  assert.equal(places.opened.length, 4);
});

test("what happens in a place has no call as its cause, opening it has", async () => {
  const call = new AsyncLocalStorage<string>();
  const causes: unknown[] = [];
  const places = new Places();
  const pool = createRuntimePool({
    workspaces: places,
    emit: ({ type }) => causes.push([type, call.getStore()]),
    clock: places.clock,
  });
  const open = places.open;
  places.open = async (selector, options) => {
    const runtime = await open(selector, options);
    setImmediate(() => options?.onEvent?.({ type: "process.exited", message: "" }));
    return runtime;
  };
  await call.run("req_1", () => pool.lease(workspace("a")));
  await turns();
  assert.deepEqual(causes, [
    ["place.connected", "req_1"],
    ["process.exited", undefined],
  ]);
  await pool[Symbol.asyncDispose]();
});

for (const kind of KINDS.filter(({ title }) => title !== "docker")) {
  test(`a real ${kind.title}: commands of many callers over one runtime, and what the command line does to it`, async (t) => {
    await using stack = new AsyncDisposableStack();
    const made = await requireOrSkip(t, () => kind.make(stack));
    if (made === undefined) return;
    const { bench: here, runtime } = made;
    const one = await here.workspaces.create({ name: "one", runtime, project: here.project.path });
    const events: BerthEventInput[] = [];
    await using pool = createRuntimePool({
      workspaces: here.workspaces,
      emit: (event) => events.push(event),
    });
    const runs = Array.from({ length: 20 }, async (_, at) => {
      using lease = await pool.lease(one);
      return (await lease.runtime.exec(["echo", String(at)])).stdout;
    });
    assert.deepEqual(
      await Promise.all(runs),
      Array.from({ length: 20 }, (_, at) => `${at}\n`),
    );
    assert.equal(events.filter(({ type }) => type === "place.connected").length, 1);
    const other = await here.another();
    await other.setConfig(one.id, { env: { GREETING: "hello" } });
    using lease = await pool.lease(await here.workspaces.get(one.id));
    assert.equal((await lease.runtime.exec("echo $GREETING")).stdout, "hello\n");
    await other.delete(one.id, { force: true });
    await pool.drop(one.id);
    assert.deepEqual(pool.health(), []);
  });
}

test("a set-up that runs is waited for, unless now", async () => {
  await using here = await bench();
  commit(here.project.path, {
    ".berth/init*": "#!/bin/sh\nwhile [ ! -e go ]; do sleep 0.05; done\ntouch done\n",
  });
  const creating = here.workspaces.create({ name: "one", project: here.project.path, trust: true });
  creating.catch(() => undefined);
  const one = await waitFor("the set-up", async () =>
    (await here.workspaces.list()).find(
      ({ state, place }) => state === "initializing" && place !== undefined,
    ),
  );
  await using pool = createRuntimePool({ workspaces: here.workspaces, emit: () => {} });
  const waiting = pool.lease(one);
  using now = await pool.lease(one, undefined, { now: true });
  await now.runtime.exec("touch go");
  using lease = await waiting;
  assert.equal((await lease.runtime.exec(["ls", "done"])).stdout, "done\n");
  assert.equal(lease.runtime, now.runtime);
  await creating;
});
