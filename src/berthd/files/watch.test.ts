import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import { test } from "node:test";
import { berthError } from "../../contract/errors.ts";
import type { WatchEvent } from "../../contract/files.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import { type FileBench, fileBench, until } from "./testing.ts";
import { ignoreMatcher } from "./watch-ignore.ts";

interface Watching extends Disposable {
  readonly events: WatchEvent[];
  readonly error: () => string | undefined;
  /** "create a", "remove b/c" … without the directory, sorted. */
  told(): string[];
}

async function watching(
  bench: FileBench,
  path: string,
  params: Partial<ParamsInput<"fs.watch">> = {},
): Promise<Watching> {
  const events: WatchEvent[] = [];
  let error: string | undefined;
  let placed = false;
  const stream = bench.client.request(
    "fs.watch",
    { path, ...params },
    {
      onResponse: () => {
        placed = true;
      },
      onEvent: (value) => events.push(...(value as { events: WatchEvent[] }).events),
      onReset: (reason) => {
        error = reason.code;
      },
    },
  );
  await until(() => placed || error !== undefined, "the watch is in place");
  return {
    events,
    error: () => error,
    told: () => events.map((event) => `${event.type} ${event.path.slice(bench.directory.length + 1)}`).sort(),
    [Symbol.dispose]: () => stream.reset(berthError("operation.aborted")),
  };
}

/** Makes a change whose report means that everything before it was reported. */
async function settled(bench: FileBench, watch: Watching, directory = bench.directory): Promise<void> {
  const mark = `${directory}/mark-${Math.random()}`;
  fs.writeFileSync(mark, "");
  await until(() => watch.events.some((event) => event.path === mark), "the mark is reported");
  const at = watch.events.findIndex((event) => event.path === mark);
  watch.events.splice(at, 1);
  fs.unlinkSync(mark);
  await until(() => watch.events.some((event) => event.path === mark), "its removal is reported");
  for (let index = watch.events.length - 1; index >= 0; index--) {
    if (watch.events[index]!.path === mark) watch.events.splice(index, 1);
  }
}

test("create, change and remove are told once, with the inode", async () => {
  await using bench = await fileBench();
  using watch = await watching(bench, bench.directory);
  fs.writeFileSync(bench.path("a"), "x");
  const { ino } = fs.statSync(bench.path("a"));
  await settled(bench, watch);
  assert.deepEqual(watch.events, [{ type: "create", path: bench.path("a"), inode: ino, fileType: "file" }]);
  for (let round = 0; round < 50; round++) fs.appendFileSync(bench.path("a"), "more");
  await settled(bench, watch);
  assert.ok(watch.events.slice(1).every((event) => event.type === "change"));
  assert.ok(watch.events.length >= 2 && watch.events.length < 10, `${watch.events.length} events`);
  watch.events.length = 0;
  fs.unlinkSync(bench.path("a"));
  await settled(bench, watch);
  assert.deepEqual(watch.events, [{ type: "remove", path: bench.path("a"), inode: ino, fileType: "file" }]);
});

test("a rename is a remove and a create with the same inode, also of a tree", async () => {
  await using bench = await fileBench();
  fs.mkdirSync(bench.path("old/sub"), { recursive: true });
  fs.writeFileSync(bench.path("old/sub/file"), "");
  fs.writeFileSync(bench.path("a"), "");
  const { ino } = fs.statSync(bench.path("a"));
  using watch = await watching(bench, bench.directory);
  await settled(bench, watch);
  fs.renameSync(bench.path("a"), bench.path("b"));
  await settled(bench, watch);
  assert.deepEqual(
    watch.events.map(({ type, ...rest }) => [type, "inode" in rest ? rest.inode : undefined]),
    [
      ["remove", ino],
      ["create", ino],
    ],
  );
  watch.events.length = 0;
  fs.renameSync(bench.path("old"), bench.path("new"));
  await settled(bench, watch);
  assert.deepEqual(watch.told(), [
    "create new",
    "create new/sub",
    "create new/sub/file",
    "remove old",
    "remove old/sub",
    "remove old/sub/file",
  ]);
  watch.events.length = 0;
  fs.writeFileSync(bench.path("new/sub/later"), "");
  await settled(bench, watch, bench.path("new/sub"));
  assert.deepEqual(watch.told(), ["create new/sub/later"]);
});

test("what is made in a directory at the moment of its own making is not missed", async () => {
  await using bench = await fileBench();
  using watch = await watching(bench, bench.directory);
  for (let index = 0; index < 60; index++) {
    fs.mkdirSync(bench.path(`d${index}/a/b`), { recursive: true });
    fs.writeFileSync(bench.path(`d${index}/a/b/file`), "");
    if (index % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await settled(bench, watch);
  const created = new Set(watch.events.filter((event) => event.type === "create").map((event) => event.path));
  for (let index = 0; index < 60; index++) {
    for (const part of ["", "/a", "/a/b", "/a/b/file"]) {
      assert.ok(created.has(bench.path(`d${index}${part}`)), `d${index}${part}`);
    }
  }
  assert.ok(!watch.events.some((event) => event.type === "remove"));
});

test("an atomic write is one change, and its temporary is not told", async () => {
  await using bench = await fileBench();
  fs.writeFileSync(bench.path("a"), "old");
  using watch = await watching(bench, bench.directory);
  await bench.write(bench.path("a"), "new");
  await bench.write(bench.path("b"), "new");
  await settled(bench, watch);
  assert.deepEqual(watch.told(), ["change a", "create b"]);
});

test("patterns leave entries out, and directories are not entered", async () => {
  await using bench = await fileBench();
  fs.mkdirSync(bench.path("node_modules/x"), { recursive: true });
  fs.mkdirSync(bench.path("src/dist"), { recursive: true });
  fs.mkdirSync(bench.path("dist"));
  using watch = await watching(bench, bench.directory, { ignore: ["node_modules", "*.log", "dist/**"] });
  for (const path of ["node_modules/x/y", "dist/y", "a.log", "src/b.log", "src/dist/kept", "kept"]) {
    fs.writeFileSync(bench.path(path), "");
  }
  fs.mkdirSync(bench.path("src/node_modules"));
  fs.writeFileSync(bench.path("src/node_modules/y"), "");
  await settled(bench, watch);
  assert.deepEqual(watch.told(), ["create kept", "create src/dist/kept"]);
  const ignored = ignoreMatcher(["/build", "docs/*.md"]);
  assert.deepEqual(
    ["build", "src/build", "docs/a.md", "docs/sub/a.md"].map((path) =>
      ignored(path, path.split("/").at(-1)!),
    ),
    [true, false, true, false],
  );
});

test("without recursive only the directory's own entries are told; a file can be watched alone", async () => {
  await using bench = await fileBench();
  fs.mkdirSync(bench.path("sub"));
  fs.writeFileSync(bench.path("file"), "");
  using flat = await watching(bench, bench.directory, { recursive: false });
  using single = await watching(bench, bench.path("file"));
  fs.writeFileSync(bench.path("sub/inner"), "");
  fs.writeFileSync(bench.path("other"), "");
  await settled(bench, flat);
  assert.deepEqual(flat.told(), ["create other"]);
  await bench.write(bench.path("file"), "replaced");
  await until(() => single.events.length === 1, "the change is told");
  fs.unlinkSync(bench.path("file"));
  await until(() => single.events.length === 2, "the removal is told");
  assert.deepEqual(single.told(), ["change file", "remove file"]);
});

test("names of any bytes are told", async () => {
  await using bench = await fileBench();
  using watch = await watching(bench, bench.directory);
  const name = "bad\udcff\nname";
  await bench.write(`${bench.directory}/${name}`, "x");
  fs.writeFileSync(bench.path("12"), "");
  await settled(bench, watch);
  assert.deepEqual(watch.told(), ["create 12", `create ${name}`]);
});

test("the removal of the root is told, and ends the watch", async () => {
  await using bench = await fileBench();
  fs.mkdirSync(bench.path("root/sub"), { recursive: true });
  using watch = await watching(bench, bench.path("root"));
  fs.rmSync(bench.path("root"), { recursive: true });
  await until(() => watch.error() !== undefined, "the watch has ended");
  assert.equal(watch.error(), "ENOENT");
  assert.ok(watch.told().includes("remove root"));
  using missing = await watching(bench, bench.path("root"));
  assert.equal(missing.error(), "ENOENT");
});

test("when the loop stalls while the kernel's queue overflows, it says rescan, and goes on", async () => {
  await using bench = await fileBench();
  fs.mkdirSync(bench.path("sub"));
  using watch = await watching(bench, bench.directory);
  // Synchronously, so that this loop, which is the watcher's as well, stands still meanwhile.
  spawnSync("sh", ["-c", 'cd "$1" && seq 20000 | xargs touch', "sh", bench.path("sub")]);
  await until(() => watch.events.some((event) => event.type === "rescan"), "rescan is told");
  watch.events.length = 0;
  fs.writeFileSync(bench.path("sub/after"), "");
  await settled(bench, watch);
  assert.deepEqual(watch.told(), ["create sub/after"]);
  execFileSync("rm", ["-rf", bench.path("sub")]);
});

test("a reset frees everything", async () => {
  await using bench = await fileBench();
  const before = fs.readdirSync("/proc/self/fd").length;
  for (let round = 0; round < 3; round++) {
    using watch = await watching(bench, bench.directory);
    fs.writeFileSync(bench.path(`f${round}`), "");
    await settled(bench, watch);
  }
  await until(() => fs.readdirSync("/proc/self/fd").length <= before + 1, "the descriptors are closed");
});

test("contained, what is swapped for a link is not followed", async () => {
  await using bench = await fileBench();
  fs.mkdirSync(bench.path("workspace/sub"), { recursive: true });
  fs.mkdirSync(bench.path("outside/sub"), { recursive: true });
  const contained = { root: bench.path("workspace") };
  using watch = await watching(bench, bench.path("workspace"), { contained });
  fs.writeFileSync(bench.path("workspace/sub/file"), "");
  fs.symlinkSync("../outside", bench.path("workspace/link"));
  fs.rmSync(bench.path("workspace/sub"), { recursive: true });
  fs.symlinkSync("../outside/sub", bench.path("workspace/sub"));
  fs.writeFileSync(bench.path("outside/sub/secret"), "");
  await settled(bench, watch, bench.path("workspace"));
  assert.ok(watch.told().every((told) => !told.includes("secret")));
  assert.ok(watch.told().includes("create workspace/link"));
  using outside = await watching(bench, bench.path("workspace/link"), { contained });
  assert.equal(outside.error(), "fs.outside_workspace");
});

test("directories for which the kernel has no watches left are told by rescan", async (t) => {
  await using bench = await fileBench();
  for (let index = 0; index < 8; index++) fs.mkdirSync(bench.path(`d${index}`));
  // A user namespace has limits of its own.
  const code = `
    const { fileBench } = await import(${JSON.stringify(new URL("./testing.ts", import.meta.url).href)});
    const bench = await fileBench();
    bench.client.request("fs.watch", { path: process.argv[1] }, {
      onEvent: (value) => console.log(JSON.stringify(value.events)),
      onResponse: () => console.log("placed"),
      onReset: (error) => console.log(error.code, error.hint),
    });
    setTimeout(() => process.exit(), 1000);`;
  const run = (watches: number): string =>
    spawnSync(
      "unshare",
      [
        "-Ur",
        "sh",
        "-c",
        `echo ${watches} > /proc/sys/user/max_inotify_watches && exec "$0" --input-type=module -e "$1" "$2"`,
        process.execPath,
        code,
        bench.directory,
      ],
      { encoding: "utf8" },
    ).stdout;
  const some = run(5);
  if (some === "") return t.skip("no user namespaces here");
  assert.match(some, /"rescan"[\s\S]*placed/);
  assert.match(run(0), /^ENOSPC .*max_user_watches/);
});
