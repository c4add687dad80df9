import assert from "node:assert/strict";
import { test } from "node:test";
import { PLACE_NAMES, PLACES } from "./places.ts";
import { CASES } from "./registry.ts";

test("every line of SEMANTICS has a case, and every case a name of its own", () => {
  const ids = CASES.map(({ id }) => id);
  assert.deepEqual(ids.length, new Set(ids).size);
  const lines = [
    ...Array.from({ length: 19 }, (_, line) => `commands.${line}.`),
    ...Array.from({ length: 10 }, (_, line) => `files.${line + 1}.`),
    "errors.",
    "secrets.",
    "ports.",
    "ready.",
    "runtime.",
    "tools.1.",
    "tools.2.",
  ];
  for (const line of lines)
    assert.ok(
      ids.some((id) => id.startsWith(line)),
      `${line} has no case`,
    );
  for (const id of ids)
    assert.ok(
      lines.some((line) => id.startsWith(line)),
      `${id} belongs to no line`,
    );
});

test("every capability that a place can lack is needed by a case, and lacks somewhere", () => {
  for (const name of [
    "daemon",
    "spawn",
    "resume",
    "tty",
    "processTree",
    "user",
    "watch",
    "contained",
  ] as const) {
    assert.ok(
      CASES.some(({ needs }) => needs?.includes(name)),
      `no case needs ${name}`,
    );
  }
  for (const name of ["forward", "reverseForward", "durableWrite"] as const) {
    assert.ok(
      CASES.some(({ needs }) => needs?.includes(name)),
      `no case needs ${name}`,
    );
    assert.ok(
      PLACE_NAMES.some((place) => !PLACES[place].expects[name]),
      `${name} is everywhere`,
    );
  }
});
