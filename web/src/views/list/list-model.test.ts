import assert from "node:assert/strict";
import { test } from "node:test";
import type { Operation, Overview, Workspace } from "../../state/store.ts";
import { healthOf, healthWords } from "./health.ts";
import { addressOf, grouped, queryOf, rowsOf, shownOperations } from "./list-model.ts";
import { placeOf } from "./place-of.ts";

const workspace = (name: string, more: Partial<Workspace> = {}): Workspace => ({
  id: `w${name}`,
  name,
  project: { id: "p1", name: "shop", path: "/shop", trusted: true },
  branch: name,
  start_commit: null,
  state: "ready",
  runtime: { type: "worktree" },
  place: null,
  owns_checkout: true,
  owns_branch: true,
  init: null,
  forked_from: null,
  operation: null,
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
  ...more,
});

type Place = Overview["places"][number];
const place = (id: string, more: Partial<Place>): Place => ({
  workspace: id,
  state: "idle",
  error: null,
  retry_in_ms: null,
  since: "2026-01-01T00:00:00Z",
  name: id,
  project: "shop",
  runtime: "worktree",
  workspace_state: "ready",
  running: null,
  last_event_at: null,
  ...more,
});

test("places are named by what tells them apart", () => {
  assert.equal(placeOf({ type: "docker", image: "node:24" }).detail, "node:24");
  assert.equal(placeOf({ type: "docker", containerId: "web" }).detail, "web");
  assert.equal(placeOf({ type: "ssh", host: "box", user: "dev", port: 2222 }).detail, "dev@box:2222");
  assert.equal(placeOf({ type: "remote", url: "https://box:7333/x" }).detail, "box:7333");
  assert.equal(placeOf({ type: "worktree" }).detail, undefined);
});

test("health says the worst that is known, and counts down", () => {
  const ready = { state: "ready", operation: null } as const;
  assert.equal(healthOf(ready, undefined).word, "idle");
  assert.equal(healthOf(ready, { state: "connected", error: null, retry_in_ms: null }).tone, "good");
  const waiting = healthOf(ready, { state: "waiting", error: null, retry_in_ms: 4200 });
  assert.equal(healthWords(waiting, 0), "waiting to retry in 5 s");
  assert.equal(healthWords(waiting, 3500), "waiting to retry in 1 s");
  assert.equal(healthWords(waiting, 4500), "retrying");
  const failed = { state: "init_failed", operation: null } as const;
  assert.equal(
    healthOf(failed, { state: "connected", error: null, retry_in_ms: null }).word,
    "set-up failed",
  );
  assert.equal(healthOf(failed, { state: "down", error: null, retry_in_ms: null }).word, "down");
  const operation = { kind: "create", started_at: "", pid: 1, alive: false } as const;
  const setUp = (alive: boolean) =>
    healthOf({ state: "initializing", operation: alive ? { ...operation, alive } : null }, undefined).word;
  assert.deepEqual([setUp(true), setUp(false)], ["set-up runs", "set-up unfinished"]);
  assert.equal(healthOf({ state: "creating", operation }, undefined).word, "interrupted");
  assert.equal(healthOf({ state: "stopped", operation: null }, undefined).kind, "stopped");
});

test("what the address keeps comes back, and nonsense counts as nothing", () => {
  const query = { text: "fix login", place: "ssh", state: "trouble", sort: "name" } as const;
  assert.deepEqual(queryOf(addressOf(query).slice(1)), query);
  assert.deepEqual(queryOf("?place=moon&sort=x"), { text: "", place: "", state: "", sort: "activity" });
  assert.equal(addressOf(queryOf("")), "/");
});

test("rows are filtered by every word, grouped by project, the newest activity first", () => {
  const other = { id: "p2", name: "api", path: "/api", trusted: false };
  const all = [
    workspace("a"),
    workspace("b", { runtime: { type: "ssh", host: "box" } }),
    workspace("c", { project: other }),
  ];
  const places = [place("wa", {}), place("wb", { running: 2, last_event_at: "2026-02-01T00:00:00Z" })];
  const rows = rowsOf(all, places);
  const names = (search: string) =>
    grouped(rows, queryOf(search)).map(
      ({ project, rows }) => `${project.name}: ${rows.map((row) => row.workspace.name)}`,
    );
  assert.deepEqual(names(""), ["api: c", "shop: b,a"]);
  assert.deepEqual(names("?sort=name"), ["api: c", "shop: a,b"]);
  assert.deepEqual(names("?place=ssh"), ["shop: b"]);
  assert.deepEqual(names("?q=SHOP+box"), ["shop: b"]);
  assert.deepEqual(names("?state=trouble"), []);
});

test("the tray has what runs, what failed and what was seen to run, until it is dismissed", () => {
  const operation = (id: string, state: Operation["state"]) => ({ id, state }) as Operation;
  const known = [operation("1", "running"), operation("2", "failed"), operation("3", "succeeded")];
  const ids = (given: { begun?: Operation[]; seen?: string[]; dismissed?: string[] }) =>
    shownOperations(known, {
      begun: given.begun ?? [],
      seen: new Set(given.seen),
      dismissed: new Set(given.dismissed),
    }).map(({ id }) => id);
  assert.deepEqual(ids({}), ["1", "2"]);
  assert.deepEqual(ids({ seen: ["3"] }), ["1", "2", "3"]);
  assert.deepEqual(ids({ seen: ["3"], dismissed: ["1", "2", "3"] }), ["1"]);
  assert.deepEqual(ids({ begun: [operation("4", "running"), operation("1", "running")] }), ["4", "1", "2"]);
});
