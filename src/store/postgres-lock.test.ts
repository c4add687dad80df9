import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { requireOrSkip } from "../../test/fixtures/install.ts";
import { postgres } from "../../test/fixtures/postgres.ts";
import { loadPg } from "./postgres.ts";
import { lockDatabase } from "./postgres-lock.ts";

const never = (): void => assert.fail("nobody else is there");

test("one runner a database: the second is told who holds it, and a lost connection is made again", async (t) => {
  const server = await requireOrSkip(t, () => postgres());
  if (server === undefined) return;
  await using _server = server;
  const url = await server.database();
  const first = await lockDatabase(url, never);
  assert.ok(!("holder" in first));
  await using held = first;
  const second = await lockDatabase(url, never);
  assert.ok("holder" in second);
  assert.match(second.holder, new RegExp(`^berth serve .* ${process.pid}$`));
  const other = await lockDatabase(await server.database(), never);
  assert.ok(!("holder" in other), "another database has its own");
  await other[Symbol.asyncDispose]();

  const pg = await loadPg();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const backend = async (): Promise<number | undefined> => {
    const { rows } = await client.query(
      "select pid from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())",
    );
    return rows[0]?.pid as number | undefined;
  };
  try {
    const before = await backend();
    await client.query("select pg_terminate_backend($1)", [before]);
    const endMs = performance.now() + 60_000;
    for (;;) {
      const now = await backend();
      if (now !== undefined && now !== before) break;
      assert.ok(performance.now() < endMs, "the lock was not taken again");
      await delay(50);
    }
  } finally {
    await client.end();
  }
  await held[Symbol.asyncDispose]();
  const third = await lockDatabase(url, never);
  assert.ok(!("holder" in third));
  await third[Symbol.asyncDispose]();
});
