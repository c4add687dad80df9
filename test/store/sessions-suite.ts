import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { rotateLocalToken } from "../../src/runner/access/local-token.ts";
import { type NewSession, Sessions } from "../../src/runner/access/sessions.ts";
import { Tokens } from "../../src/runner/access/tokens.ts";
import { databasePath } from "../../src/store/engine.ts";
import { openStore } from "../../src/store/open.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { waitFor } from "../fixtures/process.ts";
import type { Database } from "./registry-suite.ts";

const DAY_MS = 24 * 3_600_000;

/** What sessions promise, whatever the database. */
export function sessionsSuite(engine: string, database: Database): void {
  test(`${engine}: a session is two secrets of which hashes are kept, moves on with its use, and ends with its token`, async (t) => {
    const options = await database(t);
    if (options === undefined) return;
    await using scratch = await scratchDirectory();
    const directory = join(scratch.path);
    await using store = await openStore(options.database ?? databasePath(directory));
    using tokens = new Tokens(store, directory);
    using sessions = new Sessions(store, tokens);
    // Another runner process on the same database.
    using others = new Sessions(store, tokens);
    const local = { tokenId: "local" };
    const make = async (by: { tokenId: string; sessionId?: string }, agent?: string): Promise<NewSession> => {
      const { code } = await sessions.promise(by);
      const made = await sessions.byCode(code, agent);
      assert.ok(made !== undefined);
      assert.equal(await sessions.byCode(code, agent), undefined);
      return made;
    };
    const find = ({ key, cookie }: NewSession) => others.verify(key, ["berth_x", cookie]);
    const set = (id: string, values: { expires_at?: string; last_used_at?: string; ends_at?: string }) =>
      store.db.updateTable("session").set(values).where("id", "=", id).execute();
    const at = (milliseconds: number) => new Date(Date.now() + milliseconds).toISOString();
    const row = (id: string) =>
      store.db.selectFrom("session").selectAll().where("id", "=", id).executeTakeFirst();

    const made = await make(local, "Brow\u0007ser/1 \u{1f980}".padEnd(400, "x"));
    const kept = JSON.stringify(await row(made.info.id));
    for (const secret of [made.key, made.cookie]) assert.ok(!kept.includes(secret.slice(14)));
    assert.match((await row(made.info.id))?.user_agent ?? "", /^Brow ser\/1 x{189}$/);
    assert.equal((await find(made))?.token.scope, "admin");
    assert.equal(await others.verify(made.key, []), undefined);
    assert.equal(await others.verify(made.key, [made.key]), undefined);

    // An hour later its end has moved on, and never beyond the 90 days.
    await set(made.info.id, { last_used_at: at(-3_600_000), expires_at: at(DAY_MS) });
    await find(made);
    await waitFor("its use is written", async () => {
      const { expires_at = "", last_used_at = "" } = (await row(made.info.id)) ?? {};
      return expires_at > at(29.9 * DAY_MS) && last_used_at > at(-60_000);
    });
    const capped = await make(local);
    await set(capped.info.id, { last_used_at: at(-3_600_000), ends_at: at(DAY_MS) });
    await find(capped);
    await waitFor("its use is written", async () => {
      const { expires_at = "" } = (await row(capped.info.id)) ?? {};
      return expires_at < at(DAY_MS + 60_000);
    });

    const named = await tokens.create({ name: "ci", scope: "read", expiresInMs: 3_600_000 });
    const session = await make({ tokenId: named.info.id });
    assert.equal(session.info.expiresAt, named.info.expiresAt, "never beyond the token");
    assert.equal((await find(session))?.token.name, "ci");
    assert.equal((await others.list()).length, 3);
    const ended: string[] = [];
    using _held = others.hold(session.info.id, ({ code }) => ended.push(code));
    // By another program: within a second.
    await store.db.deleteFrom("session").where("id", "=", session.info.id).execute();
    await waitFor("what it holds open ends", () => ended.length > 0);
    assert.deepEqual(ended, ["auth.invalid"]);

    const second = await make({ tokenId: named.info.id });
    await tokens.remove("ci");
    assert.equal(await find(second), undefined);
    await set(capped.info.id, { expires_at: at(-1) });
    assert.equal(await find(capped), undefined, "expired");
    await sessions.prune();
    assert.deepEqual([await row(second.info.id), await row(capped.info.id)], [undefined, undefined]);
    assert.ok((await find(made)) !== undefined);
    rotateLocalToken(directory);
    assert.equal(await find(made), undefined);
    await sessions.prune();
    assert.equal(await row(made.info.id), undefined);
  });
}
