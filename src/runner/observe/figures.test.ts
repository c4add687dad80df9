import assert from "node:assert/strict";
import { test } from "node:test";
import { berthError } from "../../contract/errors.ts";
import type { BerthEvent } from "../../contract/events.ts";
import type { EventLog } from "../../events/event-log.ts";
import { statsOf } from "./adoption.ts";
import { countEvent } from "./count-event.ts";
import { figuresOf } from "./figures.ts";
import { createMetrics } from "./metrics.ts";
import { parsePrometheus } from "./testing.ts";

type Looked = Parameters<typeof figuresOf>[0];

function workspace(id: string, state = "ready", type = "docker") {
  return { id, state, runtime: { type } } as unknown as Awaited<
    ReturnType<Looked["workspaces"]["list"]>
  >[number];
}

function runtime(processes: () => Promise<unknown[]>) {
  return { capabilities: { daemon: true }, processes };
}

test("what is looked at: places that answer are counted, one that does not holds nothing up, another's processes are not ours", async () => {
  let listed = 0;
  const context = {
    startedAt: new Date(Date.now() - 60_000).toISOString(),
    workspaces: {
      list: async () => {
        listed += 1;
        return [workspace("a"), workspace("b"), workspace("c", "stopped", "ssh")];
      },
    },
    runtimes: {
      health: () => [
        { workspace: "a", state: "connected", since: "" },
        { workspace: "b", state: "connected", since: "" },
        {
          workspace: "c",
          state: "waiting",
          since: "",
          retryInMs: 4_000,
          error: berthError("ssh.auth_failed"),
        },
      ],
      connected: () =>
        new Map([
          [
            "a",
            runtime(async () => [
              { state: "running", workspace: "a" },
              { state: "exited" },
              { state: "running", workspace: "b" },
            ]),
          ],
          ["b", runtime(() => Promise.reject(berthError("transport.disconnected")))],
        ]),
    },
    events: {
      flush: async () => {},
      head: async () => ({ sequence: 7, hash: "" }),
      read: async ({ workspace }: { workspace: string }) =>
        workspace === "b" ? [] : [{ event: { time: `of ${workspace}` } }],
    },
  } as unknown as Looked;
  const metrics = createMetrics();
  using figures = figuresOf(context, metrics);
  const [first, second] = await Promise.all([figures.look(), figures.look()]);
  assert.equal(first, second, "who looks at the same moment sees the same");
  assert.equal(listed, 1);
  assert.deepEqual([...first.processes.keys()], ["a"]);
  assert.deepEqual(
    [...first.lastEvents],
    [
      ["a", "of a"],
      ["c", "of c"],
    ],
  );
  const { samples } = parsePrometheus(await metrics.text());
  const values = (name: string) =>
    Object.fromEntries(
      samples
        .filter((one) => one.name === name)
        .map(({ labels, value }) => [Object.values(labels).join(" "), value]),
    );
  assert.deepEqual(values("berth_processes"), { running: 1, exited: 1 });
  assert.deepEqual(values("berth_workspaces"), { "ready docker": 2, "stopped ssh": 1 });
  assert.equal(values("berth_places").connected, 2);
  assert.equal(values("berth_places_backoff_seconds")[""], 4);
  assert.equal(values("berth_events_sequence")[""], 7);
});

test("who looks because something has happened sees what has become of it", async () => {
  let sequence = 1;
  let state = "connecting";
  const context = {
    startedAt: new Date().toISOString(),
    workspaces: { list: async () => [workspace("a")] },
    runtimes: { health: () => [{ workspace: "a", state, since: "" }], connected: () => new Map() },
    events: {
      flush: async () => {},
      head: async () => ({ sequence, hash: "" }),
      read: async () => [],
    },
  } as unknown as Looked;
  using figures = figuresOf(context, createMetrics());
  const stateNow = async () => (await figures.look()).health.get("a")?.state;
  assert.equal(await stateNow(), "connecting");
  state = "connected";
  assert.equal(await stateNow(), "connecting", "nothing has happened since, as far as anybody was told");
  sequence = 2;
  assert.equal(await stateNow(), "connected");
});

test("a look that fails is no answer for the next one", async () => {
  let turn = 0;
  const context = {
    startedAt: new Date().toISOString(),
    workspaces: {
      list: async () => {
        turn += 1;
        if (turn === 1) throw berthError("store.busy");
        return [];
      },
    },
    runtimes: { health: () => [], connected: () => new Map() },
    events: { flush: async () => {}, head: async () => ({ sequence: 0, hash: "" }) },
  } as unknown as Looked;
  using figures = figuresOf(context, createMetrics());
  await assert.rejects(figures.look(), { code: "store.busy" });
  assert.equal((await figures.look()).eventSequence, 0);
});

test("adoption: all of the log is counted once, then only what came since", async () => {
  const log: BerthEvent[] = [];
  const add = (type: string, data: Record<string, unknown>): void => {
    const sequence = log.length + 1;
    log.push({
      sequence,
      time: `2026-11-21T12:00:00.${String(sequence % 1000).padStart(3, "0")}Z`,
      type,
      message: "",
      data,
    });
  };
  const asked: number[] = [];
  const events = {
    read: async ({ after = 0, limit = 1_000, types }: Parameters<EventLog["read"]>[0] = {}) => {
      asked.push(after);
      const found = log.filter(({ sequence, type }) => sequence > after && types?.includes(type));
      return found.slice(0, limit).map((event) => ({ event, record: "", hash: "" }));
    },
  };
  for (let at = 0; at < 1_500; at += 1) add("runtime.selected", { type: at % 3 === 0 ? "ssh" : "docker" });
  add("workspace.created", { runtime: "docker" });
  add("workspace.created", {});
  add("process.started", { type: "ssh" });
  const stats = statsOf(events, { list: async () => [workspace("a"), workspace("b", "ready", "ssh")] });
  assert.deepEqual(await stats(), {
    since: "2026-11-21T12:00:00.001Z",
    workspaces: { docker: 1, ssh: 1 },
    selections: { ssh: 500, docker: 1_000 },
    creations: { docker: 1 },
  });
  add("runtime.selected", { type: "local" });
  asked.length = 0;
  const [again, both] = await Promise.all([stats(), stats()]);
  assert.deepEqual(again.selections, { ssh: 500, docker: 1_000, local: 1 });
  assert.deepEqual(again, both);
  assert.deepEqual(asked, [1_502], "nothing is read twice");
});

test("events count what they tell", async () => {
  const metrics = createMetrics();
  countEvent(metrics, { type: "place.connected", message: "", data: { restored: true } });
  countEvent(metrics, { type: "place.lost", message: "" });
  countEvent(metrics, { type: "process.started", message: "" });
  assert.equal(metrics.total("berth_place_events_total", { event: "restored" }), 1);
  assert.equal(metrics.total("berth_place_events_total", { event: "lost" }), 1);
  assert.equal(metrics.total("berth_events_total", { type: "process" }), 1);
});
