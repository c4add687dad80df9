import { isUniqueViolation, type Store } from "../../store/open.ts";
import type { IdempotencyStore, KeptAnswer, KeyState } from "./idempotency.ts";

/** How long a key is known. */
const KEEP_MS = 24 * 3_600_000;
/** Old keys are removed with a new one, at most so often. */
const SWEEP_EVERY_MS = 60_000;

/** Keys in the database: a repeat is known as one after a restart, too. @throws store.* */
export function idempotencyStore({ db }: Store, now: () => number = Date.now): IdempotencyStore {
  let sweptMs = Number.NEGATIVE_INFINITY;

  const sweep = async (): Promise<void> => {
    if (now() - sweptMs < SWEEP_EVERY_MS) return;
    sweptMs = now();
    await db
      .deleteFrom("answer")
      .where("created_at", "<", new Date(now() - KEEP_MS).toISOString())
      .execute();
  };

  const known = async (key: string): Promise<KeyState | undefined> => {
    const row = await db.selectFrom("answer").selectAll().where("key", "=", key).executeTakeFirst();
    if (row === undefined || Date.parse(row.created_at) < now() - KEEP_MS) return undefined;
    const { fingerprint, status, body } = row;
    if (status === null) return { state: "open", fingerprint };
    return { state: "answered", fingerprint, answer: { status, json: body ?? undefined } };
  };

  return {
    async begin(key, fingerprint) {
      await sweep();
      const before = await known(key);
      if (before !== undefined) return before;
      await db.deleteFrom("answer").where("key", "=", key).execute();
      const row = { key, fingerprint, status: null, body: null, created_at: new Date(now()).toISOString() };
      try {
        await db.insertInto("answer").values(row).execute();
        return { state: "new" };
      } catch (error) {
        const other = isUniqueViolation(error) ? await known(key) : undefined;
        if (other === undefined) throw error;
        return other;
      }
    },
    async finish(key, { status, json }: KeptAnswer) {
      await db
        .updateTable("answer")
        .set({ status, body: json ?? null })
        .where("key", "=", key)
        .execute();
    },
    async forget(key) {
      await db.deleteFrom("answer").where("key", "=", key).execute();
    },
  };
}
