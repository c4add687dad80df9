import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory } from "../fixtures/disk.ts";
import { run } from "../fixtures/process.ts";

const root = join(import.meta.dirname, "../..");
const imports = join(root, "test/fixtures/berth-imports.ts");

test("the examples of docs/tools.md run, and print what it says", async () => {
  await using scratch = await scratchDirectory();
  const page = readFileSync(join(root, "docs/tools.md"), "utf8");
  const examples = [...page.matchAll(/```ts\n([\s\S]*?)```(?:\s*```output\n([\s\S]*?)```)?/g)];
  assert.ok(examples.length >= 4);
  await Promise.all(
    examples.map(async ([, code = "", output], index) => {
      const path = join(scratch.path, `example-${index}.ts`);
      await writeFile(path, code);
      const ran = await run([process.execPath, "--import", imports, path], {
        cwd: scratch.path,
        env: { ...process.env, BERTH_HOME: join(scratch.path, `state-${index}`) },
        deadlineMs: 60_000,
      });
      assert.equal(ran.stderr.toString(), "", code);
      assert.equal(ran.exitCode, 0);
      if (output !== undefined) assert.equal(ran.stdout.toString(), output);
      else assert.notEqual(ran.stdout.toString(), "");
    }),
  );
});
