import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ERROR_REGISTRY } from "../../src/contract/error-registry.ts";
import { EVENT_TYPES } from "../../src/contract/event-types.ts";

const root = join(import.meta.dirname, "../../src");
/** Types that are put together of parts. */
const COMPOSED = /^(?:provision|operation)\./;

const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter(
    (path) => path.endsWith(".ts") && !/test(?:ing)?\.ts$|contract\/event-types|error-registry/.test(path),
  )
  .map((path) => readFileSync(join(root, path), "utf8"));

test("every type of event is in the table, and every one in the table is told somewhere", () => {
  const told = new Set<string>();
  // As a field, or as an argument of what makes events.
  const patterns = [
    /\btype:\s*(?:\w+(?:\.\w+)* \? )?"([a-z]+\.[a-z_]+)"(?: : "([a-z]+\.[a-z_]+)")?/g,
    /\b(?:tell|record|emit|process|file)\([^;]{0,80}?"([a-z]+\.[a-z_]+)"/g,
  ];
  for (const text of sources) {
    for (const pattern of patterns)
      for (const [, one, two] of text.matchAll(pattern))
        for (const type of [one, two])
          if (type !== undefined && !Object.hasOwn(ERROR_REGISTRY, type)) told.add(type);
  }
  const areas = new Set(Object.keys(EVENT_TYPES).map((type) => type.split(".")[0]));
  assert.deepEqual(
    [...told].filter((type) => areas.has(type.split(".")[0]) && !Object.hasOwn(EVENT_TYPES, type)).sort(),
    [],
    "not in src/contract/event-types.ts",
  );
  const all = sources.join("\n");
  assert.deepEqual(
    Object.keys(EVENT_TYPES).filter((type) => !COMPOSED.test(type) && !all.includes(`"${type}"`)),
    [],
    "told nowhere",
  );
});
