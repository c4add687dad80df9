import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { headFromJson, publicPem } from "../../src/events/signature.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { run } from "../fixtures/process.ts";

const root = join(import.meta.dirname, "../..");

test("docs/events.md: the commands that verify an export by hand find it intact, and what is wrong with it", async () => {
  const page = readFileSync(join(root, "docs/events.md"), "utf8");
  const [chain, signature] = [...page.matchAll(/```bash by hand\n(.*?)```/gs)].map(([, text = ""]) => text);
  assert.ok(chain !== undefined && signature !== undefined);
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "events.txt");
  const original = join(root, "test/events/golden.v1.txt");
  copyFileSync(original, path);
  const golden = JSON.parse(readFileSync(join(root, "test/events/golden.json"), "utf8")) as { head: unknown };
  writeFileSync(join(scratch.path, "events.pub"), publicPem(headFromJson(golden.head).publicKey));
  const bash = async (script: string) => {
    const { exitCode, stdout, stderr } = await run(["bash", "-c", script], { cwd: scratch.path });
    return { exitCode, said: `${stdout}${stderr}` };
  };
  assert.deepEqual(await bash(chain), { exitCode: 0, said: "intact\n" });
  const verified = await bash(signature);
  assert.equal(verified.exitCode, 0, verified.said);
  assert.match(verified.said, /Signature Verified Successfully/);

  const text = readFileSync(original, "utf8");
  writeFileSync(path, text.replace('"bytes":0', '"bytes":1'));
  const changed = await bash(chain);
  assert.equal(changed.exitCode, 1);
  assert.match(changed.said, /^broken: f5866966.*"sequence":3/);
  writeFileSync(path, text.replace(/^069c.*\n/m, ""));
  assert.deepEqual(await bash(chain), { exitCode: 1, said: "cut: the last line names another hash\n" });
  writeFileSync(path, text.replace('"signed_at":"2026-11-21T20:45', '"signed_at":"2026-11-21T20:46'));
  assert.equal((await bash(signature)).exitCode, 1);
});
