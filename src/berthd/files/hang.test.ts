import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fileBench } from "./testing.ts";

const POOL = "16";

// The size of the thread pool is read once at the start of a process, so the daemon's has to be in the environment.
if (process.env.UV_THREADPOOL_SIZE !== POOL) {
  test("with the thread pool of the daemon", () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const result = spawnSync(process.execPath, ["--test", fileURLToPath(import.meta.url)], {
      env: { ...env, UV_THREADPOOL_SIZE: POOL },
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(result.status, 0, result.stdout);
  });
} else {
  test("a file system that does not answer costs its own operations only", async (t) => {
    if (process.getuid?.() !== 0) return t.skip("needs root");
    await using bench = await fileBench();
    const hung = bench.path("hung");
    await mkdir(hung);
    // A FUSE mount whose daemon never answers; it is gone when its descriptor is closed.
    const holder = spawn(
      "sh",
      [
        "-c",
        'exec 3<>/dev/fuse && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none "$1" && echo up && exec cat',
        "sh",
        hung,
      ],
      { stdio: ["pipe", "pipe", "ignore"] },
    );
    const up = await new Promise<boolean>((resolve) => {
      holder.stdout.once("data", () => resolve(true));
      holder.once("exit", () => resolve(false));
    });
    if (!up) return t.skip("FUSE cannot be mounted here");
    try {
      const many = Array.from({ length: 12 }, (_, index) =>
        bench.stat(`${hung}/${index}`, { timeoutMs: 300 }).then(
          () => "answered",
          (error: { code: string }) => error.code,
        ),
      );
      await writeFile(bench.path("fine"), "fine");
      assert.equal((await bench.read(bench.path("fine"))).toString(), "fine", "others go on meanwhile");
      assert.deepEqual(new Set(await Promise.all(many)), new Set(["fs.timeout"]));
      const started = performance.now();
      await assert.rejects(bench.stat(`${hung}/more`, { timeoutMs: 20_000 }), { code: "fs.timeout" });
      assert.ok(performance.now() - started < 10_000, "it is refused without waiting");
      for (let index = 0; index < 20; index++) {
        assert.equal((await bench.read(bench.path("fine"))).toString(), "fine");
      }
    } finally {
      holder.kill("SIGKILL");
      spawnSync("umount", ["-l", hung]);
    }
    // The abandoned calls come back with an error, and the mount may be used again.
    await assert.rejects(async () => {
      for (;;)
        await bench.stat(`${hung}/again`, { timeoutMs: 200 }).catch((error: { code: string }) => {
          if (error.code !== "fs.timeout") throw error;
        });
    });
  });
}
