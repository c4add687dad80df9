import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SSH_ERRORS } from "../../src/contract/error-registry-ssh.ts";

test("docs/ssh.md says of every ssh.* code what to do, and which may pass", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/ssh.md"), "utf8");
  const rows = [...page.matchAll(/^\| `(ssh\.\w+)`( ↻)? \|/gm)].map(([, code, passes]) => [
    code,
    passes !== undefined,
  ]);
  const codes = Object.entries(SSH_ERRORS).map(([code, entry]) => [code, entry.retryable]);
  assert.deepEqual(rows.sort(), codes.sort());
});
