import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { type FileBench, fileBench } from "./testing.ts";

async function workspace(bench: FileBench): Promise<{ root: string; contained: { root: string } }> {
  const root = bench.path("workspace");
  await mkdir(`${root}/sub`, { recursive: true });
  await mkdir(bench.path("outside"));
  await writeFile(bench.path("outside/secret"), "secret");
  await writeFile(`${root}/sub/file`, "inside");
  await symlink("../outside", `${root}/out`);
  await symlink(bench.path("outside/secret"), `${root}/out-file`);
  await symlink("sub", `${root}/in`);
  await symlink(`${root}/sub/file`, `${root}/in-absolute`);
  await symlink("../workspace/sub", `${root}/out-and-in`);
  return { root, contained: { root } };
}

test("every operation refuses what leaves the workspace", async () => {
  await using bench = await fileBench();
  const { root, contained } = await workspace(bench);
  const { client } = bench;
  const outside = [
    `${root}/out/secret`,
    `${root}/../outside/secret`,
    `${root}/sub/../../outside/secret`,
    bench.path("outside/secret"),
    `${root}/out-file`,
  ];
  for (const path of outside) {
    await assert.rejects(bench.read(path, { contained }), { code: "fs.outside_workspace" }, path);
    await assert.rejects(bench.write(path, "x", { contained }), { code: "fs.outside_workspace" }, path);
    await assert.rejects(bench.stat(path, { contained }), { code: "fs.outside_workspace" }, path);
    await assert.rejects(client.call("fs.chmod", { path, mode: 0o777, contained }), {
      code: "fs.outside_workspace",
    });
    await assert.rejects(client.call("fs.realpath", { path, contained }), { code: "fs.outside_workspace" });
    await assert.rejects(client.call("fs.upload", { path, contained }, [Buffer.alloc(1024)]), {
      code: "fs.outside_workspace",
    });
    await assert.rejects(client.call("fs.download", { path, contained }), { code: "fs.outside_workspace" });
    await assert.rejects(client.call("fs.mkdir", { path: `${path}/x`, recursive: true, contained }), {
      code: "fs.outside_workspace",
    });
    if (path.endsWith("out-file")) continue;
    await assert.rejects(client.call("fs.rm", { path, contained }), { code: "fs.outside_workspace" });
    await assert.rejects(client.call("fs.symlink", { path, target: "x", contained }), {
      code: "fs.outside_workspace",
    });
    await assert.rejects(client.call("fs.rename", { from: path, to: `${root}/stolen`, contained }), {
      code: "fs.outside_workspace",
    });
    await assert.rejects(client.call("fs.rename", { from: `${root}/sub/file`, to: path, contained }), {
      code: "fs.outside_workspace",
    });
  }
  await assert.rejects(bench.readdir(`${root}/out`, { contained }), { code: "fs.outside_workspace" });
  await assert.rejects(client.call("fs.rm", { path: root, recursive: true, contained }), {
    code: "fs.outside_workspace",
  });
  assert.equal(await readFile(bench.path("outside/secret"), "utf8"), "secret");
  assert.deepEqual(await readdir(bench.path("outside")), ["secret"]);
});

test("what stays inside works as it does without containment", async () => {
  await using bench = await fileBench();
  const { root, contained } = await workspace(bench);
  const { client } = bench;
  for (const path of [
    `${root}/sub/file`,
    `${root}/in/file`,
    `${root}/in-absolute`,
    `${root}//sub/./../sub/file`,
    `${root}/in/../sub/file`,
  ]) {
    assert.equal((await bench.read(path, { contained })).toString(), "inside", path);
    assert.equal((await bench.stat(path, { contained })).size, 6);
    const { result } = await client.call("fs.realpath", { path, contained });
    assert.deepEqual(result, { path: `${root}/sub/file` });
  }
  assert.equal((await bench.stat(root, { contained })).type, "directory");
  assert.equal((await bench.stat(`${root}/out`, { contained, follow: false })).symlinkTarget, "../outside");
  assert.deepEqual(await bench.write(`${root}/new/dir/file`, "made", { contained }), {
    atomic: true,
    bytes: 4,
  });
  assert.deepEqual(await bench.write(`${root}/in-absolute`, "again!", { contained }), {
    atomic: true,
    bytes: 6,
  });
  assert.equal(await readFile(`${root}/sub/file`, "utf8"), "again!");
  assert.deepEqual(await bench.readdir(`${root}/in`, { contained }), [["file", "file"]]);
  await client.call("fs.chmod", { path: `${root}/in/file`, mode: 0o600, contained });
  assert.equal((await stat(`${root}/sub/file`)).mode & 0o777, 0o600);
  await client.call("fs.mkdir", { path: `${root}/a/b`, recursive: true, contained });
  await client.call("fs.rename", { from: `${root}/new`, to: `${root}/a/b/moved`, contained });
  const down = await client.call("fs.download", { path: `${root}/a`, contained });
  await client.call("fs.upload", { path: `${root}/copy/deep`, contained }, [down.data]);
  assert.equal(await readFile(`${root}/copy/deep/b/moved/dir/file`, "utf8"), "made");
  await client.call("fs.rm", { path: `${root}/out`, contained });
  await client.call("fs.rm", { path: `${root}/copy`, recursive: true, contained });
  assert.deepEqual(await readdir(bench.path("outside")), ["secret"]);
  await assert.rejects(bench.read(`${root}/sub/file/below`, { contained }), { code: "ENOTDIR" });
  await assert.rejects(bench.read(`${root}/none`, { contained }), { code: "ENOENT" });
});

test("an extra root is inside, also by a link to it", async () => {
  await using bench = await fileBench();
  const { root } = await workspace(bench);
  const contained = { root, extraRoots: [bench.path("outside")] };
  for (const path of [`${root}/out-file`, bench.path("outside/secret"), `${root}/out/secret`]) {
    assert.equal((await bench.read(path, { contained })).toString(), "secret", path);
  }
  await assert.rejects(bench.stat(bench.directory, { contained }), { code: "fs.outside_workspace" });
});

test("a directory that is swapped for a link in a tight loop never leads outside", async () => {
  await using bench = await fileBench();
  const { root, contained } = await workspace(bench);
  await mkdir(`${root}/swap`);
  await writeFile(`${root}/swap/secret`, "harmless");
  await writeFile(bench.path("outside/canary"), "");
  const { client } = bench;
  const flag = new Int32Array(new SharedArrayBuffer(8));
  const swapper = new Worker(
    `const fs = require("node:fs"); const { root, flag } = require("node:worker_threads").workerData;
     const swap = root + "/swap";
     // A write may have made the directory anew in the moment when there was none.
     const place = (put) => {
       for (;;) {
         try { return put(); } catch {}
         try { fs.rmSync(swap, { recursive: true, force: true }); } catch {}
       }
     };
     while (Atomics.load(flag, 0) === 0) {
       fs.renameSync(swap, root + "/aside");
       place(() => fs.symlinkSync("../outside", swap));
       fs.rmSync(swap, { force: true });
       place(() => fs.renameSync(root + "/aside", swap));
       Atomics.add(flag, 1, 1);
     }`,
    { eval: true, workerData: { root, flag } },
  );
  const upload = await client.call("fs.download", { path: `${root}/sub` });
  const codes = new Map<string, number>();
  const attempt = async (work: Promise<unknown>): Promise<unknown> => {
    try {
      const result = await work;
      codes.set("done", (codes.get("done") ?? 0) + 1);
      return result;
    } catch (error) {
      const { code } = error as { code: string };
      codes.set(code, (codes.get(code) ?? 0) + 1);
      return undefined;
    }
  };
  try {
    for (let round = 0; round < 100; round++) {
      const path = `${root}/swap/secret`;
      const content = (await attempt(bench.read(path, { contained }))) as Buffer | undefined;
      if (content !== undefined) assert.notEqual(content.toString(), "secret");
      await attempt(bench.write(path, "harmless", { contained }));
      await attempt(bench.write(`${root}/swap/new`, "x", { contained }));
      await attempt(client.call("fs.rm", { path: `${root}/swap/new`, contained }));
      await attempt(client.call("fs.chmod", { path, mode: 0o640, contained }));
      await attempt(client.call("fs.mkdir", { path: `${root}/swap/a/b`, recursive: true, contained }));
      await attempt(client.call("fs.rm", { path: `${root}/swap/a`, recursive: true, contained }));
      const archive = (await attempt(client.call("fs.download", { path: `${root}/swap`, contained }))) as
        | { data: Buffer }
        | undefined;
      assert.ok(archive === undefined || !archive.data.includes("canary"));
      await attempt(client.call("fs.upload", { path: `${root}/swap/up`, contained }, [upload.data]));
      await attempt(client.call("fs.rm", { path: `${root}/swap/up`, recursive: true, contained }));
      await attempt(
        client.call("fs.rename", { from: `${root}/swap/secret`, to: `${root}/swap/renamed`, contained }),
      );
      await attempt(
        client.call("fs.rename", { from: `${root}/swap/renamed`, to: `${root}/swap/secret`, contained }),
      );
      const names = (await attempt(bench.readdir(`${root}/swap`, { contained }))) as string[][] | undefined;
      assert.ok(names?.every(([name]) => name !== "canary") ?? true);
    }
  } finally {
    Atomics.store(flag, 0, 1);
    await new Promise((resolve) => swapper.once("exit", resolve));
  }
  assert.ok(Atomics.load(flag, 1) > 100, "the swapper was at work");
  assert.ok(
    (codes.get("done") ?? 0) > 0 && (codes.get("fs.outside_workspace") ?? 0) > 0,
    [...codes].join(" "),
  );
  assert.deepEqual((await readdir(bench.path("outside"))).sort(), ["canary", "secret"]);
  assert.equal(await readFile(bench.path("outside/secret"), "utf8"), "secret");
  assert.equal((await stat(bench.path("outside/secret"))).mode & 0o777, 0o644);
});

test("a root that is itself reached by a link is where it leads", async () => {
  await using bench = await fileBench();
  const { root } = await workspace(bench);
  await symlink(root, bench.path("alias"));
  const contained = { root: bench.path("alias") };
  assert.equal((await bench.read(bench.path("alias/sub/file"), { contained })).toString(), "inside");
  assert.equal((await bench.read(`${root}/sub/file`, { contained })).toString(), "inside");
  assert.equal((await bench.read(`${root}/in-absolute`, { contained })).toString(), "inside");
  await rename(bench.path("alias"), bench.path("alias2"));
  await assert.rejects(bench.read(bench.path("alias/sub/file"), { contained }), { code: "ENOENT" });
});
