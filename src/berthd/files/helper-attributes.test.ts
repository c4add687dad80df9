import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { helperProgram } from "../../../native/helper-client.ts";
import type { AttributeCopier } from "./attributes.ts";
import { helperAttributeCopier } from "./helper-attributes.ts";

interface Recorder extends AttributeCopier {
  readonly asked: string[];
}

function recorder(): Recorder {
  const asked: string[] = [];
  return {
    asked,
    async copy(from) {
      asked.push(String(from));
      return "unknown";
    },
    close() {},
  };
}

async function files(t: TestContext): Promise<{ from: string; to: string }> {
  const directory = await mkdtemp(join(tmpdir(), "berth-attributes-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const [from, to] = [join(directory, "from"), join(directory, "to")];
  await writeFile(from, "");
  await writeFile(to, "");
  return { from, to };
}

const python = (code: string, path: string): string =>
  execFileSync("python3", ["-c", `import os,sys\n${code}`, path], { encoding: "utf8", stdio: "pipe" }).trim();

test("attributes are copied by the helper, many at once and again later", async (t) => {
  const { from, to } = await files(t);
  try {
    python("os.setxattr(sys.argv[1], 'user.berth', b'kept')", from);
  } catch {
    t.skip("no extended attributes on this file system");
    return;
  }
  const fallback = recorder();
  const copier = helperAttributeCopier(helperProgram(), fallback);
  t.after(() => copier.close());
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, i) => copier.copy(i === 50 ? "/nowhere" : from, Buffer.from(to))),
  );
  assert.deepEqual(
    outcomes,
    outcomes.map((_, i) => (i === 50 ? "failed" : "copied")),
  );
  assert.equal(python("print(os.getxattr(sys.argv[1], 'user.berth').decode())", to), "kept");
  assert.equal(await copier.copy(from, to), "copied");
  assert.deepEqual(fallback.asked, []);
});

test("where the helper can't be started the other way is taken", async (t) => {
  const { from, to } = await files(t);
  const fallback = recorder();
  for (const program of ["/nowhere/berth-helper", "/bin/false"]) {
    const copier = helperAttributeCopier(program, fallback);
    assert.equal(await copier.copy(from, to), "unknown");
    assert.equal(await copier.copy(from, to), "unknown");
    copier.close();
  }
  assert.equal(fallback.asked.length, 4);
});
