import assert from "node:assert/strict";
import { test } from "node:test";
import { createParser } from "eventsource-parser";
import { openEventLog } from "../../src/events/open.ts";
import { verifyExport } from "../../src/events/verify-export.ts";
import { waitFor } from "../fixtures/process.ts";
import { type TestRunner, testRunner } from "../fixtures/runner.ts";

interface Event {
  readonly sequence: number;
  readonly type: string;
  readonly hash: string;
  readonly workspace?: string;
  readonly cause?: string;
  readonly actor?: string;
}

async function json<T>(runner: TestRunner, path: string, init?: RequestInit): Promise<T> {
  const response = await runner.call(path, init);
  assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
  return (await response.json()) as T;
}

/** Live events until `stop`. */
async function live(
  runner: TestRunner,
  path: string,
  options: { readonly lastEventId?: string; readonly token?: string } = {},
) {
  const stop = new AbortController();
  const headers = {
    accept: "text/event-stream",
    authorization: `Bearer ${options.token ?? runner.token}`,
    ...(options.lastEventId === undefined ? {} : { "last-event-id": options.lastEventId }),
  };
  const response = await fetch(`${runner.url}${path}`, { headers, signal: stop.signal });
  assert.equal(response.status, 200);
  const seen: Event[] = [];
  const parser = createParser({
    onEvent: ({ id, data }) => {
      const event = JSON.parse(data) as Event;
      assert.equal(id, String(event.sequence));
      seen.push(event);
    },
  });
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
  })().catch(() => {});
  return {
    seen,
    stop: async () => {
      stop.abort();
      await reading;
    },
  };
}

test("events over HTTP: pages, live with resume, another program's as well, what a token may know, export, verification", async () => {
  await using runner = await testRunner();
  const workspace = await runner.workspace();
  const other = await runner.workspace();
  const all = await live(runner, "/v1/events?after=0");
  const fromNow = await live(runner, "/v1/events?type=test");

  await using here = await openEventLog({ stateDirectory: runner.stateDirectory, threads: false });
  for (let at = 0; at < 250; at++) {
    here.append({
      type: "test.tick",
      message: String(at),
      workspace: at % 2 === 0 ? workspace.id : other.id,
    });
  }
  await here.flush();
  await waitFor("the runner tells what another program wrote", () => fromNow.seen.length === 250, {
    deadlineMs: 60_000,
  });
  await waitFor(
    "everything is told",
    () => all.seen.filter(({ type }) => type === "test.tick").length === 250,
    {
      deadlineMs: 60_000,
    },
  );
  assert.deepEqual(
    all.seen.map(({ sequence }) => sequence),
    all.seen.map((_, at) => at + 1),
  );
  // A cut in the middle: the rest comes, each once.
  const middle = fromNow.seen[99]?.sequence ?? 0;
  const resumed = await live(runner, "/v1/events?type=test", { lastEventId: String(middle) });
  await waitFor("the rest is told", () => resumed.seen.length === 150, { deadlineMs: 60_000 });
  assert.deepEqual(resumed.seen, fromNow.seen.slice(100));
  for (const stream of [all, fromNow, resumed]) await stream.stop();

  interface Page {
    readonly items: readonly Event[];
    readonly next: number | null;
  }
  const pages: Event[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: Page = await json(
      runner,
      `/v1/events?type=test&limit=60&workspace=${workspace.id}&after=${after}`,
    );
    pages.push(...page.items);
    after = page.next;
  }
  assert.equal(pages.length, 125);
  assert.ok(pages.every((event) => event.workspace === workspace.id));
  const newest: Page = await json(runner, "/v1/events?order=newest&limit=2&type=test");
  assert.deepEqual(
    newest.items.map(({ sequence }) => sequence),
    fromNow.seen
      .slice(-2)
      .map(({ sequence }) => sequence)
      .reverse(),
  );
  const before: Page = await json(runner, `/v1/events?order=newest&limit=1&type=test&before=${newest.next}`);
  assert.equal(before.items[0]?.sequence, fromNow.seen.at(-3)?.sequence);
  for (const query of ["until=2026-01-01T00:00:00Z", "order=newest", "before=3"]) {
    const refused = await runner.call(`/v1/events?${query}`, { headers: { accept: "text/event-stream" } });
    assert.equal(refused.status, 400, query);
  }

  // A token of one workspace knows of no other's events, live or stored, and gets no export.
  const made: { secret: string } = await json(runner, "/v1/tokens", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "one", scope: "operate", workspaces: [workspace.id] }),
  });
  const authorization = `Bearer ${made.secret}`;
  const seen: Page = await json(runner, "/v1/events?limit=1000", { headers: { authorization } });
  assert.ok(seen.items.length >= 125);
  assert.ok(seen.items.every((event) => event.workspace === workspace.id));
  const narrow = await live(runner, "/v1/events?after=0", { token: made.secret });
  await waitFor("its own are told", () => narrow.seen.length >= 125, { deadlineMs: 60_000 });
  await narrow.stop();
  assert.ok(narrow.seen.every((event) => event.workspace === workspace.id));
  const foreign = await runner.call(`/v1/events?workspace=${other.id}`, { headers: { authorization } });
  assert.equal(foreign.status, 404);
  assert.equal((await runner.call("/v1/events/export", { headers: { authorization } })).status, 403);

  // What a call brings about has it as its cause, and a deletion's events stay.
  const deleted = await runner.call(`/v1/workspaces/${other.id}?wait_ms=60000`, { method: "DELETE" });
  assert.ok(deleted.ok, await deleted.clone().text());
  const cause = deleted.headers.get("berth-request-id");
  const gone: Page = await json(runner, `/v1/events?workspace=${other.id}&limit=1000`);
  assert.ok(gone.items.some(({ type }) => type === "workspace.deleted"));
  assert.equal(gone.items.filter(({ type }) => type === "workspace.deleted").length, 1, "once");
  assert.ok(
    gone.items.some((event) => event.cause === cause),
    "the call is named",
  );
  const failed = await runner.call("/v1/workspaces/none?wait_ms=1000", { method: "DELETE" });
  assert.equal(failed.status, 404);
  const request = failed.headers.get("berth-request-id");
  await waitFor(
    "the failure is recorded",
    async () => {
      const { items }: Page = await json(runner, "/v1/events?type=request.failed&order=newest&limit=1");
      return items[0]?.cause === request;
    },
    { deadlineMs: 60_000 },
  );

  const verified: { ok: boolean; records: number; head: { hash: string } } = await json(
    runner,
    "/v1/events/verify",
    {
      method: "POST",
    },
  );
  assert.equal(verified.ok, true);
  const head: { sequence: number; signature: { public_key: string } } = await json(runner, "/v1/events/head");
  const exported = await runner.call("/v1/events/export");
  const found = await verifyExport(exported.body ?? assert.fail(), { publicKey: head.signature.public_key });
  assert.deepEqual([found.ok, found.firstSequence], [true, 1]);
  assert.ok(found.records >= verified.records);
  const again = await runner.call(`/v1/events/export?after=${found.records - 5}`);
  assert.equal((await verifyExport(again.body ?? assert.fail(), {})).records >= 5, true);

  // A runner that is killed has lost nothing that it told, and goes on in the same chain.
  await runner.kill();
  await runner.restart();
  const after: { ok: boolean; records: number } = await json(runner, "/v1/events/verify", { method: "POST" });
  assert.equal(after.ok, true);
  assert.ok(after.records > found.records);
});
