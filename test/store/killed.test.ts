import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { isBerthError } from "../../src/contract/errors.ts";
import { isLocked, takeLock } from "../../src/store/file-lock.ts";
import { openRegistry } from "../../src/workspaces/registry/open.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { killGroup, waitFor } from "../fixtures/process.ts";
import { program } from "./programs.ts";

const LONG = process.env.BERTH_LONG === "1";

async function withProject(state: string) {
  const repository = join(state, "repository");
  await mkdir(repository, { recursive: true });
  await using registry = await openRegistry(state);
  return await registry.ensureProject({ gitDir: repository, path: repository, name: "shop" });
}

test("of two programs that reserve a name at once one gets it, over and over", async () => {
  await using scratch = await scratchDirectory();
  const { id: projectId } = await withProject(scratch.path);
  const rounds = LONG ? 20 : 2;
  for (let round = 0; round < rounds; round++) {
    const name = `fix-${round}`;
    const programs = await Promise.all(
      [name, name.toUpperCase()].map((asked) => program("reserve", scratch.path, projectId, asked)),
    );
    for (const one of programs) one.go();
    const said = (await Promise.all(programs.map((one) => one.finished()))).flat().sort();
    assert.match(said[0] ?? "", /^reserved w/);
    assert.deepEqual(said.slice(1), ["workspace.name_taken"]);
  }
  await using registry = await openRegistry(scratch.path);
  assert.equal((await registry.list()).length, rounds);
});

test("ten programs open a directory without a database at once and write, and everything is there", async () => {
  await using scratch = await scratchDirectory();
  const count = LONG ? 40 : 15;
  const programs = await Promise.all(
    Array.from({ length: 10 }, (_, at) => program("write", scratch.path, `w${at}`, count)),
  );
  for (const one of programs) one.go();
  for (const one of programs) assert.equal((await one.finished()).length, count);
  await using registry = await openRegistry(scratch.path);
  for (let at = 0; at < 10; at++) {
    const numbers = Array.from({ length: count }, (_, number) => number);
    const entries = await registry.journal(`w${at}`).entries();
    assert.deepEqual(
      entries.map(({ item }) => item.at),
      numbers,
    );
    assert.deepEqual(
      (await registry.history(`w${at}`)).map(({ message }) => Number(message)),
      numbers,
    );
  }
});

test("kill -9 in the middle of writing loses nothing that was committed and damages nothing", async () => {
  await using scratch = await scratchDirectory();
  await withProject(scratch.path);
  const rounds = LONG ? 100 : 4;
  for (let round = 0; round < rounds; round++) {
    const id = `w${round}`;
    await using writer = await program("write", scratch.path, id, 1_000_000);
    await using beside = await program("write", scratch.path, `${id}b`, 1_000_000);
    writer.go();
    beside.go();
    // Different for each round, so that the kill meets different moments.
    const enough = 3 + ((round * 7) % 40);
    await waitFor("enough is written", () => writer.said().length >= enough, {
      everyMs: 1,
      deadlineMs: 60_000,
    });
    await writer.kill();
    const committed = Number(writer.said().at(-1)?.split(" ")[1]);
    await beside.kill();
    await using registry = await openRegistry(scratch.path);
    const entries = await registry.journal(id).entries();
    const history = await registry.history(id);
    assert.ok(
      history.length > committed && history.length <= committed + 2,
      `${history.length}: ${committed}`,
    );
    assert.deepEqual(
      history.map(({ message }) => Number(message)),
      history.map((_, at) => at),
    );
    assert.deepEqual(
      entries.map(({ item }) => item.at),
      entries.map((_, at) => at),
    );
    for (const { item, state } of entries.slice(0, committed + 1))
      assert.equal(state, (item.at as number) % 3 === 0 ? "done" : "planned");
  }
  const database = new DatabaseSync(join(scratch.path, "berth.db"));
  assert.deepEqual({ ...database.prepare("pragma integrity_check").get() }, { integrity_check: "ok" });
  database.close();
});

test("kill -9 ends an operation: its lock is free at once, and who comes next is told of it", async () => {
  await using scratch = await scratchDirectory();
  await using registry = await openRegistry(scratch.path);
  const project = await withProject(scratch.path);
  const id = registry.newWorkspaceId();
  {
    await using operation = await registry.operation(id, "create");
    const row = { branch: "a", startCommit: null, runtime: { type: "local" } as const };
    const owned = { ownsCheckout: false, ownsBranch: false };
    await registry.reserve({ id, name: "a", projectId: project.id, ...row, ...owned }, operation);
  }
  await using holder = await program("hold", scratch.path, id);
  await assert.rejects(registry.operation(id, "delete"), (error) => {
    assert.ok(isBerthError(error, "workspace.busy"));
    assert.equal(error.context.pid, holder.pid);
    assert.match(error.message, /is working on a now: fork/);
    return true;
  });
  const alive = (await registry.get(id))?.operation;
  assert.deepEqual([alive?.kind, alive?.pid, alive?.alive], ["fork", holder.pid, true]);
  const waiting = registry.whenFree(id);
  await holder.kill();
  assert.equal(await waiting, true);
  assert.deepEqual((await registry.get(id))?.operation, { ...alive, alive: false });
  {
    await using next = await registry.operation(id, "delete");
    assert.deepEqual(next.interrupted, { kind: "fork", startedAt: alive?.startedAt });
  }
  assert.equal((await registry.get(id))?.operation, undefined);
});

test("what killed programs held is swept; what is held, or belongs to a workspace, stays", async () => {
  await using scratch = await scratchDirectory();
  await using registry = await openRegistry(scratch.path);
  const project = await withProject(scratch.path);
  const [lives, dead, busy] = [
    registry.newWorkspaceId(),
    registry.newWorkspaceId(),
    registry.newWorkspaceId(),
  ];
  {
    await using operation = await registry.operation(lives, "create");
    const row = { branch: "a", startCommit: null, runtime: { type: "local" } as const };
    const owned = { ownsCheckout: false, ownsBranch: false };
    await registry.reserve({ id: lives, name: "a", projectId: project.id, ...row, ...owned }, operation);
  }
  await using killed = await program("hold", scratch.path, dead);
  await killed.kill();
  await using holder = await program("hold", scratch.path, busy);
  const locks = () => readdirSync(join(scratch.path, "locks")).sort();
  assert.deepEqual(locks(), [`${lives}.lock`, `${dead}.lock`, `${busy}.lock`].sort());
  await registry.sweep();
  assert.deepEqual(locks(), [`${lives}.lock`, `${busy}.lock`].sort());
  {
    await using again = await registry.operation(dead, "create");
    assert.equal(again.interrupted, undefined, "its row went with it");
  }
  assert.deepEqual(
    locks(),
    [`${lives}.lock`, `${busy}.lock`].sort(),
    "a lock of no workspace goes when it is released",
  );
  assert.ok(isLocked(join(scratch.path, "locks", `${busy}.lock`)));
  await holder.kill();
  await registry.remove(lives);
  await registry.sweep();
  assert.deepEqual(locks(), []);
});

test("a child of the holder does not hold its lock", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "a.lock");
  const lock = await takeLock(path);
  assert.ok(lock?.isHeld);
  const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
  await once(child, "spawn");
  try {
    assert.ok(isLocked(path));
    lock.release();
    assert.equal(lock.isHeld, false);
    assert.equal(isLocked(path), false);
    using again = await takeLock(path);
    assert.ok(again !== undefined);
  } finally {
    killGroup(child);
  }
});

test("a lock whose file is removed by each holder is never held by two, and looks take it from nobody", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "a.lock");
  assert.equal(isLocked(path), false);
  assert.equal(existsSync(path), false, "a look makes no file");
  const rounds = LONG ? 2_000 : 100;
  const programs = await Promise.all(Array.from({ length: 4 }, () => program("contend", path, rounds)));
  for (const one of programs) one.go();
  let looks = 0;
  const looking = waitFor(
    "all are done",
    () => {
      isLocked(path);
      looks += 1;
      return programs.every((one) => one.said().length > 0);
    },
    { everyMs: 1, deadlineMs: LONG ? 600_000 : 60_000 },
  );
  const said = await Promise.all(programs.map((one) => one.finished()));
  await looking;
  assert.deepEqual(said, [["done"], ["done"], ["done"], ["done"]]);
  assert.ok(looks > 1, `${looks} looks`);
});
