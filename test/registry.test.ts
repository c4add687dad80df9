import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ERROR_REGISTRY } from "../src/contract/error-registry.ts";

const root = join(import.meta.dirname, "..");

function sources(directory: string, wanted: (path: string) => boolean): string[] {
  return readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
    .map((path) => join(directory, path))
    .filter((path) => path.endsWith(".ts") && wanted(path))
    .map((path) => readFileSync(join(root, path), "utf8"));
}

test("every error code is thrown somewhere, and some test asks for it", () => {
  const product = sources(
    "src",
    (path) => !path.endsWith(".test.ts") && !/\/error-registry[^/]*\.ts$/.test(path),
  ).join("\n");
  const tests = [
    ...sources("src", (path) => path.endsWith(".test.ts")),
    ...sources("test", (path) => !path.endsWith("registry.test.ts")),
  ].join("\n");
  const codes = Object.keys(ERROR_REGISTRY);
  assert.deepEqual(
    codes.filter((code) => !product.includes(`"${code}"`)),
    [],
    "never thrown",
  );
  // A pattern in a test escapes the dot.
  const asked = (code: string): boolean => tests.includes(code) || tests.includes(code.replace(".", "\\."));
  assert.deepEqual(
    codes.filter((code) => !asked(code)),
    [],
    "no test asks for it",
  );
});
