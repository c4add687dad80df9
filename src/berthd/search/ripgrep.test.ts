import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { waitFor } from "../../../test/fixtures/process.ts";
import type { SearchResult } from "../../contract/text.ts";
import { type FileBench, fileBench } from "../files/testing.ts";

/** A place whose `rg` is a script; `named` is in its arguments. */
async function withProgram(
  script: (named: string) => string,
): Promise<FileBench & { readonly named: string }> {
  const path = Promise.withResolvers<string>();
  const bench = await fileBench({ searchPath: path.promise });
  const named = bench.directory;
  await writeFile(bench.path("rg"), script(named));
  await chmod(bench.path("rg"), 0o755);
  await writeFile(bench.path("file"), "needle\n");
  path.resolve(bench.directory);
  return Object.assign(bench, { named });
}

test("a ripgrep that is too old, or none, is left alone", async () => {
  for (const script of [
    "#!/bin/sh\necho ripgrep 11.0.2\n",
    "#!/bin/sh\nexit 1\n",
    "#!/no/such/interpreter\n",
  ]) {
    await using bench = await withProgram(() => script);
    const { result } = await bench.client.call("fs.search", {
      paths: [bench.path("file")],
      pattern: "needle",
    });
    const { engine, results } = result as SearchResult;
    assert.deepEqual([engine, results], ["berth", 1]);
  }
});

test("a ripgrep that hangs is ended with the search", async () => {
  await using bench = await withProgram(
    () => '#!/bin/sh\ncase "$*" in *--version*) echo ripgrep 13.0.0; exit ;; esac\nkill -STOP $$\n',
  );
  const asked = bench.client.call("fs.search", {
    paths: [bench.directory],
    pattern: `needle ${bench.named}`,
    deadlineMs: 300,
  });
  await assert.rejects(asked, { code: "operation.timeout" });
  await waitFor("it has ended", () => {
    const running = execFileSync("ps", ["-eo", "stat=,args="], { encoding: "utf8" }).split("\n");
    return !running.some((line) => !line.startsWith("Z") && line.includes(`needle ${bench.named}`));
  });
});
