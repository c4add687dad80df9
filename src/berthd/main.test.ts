import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { waitFor } from "../../test/fixtures/process.ts";

const MAIN = new URL("./main.ts", import.meta.url).pathname;

test("an empty token, left by a full disk, is made anew; one that is there is kept", async () => {
  const directory = await mkdtemp(join(tmpdir(), "berth-main-"));
  const path = join(directory, "token");
  for (const before of ["", "a".repeat(64)]) {
    await writeFile(path, before);
    const daemon = spawn(process.execPath, [MAIN, "serve", "--dir", directory], { stdio: "ignore" });
    const ended = once(daemon, "exit");
    try {
      await waitFor("its socket", async () => (await readdir(directory)).includes("sock"));
      const token = await readFile(path, "utf8");
      assert.match(token, /^[0-9a-f]{64}$/);
      if (before !== "") assert.equal(token, before);
    } finally {
      daemon.kill("SIGTERM");
      await ended;
    }
  }
  await rm(directory, { recursive: true });
});
