import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { sql } from "kysely";
import { scratchDirectory, smallDisk } from "../../test/fixtures/disk.ts";
import { requireOrSkip } from "../../test/fixtures/install.ts";
import { output } from "../../test/fixtures/process.ts";
import { isBerthError } from "../contract/errors.ts";
import { MIGRATIONS, type Migration } from "./migrations.ts";
import { openStore, type Store } from "./open.ts";

const project = (id: string) => ({
  id,
  name: id,
  git_dir: `/${id}`,
  path: `/${id}`,
  identity: null,
  trusted: 0,
  created_at: new Date().toISOString(),
});

async function integers(store: Store, query: string): Promise<number[]> {
  const { rows } = await sql<Record<string, number>>`${sql.raw(query)}`.execute(store.db);
  return rows.flatMap((row) => Object.values(row));
}

test("the database is its owner's alone, waits for nobody to read, and keeps what it has committed", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "state", "berth.db");
  {
    await using store = await openStore(path);
    await store.db.insertInto("project").values(project("a")).execute();
    assert.equal(statSync(join(scratch.path, "state")).mode & 0o777, 0o700);
    const files = readdirSync(join(scratch.path, "state"));
    assert.deepEqual(files.sort(), ["berth.db", "berth.db-shm", "berth.db-wal"]);
    for (const file of files)
      assert.equal(statSync(join(scratch.path, "state", file)).mode & 0o777, 0o600, file);
    const { rows } = await sql<{ journal_mode: string }>`pragma journal_mode`.execute(store.db);
    assert.equal(rows[0]?.journal_mode, "wal");
    // FULL.
    assert.deepEqual(await integers(store, "pragma synchronous"), [2]);
    assert.deepEqual(await integers(store, "pragma foreign_keys"), [1]);
  }
  chmodSync(path, 0o644);
  await using store = await openStore(path);
  assert.equal(statSync(path).mode & 0o777, 0o600, "a mode that is too wide is seen to");
  assert.deepEqual(
    (await store.db.selectFrom("project").select("id").execute()).map(({ id }) => id),
    ["a"],
  );
});

test("a transaction is all or nothing, others of the process take their turn, and statements are kept", async () => {
  await using scratch = await scratchDirectory();
  await using store = await openStore(join(scratch.path, "berth.db"));
  const failing = store.db.transaction().execute(async (transaction) => {
    await transaction.insertInto("project").values(project("a")).execute();
    throw new Error("no");
  });
  const beside = store.db.insertInto("project").values(project("b")).execute();
  await assert.rejects(failing, /no/);
  const [inserted] = await beside;
  assert.equal(inserted?.numInsertedOrUpdatedRows, 1n);
  // More texts than are kept prepared.
  for (let count = 1; count < 200; count++) {
    const ids = Array.from({ length: count }, (_, at) => (at === count - 1 ? "b" : `x${at}`));
    const rows = await store.db.selectFrom("project").select("id").where("id", "in", ids).execute();
    assert.deepEqual(
      rows.map(({ id }) => id),
      ["b"],
    );
  }
  const streamed: string[] = [];
  for await (const { id } of store.db.selectFrom("project").select("id").stream()) streamed.push(id);
  assert.deepEqual(streamed, ["b"]);
  await assert.rejects(store.db.insertInto("project").values(project("b")).execute(), /UNIQUE/);
});

test("two stores of one process wait for each other's transactions", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "berth.db");
  await using one = await openStore(path);
  await using two = await openStore(path);
  const entered = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  const held = one.db.transaction().execute(async (transaction) => {
    await transaction.insertInto("project").values(project("a")).execute();
    entered.resolve();
    await leave.promise;
  });
  await entered.promise;
  const writing = two.db.insertInto("project").values(project("b")).execute();
  await using three = await openStore(path);
  assert.deepEqual(
    await three.db.selectFrom("project").selectAll().execute(),
    [],
    "reading waits for nobody",
  );
  leave.resolve();
  await Promise.all([held, writing]);
  assert.equal((await two.db.selectFrom("project").selectAll().execute()).length, 2);
});

test("a database that another program holds for longer than the timeout is busy", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "berth.db");
  await using store = await openStore(path, { busyTimeoutMs: 50 });
  const other = new DatabaseSync(path);
  other.exec("begin immediate");
  const write = () => store.db.insertInto("project").values(project("a")).execute();
  const busy = (error: unknown) => isBerthError(error, "store.busy") && error.retryable;
  await assert.rejects(write(), busy);
  await assert.rejects(
    store.db.transaction().execute((transaction) => transaction.deleteFrom("project").execute()),
    busy,
  );
  other.exec("commit");
  await write();
  other.close();
});

test("any number of stores are opened at once on nothing, and the migrations run once", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "berth.db");
  let runs = 0;
  const counted: Migration[] = MIGRATIONS.map((migration) => async (db, engine) => {
    runs += 1;
    await migration(db, engine);
  });
  const stores = await Promise.all(Array.from({ length: 8 }, () => openStore(path, { migrations: counted })));
  assert.equal(runs, MIGRATIONS.length);
  for (const store of stores) {
    assert.deepEqual(await store.db.selectFrom("project").selectAll().execute(), []);
    await store[Symbol.asyncDispose]();
  }
});

const addColour: Migration = (db) => db.schema.alterTable("project").addColumn("colour", "text").execute();

test("a file of the first version is brought to the newest, and what is in it stays", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "berth.db");
  await cp(join(import.meta.dirname, "../../test/store/version-1.db"), path);
  await using store = await openStore(path, { migrations: [...MIGRATIONS, addColour] });
  assert.deepEqual(await integers(store, "select version from berth_schema order by version"), [
    ...MIGRATIONS.map((_, at) => at + 1),
    MIGRATIONS.length + 1,
  ]);
  const [workspace] = await store.db.selectFrom("workspace").selectAll().execute();
  assert.deepEqual(
    [workspace?.id, workspace?.name, workspace?.branch, workspace?.state],
    ["w0123456789", "fix-login", "ann/fix-login", "ready"],
  );
  assert.deepEqual(JSON.parse(workspace?.runtime ?? ""), { type: "ssh", host: "box" });
  const [row] = await store.db.selectFrom("project").selectAll().execute();
  assert.deepEqual({ ...row }, { ...row, id: "0123456789ab", trusted: 1, colour: null });
  const log = await sql<{ sequence: number; workspace: string; record: string }>`
    select sequence, workspace, record from event_log order by sequence`.execute(store.db);
  assert.deepEqual(
    log.rows.map(({ sequence, workspace }) => [sequence, workspace]),
    [[1, "w0123456789"]],
  );
  assert.equal((JSON.parse(log.rows[0]?.record ?? "") as { message: string }).message, "made");
  assert.equal((await store.db.selectFrom("journal").selectAll().execute()).length, 1);
});

test("a migration that fails leaves the version before it, whole", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "berth.db");
  const failing: Migration = async (db) => {
    await addColour(db, "sqlite");
    throw new Error("half-way");
  };
  await assert.rejects(openStore(path, { migrations: [...MIGRATIONS, failing] }), /half-way/);
  await using store = await openStore(path);
  assert.deepEqual(await integers(store, "select max(version) from berth_schema"), [MIGRATIONS.length]);
  await store.db.insertInto("project").values(project("a")).execute();
  const names = (await store.db.introspection.getTables())
    .find(({ name }) => name === "project")
    ?.columns.map((column) => column.name);
  assert.equal(names?.includes("colour"), false);
});

test("a database of a newer version is refused, and not touched", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "berth.db");
  await (await openStore(path, { migrations: [...MIGRATIONS, addColour] }))[Symbol.asyncDispose]();
  const before = readFileSync(path);
  await assert.rejects(openStore(path), (error) => {
    assert.ok(isBerthError(error, "store.newer"));
    assert.match(error.message, /newer Berth/);
    assert.equal(error.context.path, path);
    return true;
  });
  assert.deepEqual(readFileSync(path), before);
});

test("what is no database, a database in ruins, and one of another program are told apart from an empty one", async () => {
  await using scratch = await scratchDirectory();
  const damaged = (pattern: RegExp) => (error: unknown) => {
    assert.ok(isBerthError(error, "store.damaged"), String(error));
    assert.match(error.message, pattern);
    assert.match(error.hint, /backup/);
    return true;
  };
  const text = join(scratch.path, "text.db");
  writeFileSync(text, "this is no database ".repeat(500));
  await assert.rejects(openStore(text), damaged(/not a database/));

  const foreign = join(scratch.path, "foreign.db");
  const other = new DatabaseSync(foreign);
  other.exec("create table bookmarks (url text)");
  other.close();
  await assert.rejects(openStore(foreign), damaged(/another program/));

  const cut = join(scratch.path, "cut.db");
  {
    await using store = await openStore(cut);
    for (let at = 0; at < 50; at++) {
      await store.db
        .insertInto("journal")
        .values({ workspace_id: "w", at: "", state: "planned", item: "x".repeat(4_000) })
        .execute();
    }
  }
  truncateSync(cut, Math.floor(statSync(cut).size / 8192) * 4096);
  await assert.rejects(
    async () => {
      await using store = await openStore(cut);
      await store.db.selectFrom("journal").selectAll().execute();
    },
    damaged(/malformed/),
  );

  const empty = join(scratch.path, "empty.db");
  writeFileSync(empty, "");
  await using store = await openStore(empty);
  assert.deepEqual(await store.db.selectFrom("project").selectAll().execute(), []);
});

test("a place where nothing can be written is an error with its name", async (t) => {
  const disk = await requireOrSkip(t, () => smallDisk({ size: 512 * 1024 }));
  if (disk === undefined) return;
  await using _disk = disk;
  const path = join(disk.path, "state", "berth.db");
  {
    await using store = await openStore(path);
    const filler = join(disk.path, "filler");
    const entry = { workspace_id: "w", at: "", state: "planned", item: "x".repeat(20_000) };
    const write = () => store.db.insertInto("journal").values(entry).execute();
    await write();
    assert.throws(() => writeFileSync(filler, Buffer.alloc(1024 * 1024)), /ENOSPC/);
    const full = (error: unknown) => {
      assert.ok(isBerthError(error, "ENOSPC"), String(error));
      assert.match(error.hint, /BERTH_HOME/);
      return true;
    };
    await assert.rejects(async () => {
      for (let at = 0; at < 50; at++) await write();
    }, full);
    await assert.rejects(
      store.db.transaction().execute(async (transaction) => {
        for (let at = 0; at < 50; at++) await transaction.insertInto("journal").values(entry).execute();
      }),
      full,
    );
    await assert.rejects(openStore(join(disk.path, "another", "berth.db")), full);
    truncateSync(filler, 0);
    await write();
  }
  await output(["mount", "-o", "remount,ro", disk.path]);
  for (const target of [path, join(disk.path, "new", "berth.db"), join(disk.path, "state", "new.db")]) {
    await assert.rejects(openStore(target), (error) => {
      assert.ok(isBerthError(error, "EROFS"), `${target}: ${String(error)}`);
      assert.match(error.message, /state can't be kept/);
      return true;
    });
  }
  assert.equal(existsSync(join(disk.path, "new")), false);
});

test("a path that no file can have is told", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "not", "there");
  writeFileSync(join(scratch.path, "not"), "a file where a directory should be");
  await assert.rejects(
    openStore(path),
    (error) => isBerthError(error, "ENOTDIR") || isBerthError(error, "EEXIST"),
  );
});
