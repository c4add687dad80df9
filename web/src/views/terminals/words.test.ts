import assert from "node:assert/strict";
import { test } from "node:test";
import { terminalName } from "./words.ts";

test("a terminal's name is what is read: nothing in it turns letters round or hides", () => {
  const named = (name: string | null, command: string[] = ["/bin/bash", "-l"]) =>
    terminalName({ name, command, id: "p1" });
  assert.equal(named(null), "bash -l");
  assert.equal(named("dev\u202etxt"), "dev‹U+202E›txt");
  assert.equal(named(null, ["sh", "-c", "echo \u200bhidden"]), "echo ‹U+200B›hidden");
});
