import assert from "node:assert/strict";
import type { WatchEvent, WatchOptions } from "../../../src/contract/files.ts";
import type { Case, CaseContext } from "../case.ts";
import { refused, waitFor } from "../kit.ts";

/** A watch whose events are gathered, with paths relative to what is watched. */
async function watching({ runtime, defer }: CaseContext, path: string, options?: WatchOptions) {
  const watch = await runtime.fs.watch(path, options);
  const events: WatchEvent[] = [];
  const ended = (async () => {
    for await (const event of watch) events.push(event);
  })();
  ended.catch(() => {});
  defer(() => watch[Symbol.asyncDispose]());
  const saw = (type: WatchEvent["type"], name: string) =>
    waitFor(`${type} of ${name} in ${JSON.stringify(events.slice(-20))}`, () =>
      events.find((event) => event.type === type && event.path === (name === "" ? path : `${path}/${name}`)),
    );
  return { events, saw, watch, ended };
}

/** SEMANTICS, Files 6: watching. */
export const WATCH: readonly Case[] = [
  {
    id: "files.6.create-change-remove",
    title: "create, change and remove are told; a rename is remove and create",
    needs: ["watch"],
    run: async (context) => {
      const { runtime, directory } = context;
      const path = await directory();
      const { saw, events } = await watching(context, path);
      await runtime.exec("echo 1 > file", { cwd: path });
      const created = await saw("create", "file");
      await runtime.exec("echo 2 >> file", { cwd: path });
      await saw("change", "file");
      await runtime.exec("mv file renamed", { cwd: path });
      await saw("remove", "file");
      const arrived = await saw("create", "renamed");
      const inode = (await runtime.fs.stat(`${path}/renamed`)).inode;
      for (const event of [created, arrived]) {
        assert.ok(event.type === "create");
        if (event.inode !== undefined) assert.equal(event.inode, inode);
      }
      await runtime.exec("rm renamed", { cwd: path });
      await saw("remove", "renamed");
      assert.ok(!events.some(({ type }) => type === "rescan"));
    },
  },
  {
    id: "files.6.recursive",
    title: "what happens in directories that are made later is told as well",
    needs: ["watch"],
    run: async (context) => {
      const { runtime, directory } = context;
      const path = await directory();
      const { saw } = await watching(context, path);
      await runtime.exec("mkdir -p a/b/c && echo 1 > a/b/c/file", { cwd: path });
      await saw("create", "a/b/c/file");
      await runtime.exec("echo 2 >> a/b/c/file", { cwd: path });
      await saw("change", "a/b/c/file");
      await runtime.exec("rm -r a", { cwd: path });
      await saw("remove", "a");
    },
  },
  {
    id: "files.6.many",
    title: "a burst of files is told whole, or a rescan is asked for",
    needs: ["watch"],
    run: async (context) => {
      const { runtime, directory } = context;
      const path = await directory();
      const { events } = await watching(context, path);
      await runtime.exec("i=0; while [ $i -lt 3000 ]; do : > $i; i=$((i+1)); done", { cwd: path });
      await waitFor("every file is told, or a rescan", () => {
        const created = new Set(events.filter(({ type }) => type === "create").map((event) => event.path));
        return created.size === 3_000 || events.some(({ type }) => type === "rescan");
      });
    },
  },
  {
    id: "files.6.ignore",
    title: "ignored names and what is below them are not told",
    needs: ["watch"],
    run: async (context) => {
      const { runtime, directory } = context;
      const path = await directory();
      await runtime.fs.mkdir(`${path}/node_modules`);
      const { saw, events } = await watching(context, path, { ignore: ["node_modules", "*.log"] });
      await runtime.exec(
        "mkdir -p node_modules/x sub && : > node_modules/x/y && : > a.log && : > sub/b.log && : > end",
        {
          cwd: path,
        },
      );
      await saw("create", "end");
      const told = events.map((event) => event.path).filter((name) => /node_modules|\.log$/.test(name));
      assert.deepEqual(told, []);
    },
  },
  {
    id: "files.6.not-recursive",
    title: "a watch that is not recursive tells only what is directly there",
    needs: ["watch"],
    run: async (context) => {
      const { runtime, directory } = context;
      const path = await directory();
      await runtime.fs.mkdir(`${path}/sub`);
      const { saw, events } = await watching(context, path, { recursive: false });
      await runtime.exec(": > sub/inner && : > outer", { cwd: path });
      await saw("create", "outer");
      assert.ok(!events.some((event) => event.path.endsWith("inner")));
    },
  },
  {
    id: "files.6.end",
    title: "a watch ends when it is disposed or aborted; one of nothing is ENOENT",
    needs: ["watch"],
    run: async (context) => {
      const { runtime, directory } = context;
      const path = await directory();
      const first = await watching(context, path);
      await first.watch[Symbol.asyncDispose]();
      await first.ended;
      const abort = new AbortController();
      const second = await watching(context, path, { signal: abort.signal });
      abort.abort();
      await second.ended.catch((error: { code?: string }) => assert.equal(error.code, "operation.aborted"));
      await refused(runtime.fs.watch(`${path}/nothing`), "ENOENT");
    },
  },
];
