import assert from "node:assert/strict";
import { chmodSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory } from "../../../test/fixtures/disk.ts";
import { hasLogin, loginPath, removeLogin, runnerUrl, saveLogin } from "./logins.ts";

test("an address has one form, and what is wrong with one is said without it", () => {
  assert.equal(runnerUrl("https://Berth.Example.com/"), "https://berth.example.com");
  assert.equal(runnerUrl("http://127.0.0.1:7333"), "http://127.0.0.1:7333");
  assert.equal(runnerUrl("https://x.example:443//"), "https://x.example");
  const wrong = [
    "",
    "box:7333",
    "ftp://x",
    "https://me:secret@x",
    "https://x?token=secret",
    "https://x#secret",
  ];
  for (const text of wrong) {
    assert.throws(
      () => runnerUrl(text),
      (error: { code: string; message: string; hint: string }) => {
        assert.equal(error.code, "cli.usage");
        assert.doesNotMatch(error.message + error.hint, /secret/);
        return true;
      },
    );
  }
});

test("a saved token is its user's alone, and one that others can read is none", async () => {
  await using scratch = await scratchDirectory();
  const state = join(scratch.path, "state");
  const url = "https://berth.example.com:8443";
  assert.equal(hasLogin(state, url), false);
  const path = saveLogin(state, url, "berth_x");
  assert.equal(path, loginPath(state, url));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(state, "logins")).mode & 0o777, 0o700);
  saveLogin(state, url, "berth_y");
  assert.equal(readdirSync(join(state, "logins")).length, 1);
  assert.equal(hasLogin(state, url), true);
  assert.equal(hasLogin(state, "https://berth.example.com"), false);
  chmodSync(path, 0o644);
  assert.equal(hasLogin(state, url), false);
  assert.equal(removeLogin(state, url), true);
  assert.equal(removeLogin(state, url), false);
});
