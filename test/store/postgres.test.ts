import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { test } from "node:test";
import pg from "pg";
import { type BerthError, isBerthError } from "../../src/contract/errors.ts";
import { MIGRATIONS } from "../../src/store/migrations.ts";
import { isUniqueViolation, openStore } from "../../src/store/open.ts";
import { Scratch } from "../../src/workspaces/git/repository.testing.ts";
import { openWorkspaces } from "../../src/workspaces/open.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { postgres } from "../fixtures/postgres.ts";

const row = { git_dir: "/a", path: "/a", identity: null, trusted: 0, created_at: "" };

test("PostgreSQL: many open it at once, newer is refused, held is busy, gone is unreachable", async (t) => {
  const server = await requireOrSkip(t, postgres);
  if (server === undefined) return;
  await using _server = server;
  const url = await server.database();
  const stores = await Promise.all(
    Array.from({ length: 6 }, () => openStore(url, { busyTimeoutMs: 60_000 })),
  );
  await using stack = new AsyncDisposableStack();
  for (const store of stores) stack.use(store);
  const [one, two] = stores;
  assert.ok(one !== undefined && two !== undefined);
  assert.equal(one.engine, "postgres");
  await one.db
    .insertInto("project")
    .values({ ...row, id: "a", name: "a" })
    .execute();
  await assert.rejects(
    two.db
      .insertInto("project")
      .values({ ...row, id: "a", name: "a" })
      .execute(),
    isUniqueViolation,
  );

  await using hurried = await openStore(url, { busyTimeoutMs: 50 });
  await one.db.transaction().execute(async (transaction) => {
    await transaction.updateTable("project").set({ trusted: 1 }).execute();
    await assert.rejects(hurried.db.updateTable("project").set({ trusted: 0 }).execute(), (error) =>
      isBerthError(error, "store.busy"),
    );
  });

  const newer = openStore(url, { migrations: MIGRATIONS.slice(0, -1) });
  await assert.rejects(newer, (error) => isBerthError(error, "store.newer"));

  const unreachable = (error: unknown): error is BerthError => {
    assert.ok(isBerthError(error, "store.unreachable"), String(error));
    assert.ok(error.retryable);
    return true;
  };
  await assert.rejects(openStore(url.replace(/\/berth\w+$/, "/nothing")), unreachable);
  await server.stop();
  await assert.rejects(two.db.selectFrom("project").selectAll().execute(), unreachable);
});

test("PostgreSQL: an error shows neither user nor password", async () => {
  // Nothing listens on the discard port.
  const secret = "s3cr3t-word";
  await assert.rejects(openStore(`postgres://ann:${secret}@127.0.0.1:9/berth?x=${secret}`), (error) => {
    assert.ok(isBerthError(error, "store.unreachable"), String(error));
    assert.match(error.message, /postgres:\/\/127\.0\.0\.1:9\/berth can't be reached/);
    assert.doesNotMatch(JSON.stringify(error), /ann|s3cr3t/);
    return true;
  });
  await assert.rejects(openStore(`postgres://ann:${secret}@[`), (error) => {
    assert.ok(isBerthError(error, "config.invalid"), String(error));
    assert.doesNotMatch(JSON.stringify(error), /s3cr3t/);
    return true;
  });
});

test("PostgreSQL: workspaces are there as they are in SQLite", async (t) => {
  const server = await requireOrSkip(t, postgres);
  if (server === undefined) return;
  await using _server = server;
  using scratch = new Scratch();
  const project = scratch.repository("shop");
  const here = { directory: project.path };
  const options = { stateDirectory: `${scratch.path}/state`, database: await server.database() };
  {
    await using workspaces = await openWorkspaces(options);
    const runtime = { type: "worktree", daemon: "never" } as const;
    await workspaces.create({ name: "fix", project: project.path, runtime });
  }
  await using workspaces = await openWorkspaces(options);
  assert.equal((await workspaces.get("fix", here)).state, "ready");
  assert.equal(existsSync(`${options.stateDirectory}/berth.db`), false);
  await workspaces.delete("fix", here);
  assert.deepEqual(await workspaces.list(), []);
});

test("PostgreSQL: without the package pg the error names it", async () => {
  assert.equal(typeof pg.Pool, "function");
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier === "pg") throw new Error("Cannot find package 'pg'");
      return next(specifier, context);
    },
  });
  try {
    await assert.rejects(openStore("postgres://127.0.0.1:9/berth"), (error) => {
      assert.ok(isBerthError(error, "config.invalid"), String(error));
      assert.equal(error.hint, "npm install pg");
      return true;
    });
  } finally {
    hooks.deregister();
  }
});
