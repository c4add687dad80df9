import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Attachment } from "../../src/client/attach.ts";
import type { RunnerClient } from "../../src/client/client.ts";
import { isBerthError } from "../../src/contract/errors.ts";
import { runningRunner } from "../../src/runner/runner-file.ts";
import { numbered, printNumbered, sha256 } from "../conformance/kit.ts";
import { times } from "../faults/bench.ts";
import { smallDisk } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { type TestRunner, testRunner } from "../fixtures/runner.ts";
import { runnerProcess } from "../fixtures/runner-process.ts";

/** How long a runner works before it is killed, at most: in a long run also long enough to get somewhere. */
const LONGEST_LIFE_MS = times(600, 3000);
/** Of the long run, whose runners hardly live. */
const PATIENCE_MS = times(60_000, 300_000);
const LOAD_EVERY_MS = 20;

/** Calls until the runner takes it: while it is away, or says that it ends, again. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const { value, failure } = await waitFor(
    "the runner answers",
    async () => {
      try {
        return { value: await work() };
      } catch (failure) {
        return isBerthError(failure) && failure.retryable ? undefined : { failure };
      }
    },
    { deadlineMs: PATIENCE_MS },
  );
  if (failure !== undefined) throw failure;
  return value as T;
}

/** Every byte that an attached client is given, in order. */
async function collected(attached: Attachment): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of attached) {
    assert.notEqual(chunk.type, "gap", "nothing is lost");
    if (chunk.type === "data") all.push(chunk.data);
    if (chunk.type === "exit") assert.equal(chunk.exit.exitCode, 0);
  }
  return Buffer.concat(all);
}

async function start(
  client: RunnerClient,
  workspace: string,
  command: string[],
  key: string,
): Promise<string> {
  const { id } = await patiently(() =>
    client.post("/v1/workspaces/{workspace}/processes", {
      params: { path: { workspace }, header: { "Idempotency-Key": key } },
      body: { command, detached: true },
    }),
  );
  return id;
}

function integrity(runner: Pick<TestRunner, "stateDirectory">): unknown {
  using database = new DatabaseSync(join(runner.stateDirectory, "berth.db"), { timeout: 10_000 });
  return database.prepare("pragma integrity_check").get();
}

test("killed at any point under load: nothing is lost, nothing runs twice, and the log's chain holds", async () => {
  await using runner = await testRunner();
  const { id: workspace } = await runner.workspace();
  const client = runner.client();
  const ran = join(runner.directory, "ran");
  const command = (key: string) => `echo ${key} >>'${ran}'; echo out-${key}`;
  const count = 400_000;
  const stop = new AbortController();
  // A long output, slow enough that every kill meets it.
  const long = await start(
    client,
    workspace,
    ["sh", "-c", `${printNumbered(count)} | pv -qL 40m 2>/dev/null || ${printNumbered(count)}`],
    "long",
  );
  using attached = await client.attach(long);
  const seen = collected(attached);
  const started: { readonly key: string; readonly id: string }[] = [];
  const load = (async () => {
    for (let n = 0; !stop.signal.aborted; n++) {
      const key = `start-${n}`;
      started.push({ key, id: await start(client, workspace, ["sh", "-c", command(key)], key) });
      await delay(LOAD_EVERY_MS);
    }
  })();
  const making = (async () => {
    for (let n = 0; !stop.signal.aborted; n++) {
      const make = async (): Promise<void> => {
        const operation = await patiently(() =>
          client.post("/v1/workspaces", {
            params: { header: { "Idempotency-Key": `make-${n}` } },
            body: { name: `made-${n}`, project: runner.project(), runtime: "worktree:", skip_init: true },
          }),
        );
        await client.completed(operation);
      };
      await make().catch((cause: unknown) => {
        // What a killed runner was at is told as that, in the call or in the operation.
        const told = ["request.idempotency_interrupted", "operation.interrupted"];
        assert.ok(isBerthError(cause) && told.includes(cause.code), String(cause));
      });
    }
  })();
  const rounds = times(3, 50);
  try {
    for (let round = 0; round < rounds; round++) {
      await delay(randomInt(LONGEST_LIFE_MS));
      await runner.kill();
      assert.deepEqual({ ...(integrity(runner) as object) }, { integrity_check: "ok" });
      await runner.restart();
    }
  } finally {
    stop.abort();
  }
  await Promise.all([load, making]);
  assert.equal(sha256(await seen), sha256(numbered(count)), "the attached client got every byte once");
  assert.ok(started.length > 0);
  await Promise.all(
    started.map(async ({ key, id }) => {
      const again = await start(client, workspace, ["sh", "-c", command(key)], key);
      assert.equal(again, id, "a start that is repeated is the process that there is");
      await waitFor("its whole log is there", async () => {
        const text = await (await runner.call(`/v1/processes/${id}/log`)).text();
        return text === `out-${key}\n`;
      });
    }),
  );
  const lines = readFileSync(ran, "utf8").trim().split("\n");
  assert.equal(new Set(lines).size, lines.length, "nothing ran twice");
  const verified = await client.post("/v1/events/verify");
  assert.equal(verified.ok, true, JSON.stringify(verified.broken));
  for (const made of await runner.workspaces.list()) {
    if (made.id !== workspace) await runner.workspaces.delete(made.id, { force: true }).catch(() => {});
  }
});

test("an upgrade loses no client: attach, wire and events go on, with another version", async () => {
  await using place = await testRunner({ inProcess: true });
  const { id: workspace } = await place.workspace();
  await place.stop();
  const state = place.stateDirectory;
  const stop = new AbortController();
  const runners = new AsyncDisposableStack();
  try {
    let current = runners.use(await runnerProcess(state, { args: ["--port", "0"] }));
    const { createRunnerClient } = await import("../../src/client/client.ts");
    const { openRuntime } = await import("../../src/runtimes/open.ts");
    const { url, token } = current;
    const client = createRunnerClient({ url, token });
    const count = 300_000;
    const slow = `${printNumbered(count)} && sleep 0.3 && echo end`;
    const expected = Buffer.concat([numbered(count), Buffer.from("end\n")]);
    const sequences: number[] = [];
    const events = (async () => {
      for await (const event of client.events({ after: 0, signal: stop.signal }))
        sequences.push(event.sequence);
    })().catch((cause: unknown) => assert.ok(isBerthError(cause, "operation.aborted"), String(cause)));
    await using remote = await openRuntime({
      type: "remote",
      url,
      workspace,
      token: { file: join(state, "token") },
    });
    const rounds = times(2, 20);
    for (let round = 1; round <= rounds; round++) {
      const id = await start(client, workspace, ["sh", "-c", slow], `round-${round}`);
      const seen = collected(await client.attach(id, { signal: stop.signal }));
      const direct = remote.exec(slow, { maxCaptureBytes: 64 * 1024 * 1024 });
      const captured = direct.then((result) => result.stdoutBytes);
      await delay(randomInt(100));
      const next = runners.use(await runnerProcess(state, { args: ["--replace"], version: `${round}.0.0` }));
      await waitFor("the one before has ended", () => current.child.exitCode !== null);
      assert.equal(current.child.exitCode, 0, current.said());
      current = next;
      assert.equal(next.url, url);
      assert.equal((await client.get("/v1/health")).version, `${round}.0.0`);
      assert.equal(sha256(await seen), sha256(expected), "by attach");
      assert.equal(sha256(await captured), sha256(expected), "by the wire");
    }
    const { sequence } = await client.get("/v1/events/head");
    await waitFor("the follower has come to the end", () => (sequences.at(-1) ?? 0) >= sequence);
    stop.abort();
    await events;
    assert.deepEqual(
      sequences,
      sequences.map((_, index) => index + 1),
      "each event once, in order",
    );
  } finally {
    stop.abort();
    await runners.disposeAsync();
  }
  assert.equal(runningRunner(state), undefined);
});

test("a full disk under the state directory: reads go on, writes say why, and it recovers", async (t) => {
  const disk = await requireOrSkip(t, () => smallDisk({ size: 24 * 1024 * 1024, mode: 0o700 }));
  if (disk === undefined) return;
  await using _disk = disk;
  const { writeFileSync, rmSync } = await import("node:fs");
  await using runner = await testRunner({ stateDirectory: join(disk.path, "state") });
  const { id: workspace, name } = await runner.workspace();
  const client = runner.client();
  const id = await start(client, workspace, ["echo", "before"], "before");
  await waitFor(
    "it has ended",
    async () => (await (await runner.call(`/v1/processes/${id}/log`)).text()) === "before\n",
  );
  const filled = join(disk.path, "fill");
  for (let size = 4 * 1024 * 1024; size >= 1024; ) {
    try {
      writeFileSync(filled, Buffer.alloc(size), { flag: "a" });
    } catch {
      size /= 4;
    }
  }
  // Reads go on.
  assert.equal((await client.get("/v1/workspaces")).items[0]?.name, name);
  assert.equal(await (await runner.call(`/v1/processes/${id}/log`)).text(), "before\n");
  assert.equal((await client.get("/v1/health")).status, "ok");
  // A write says why.
  await assert.rejects(
    (async () => {
      const made = await client.post("/v1/workspaces", {
        body: { name: "too-much", project: runner.project(), runtime: "worktree:", skip_init: true },
      });
      await client.completed(made);
    })(),
    (error: unknown) =>
      isBerthError(error) && /ENOSPC|no_space|space/i.test(`${error.code} ${error.message}`),
  );
  rmSync(filled);
  await waitFor("it works again", async () => {
    const again = await start(client, workspace, ["echo", "after"], `after-${randomInt(1e9)}`);
    return (await (await runner.call(`/v1/processes/${again}/log?follow=true`)).text()) === "after\n";
  });
  const verified = await client.post("/v1/events/verify");
  assert.equal(verified.ok, true, JSON.stringify(verified.broken));
  assert.deepEqual({ ...(integrity(runner) as object) }, { integrity_check: "ok" });
});
