import assert from "node:assert/strict";
import crypto from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mock, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isBerthError } from "../../src/contract/errors.ts";
import { HELD_SECRETS, MASKED, Secrets } from "../../src/contract/mask.ts";
import {
  ensureLocalToken,
  readLocalToken,
  rotateLocalToken,
  tokenFilePath,
} from "../../src/runner/access/local-token.ts";
import { newToken, tokenHash, tokenKey, tokenPrefix } from "../../src/runner/access/token-text.ts";
import { Tokens } from "../../src/runner/access/tokens.ts";
import { openStore } from "../../src/store/open.ts";
import { readSecret } from "../../src/transports/ssh/secret.ts";
import { waitFor } from "../fixtures/process.ts";

async function desk() {
  const directory = mkdtempSync(join(tmpdir(), "berth-tokens-"));
  const database = join(directory, "berth.db");
  const store = await openStore(database);
  const tokens = new Tokens(store, directory);
  return {
    directory,
    database,
    store,
    tokens,
    async [Symbol.asyncDispose]() {
      tokens[Symbol.dispose]();
      await store[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

test("a token tells which it is, and a slip in it is seen without asking anybody", () => {
  const token = newToken();
  assert.match(token, /^berth_[0-9a-z]{8}[0-9A-Za-z]{49}$/);
  assert.equal(tokenPrefix(token), token.slice(0, 14));
  assert.equal(tokenKey(token), token.slice(6, 14));
  for (const index of [6, 20, 40, 62]) {
    const other = token[index] === "a" ? "b" : "a";
    assert.equal(tokenKey(token.slice(0, index) + other + token.slice(index + 1)), undefined);
  }
  assert.equal(tokenKey(`${token} `), undefined);
  assert.equal(tokenKey(""), undefined);
  assert.notEqual(newToken(), newToken());
  assert.equal(new Secrets().text(token), `${tokenPrefix(token)}…`);
});

test("the local token is made once, by whoever is first, and only its owner may read it", async () => {
  await using it = await desk();
  const made = readLocalToken(it.directory);
  assert.ok(made !== undefined);
  assert.equal(ensureLocalToken(it.directory), made);
  assert.equal(statSync(tokenFilePath(it.directory)).mode & 0o777, 0o600);
  assert.equal((await it.tokens.verify(made))?.id, "local");
  assert.equal((await it.tokens.verify(made))?.scope, "admin");
});

test("a local token that others could have read, or that is in ruins, is made anew", async () => {
  await using it = await desk();
  const path = tokenFilePath(it.directory);
  const first = ensureLocalToken(it.directory);
  chmodSync(path, 0o644);
  const second = ensureLocalToken(it.directory);
  assert.notEqual(second, first);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(await it.tokens.verify(first), undefined);
  writeFileSync(path, "");
  assert.equal(await it.tokens.verify(second), undefined);
  const third = ensureLocalToken(it.directory);
  assert.equal((await it.tokens.verify(third))?.id, "local");
});

test("of a named token the store has a hash and nothing else", async () => {
  await using it = await desk();
  const { token, info } = await it.tokens.create({
    name: "ci",
    scope: "operate",
    workspaces: ["w0123456789"],
  });
  assert.equal(info.id, `tok_${tokenKey(token)}`);
  const found = await it.tokens.verify(token);
  assert.deepEqual(found, { ...info, lastUsedAt: found?.lastUsedAt });
  assert.deepEqual([...(found?.workspaces ?? [])], ["w0123456789"]);
  const rows = await it.store.db.selectFrom("token").selectAll().execute();
  assert.equal(rows[0]?.hash, tokenHash(token).toString("hex"));
  await it.store[Symbol.asyncDispose]();
  const bytes = readFileSync(it.database).toString("latin1");
  assert.ok(!bytes.includes(token) && !bytes.includes(token.slice(14, 57)));
});

test("a name is taken while its token is valid, and free once it has expired or was revoked", async () => {
  await using it = await desk();
  const isTaken = (error: unknown) => isBerthError(error, "token.name_taken");
  const first = await it.tokens.create({ name: "ci", scope: "read" });
  await assert.rejects(it.tokens.create({ name: "ci", scope: "read" }), isTaken);
  await assert.rejects(it.tokens.create({ name: "local", scope: "read" }), isTaken);
  await it.tokens.create({ name: "short", scope: "read", expiresInMs: 30 });
  await waitFor("the name is free", () => it.tokens.create({ name: "short", scope: "read" }));
  assert.equal((await it.tokens.remove("ci")).id, first.info.id);
  await it.tokens.create({ name: "ci", scope: "read" });
  await assert.rejects(it.tokens.remove("nobody"), (error: unknown) => isBerthError(error, "token.unknown"));
});

test("what is not valid is not told apart: another text, another key, one that has expired or was revoked", async () => {
  await using it = await desk();
  const expiring = await it.tokens.create({ name: "short", scope: "admin", expiresInMs: 20 });
  const revoked = await it.tokens.create({ name: "gone", scope: "admin" });
  await it.tokens.remove(revoked.info.id);
  const valid = await it.tokens.create({ name: "valid", scope: "read" });
  await delay(30);
  const forged = newToken();
  // The right key with another secret: what the check letters would have to be is no secret.
  for (const text of [expiring.token, revoked.token, forged, "", "berth_", `${valid.token}x`]) {
    assert.equal(await it.tokens.verify(text), undefined);
  }
  assert.deepEqual(
    (await it.tokens.list()).map(({ name }) => name),
    ["local", "valid"],
  );
});

test("tokens are compared by their hashes and in constant time, also where there is none to compare with", async () => {
  await using it = await desk();
  const { token } = await it.tokens.create({ name: "ci", scope: "read" });
  const compare = mock.method(crypto, "timingSafeEqual");
  syncBuiltinESMExports();
  try {
    const local = readLocalToken(it.directory) ?? "";
    const lengths: number[][] = [];
    for (const text of [local, token, newToken()]) {
      compare.mock.resetCalls();
      await it.tokens.verify(text);
      lengths.push(compare.mock.calls.map(({ arguments: [one] }) => one.byteLength));
    }
    assert.deepEqual(lengths, [[32], [32, 32], [32, 32]]);
  } finally {
    compare.mock.restore();
    syncBuiltinESMExports();
  }
});

test("a secret that is read from where a configuration says is masked from then on", async () => {
  const value = await readSecret({ env: "BERTH_TEST_PASSWORD" }, "password", {
    environment: { BERTH_TEST_PASSWORD: "a-password-of-a-box" },
  });
  assert.equal(HELD_SECRETS.text(`login with ${value}`), `login with ${MASKED}`);
});

test("a revoked or expired token ends what it holds open, also when another program revokes it", async () => {
  await using it = await desk();
  await using elsewhere = await openStore(it.database);
  const others = new Tokens(elsewhere, it.directory);
  const ended: string[] = [];
  const hold = (id: string, name: string) => it.tokens.hold(id, ({ code }) => ended.push(`${name} ${code}`));
  const here = await it.tokens.create({ name: "here", scope: "read" });
  const there = await it.tokens.create({ name: "there", scope: "read" });
  const short = await it.tokens.create({ name: "short", scope: "read", expiresInMs: 50 });
  const kept = await it.tokens.create({ name: "kept", scope: "read" });
  for (const { info } of [here, there, short, kept]) hold(info.id, info.name);
  hold(here.info.id, "disposed")[Symbol.dispose]();
  hold("local", "local");
  await it.tokens.remove(here.info.id);
  // The short one may be over by now.
  assert.deepEqual(
    ended.filter((name) => !name.startsWith("short")),
    ["here auth.invalid"],
    "at once",
  );
  await others.remove(there.info.id);
  assert.equal(await it.tokens.verify(there.token), undefined, "new calls at once");
  rotateLocalToken(it.directory);
  await waitFor("all have ended", () => ended.length >= 4);
  assert.deepEqual(ended.sort(), [
    "here auth.invalid",
    "local auth.invalid",
    "short auth.invalid",
    "there auth.invalid",
  ]);
});

test("when a token was last used is written at most once a minute", async () => {
  await using it = await desk();
  const { token, info } = await it.tokens.create({ name: "ci", scope: "read" });
  assert.equal(info.lastUsedAt, undefined);
  await it.tokens.verify(token);
  const used = async () => (await it.tokens.list()).find(({ id }) => id === info.id)?.lastUsedAt;
  const first = await waitFor("it is written", used);
  await delay(5);
  await it.tokens.verify(token);
  await delay(20);
  assert.equal(await used(), first);
});
