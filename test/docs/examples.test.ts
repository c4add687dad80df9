import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory } from "../fixtures/disk.ts";
import { run, waitFor } from "../fixtures/process.ts";
import { testRunner } from "../fixtures/runner.ts";

const root = join(import.meta.dirname, "../..");
const library = join(root, "src/index.ts");
const client = join(root, "src/client/index.ts");

interface Example {
  readonly title: string;
  readonly code: string;
  readonly output: string | undefined;
}

/** Blocks of TypeScript of a page, each with the output block behind it. */
function examples(page: string): Example[] {
  const text = readFileSync(join(root, page), "utf8");
  const found: Example[] = [];
  for (const match of text.matchAll(/```ts\n([\s\S]*?)```(?:\s*```output\n([\s\S]*?)```)?/g)) {
    const heading =
      text
        .slice(0, match.index)
        .match(/^#+ .*$/gm)
        ?.at(-1) ?? "";
    found.push({ title: `${page} ${heading} ${found.length + 1}`, code: match[1] ?? "", output: match[2] });
  }
  return found;
}

const daemon = (directory: string): string => `serve --dir ${directory}/`;

test("the examples of docs/library.md print what it says", async (t) => {
  await using scratch = await scratchDirectory();
  const stateDirectory = join(scratch.path, "state");
  await using runner = await testRunner({ inProcess: true, stateDirectory });
  await runner.workspace({ name: "fix-login" });
  const list = examples("docs/library.md");
  assert.ok(list.length >= 8);
  for (const [index, example] of list.entries()) {
    await t.test(example.title, async () => {
      const path = join(scratch.path, `example-${index}.ts`);
      const code = example.code
        .replace('from "berth"', `from ${JSON.stringify(library)}`)
        .replace('from "berth/client"', `from ${JSON.stringify(client)}`);
      await writeFile(path, code);
      const ran = await run([process.execPath, path], {
        env: {
          ...process.env,
          BERTH_HOME: stateDirectory,
          BERTH_RUNNER: runner.url,
          BERTH_RUNNER_TOKEN: runner.token,
        },
        deadlineMs: 60_000,
      });
      assert.equal(ran.stderr.toString(), "");
      if (example.output !== undefined) assert.equal(ran.stdout.toString(), example.output);
    });
  }
  await run(["pkill", "-TERM", "-f", daemon(scratch.path)]);
  await waitFor(
    "the daemon's end",
    async () => (await run(["pgrep", "-f", daemon(scratch.path)])).exitCode === 1,
  );
});
