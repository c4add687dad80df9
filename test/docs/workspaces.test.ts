import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { WORKSPACE_ERRORS } from "../../src/contract/error-registry-workspace.ts";

test("docs/workspaces.md says of every code of workspaces what to do, and which may pass", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/workspaces.md"), "utf8");
  const rows = [...page.matchAll(/^\| `((?:workspace|store)\.\w+)`( ↻)? \|/gm)].map(([, code, passes]) => [
    code,
    passes !== undefined,
  ]);
  const codes = Object.entries(WORKSPACE_ERRORS).map(([code, entry]) => [code, entry.retryable]);
  assert.deepEqual(rows.sort(), codes.sort());
});
