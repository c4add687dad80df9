import assert from "node:assert/strict";
import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FileCalls } from "../../files/calls.ts";
import { TemporaryNames } from "../../files/temporary.ts";
import { FileThreads } from "../../files/threads.ts";
import { TestClient } from "../testing.ts";
import { cpAttributeCopier } from "./attributes.ts";
import { Changes } from "./change.ts";
import { FileContext, type FileParams } from "./context.ts";

const threads = new FileThreads();

/** Calls of a file system that fails at one point. */
class FailingCalls extends FileCalls {
  readonly #fails: (call: string, path: string) => void;
  constructor(path: string, fails: (call: string, path: string) => void) {
    super(threads, path);
    this.#fails = fails;
  }
  override async rename(from: string, to: string): Promise<void> {
    this.#fails("rename", to);
    await super.rename(from, to);
  }
  override async write(
    fd: number,
    parts: readonly Uint8Array[],
    position: number | null = null,
  ): Promise<void> {
    this.#fails(position === null ? "write" : "write in place", this.path);
    await super.write(fd, parts, position);
  }
}

class FailingContext extends FileContext {
  fails: (call: string, path: string) => void = () => {};
  override calls(_params: FileParams, path: string): FileCalls {
    return new FailingCalls(path, (call, at) => this.fails(call, at));
  }
}

function bench() {
  const directory = mkdtempSync(join(tmpdir(), "berth-change-"));
  const context = new FailingContext({
    home: homedir(),
    threads,
    temporaries: new TemporaryNames(),
    attributes: cpAttributeCopier(),
  });
  const changes = new Changes();
  const client = new TestClient({
    methods: { "fs.change": (params, stream) => changes.handle(context, params, stream) },
    busy: () => false,
    close: async () => {},
  });
  let requests = 0;
  return {
    directory,
    context,
    names: () => readdirSync(directory).sort(),
    read: (name: string) => readFileSync(join(directory, name), "utf8"),
    /** Writes each of the files anew. */
    write: async (files: Readonly<Record<string, string>>) => {
      const entries = Object.entries(files);
      const changed = entries.map(([name, content]) => ({
        type: "write" as const,
        path: join(directory, name),
        bytes: Buffer.byteLength(content),
      }));
      const input = Buffer.from(entries.map(([, content]) => content).join(""));
      return await client.call("fs.change", { requestId: String(requests++), changes: changed }, [input]);
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function fail(code: string): never {
  throw Object.assign(new Error(code), { code });
}

test("when a later file fails, those before are what they were: the same file, and no new ones", async () => {
  using own = bench();
  for (const name of ["a", "b"]) writeFileSync(join(own.directory, name), `old ${name}\n`, { mode: 0o640 });
  const { ino } = statSync(join(own.directory, "a"));
  own.context.fails = (call, path) => {
    if (call === "rename" && path.endsWith("/b")) fail("EROFS");
  };
  await assert.rejects(own.write({ a: "new", "made/deep/c": "new", b: "new" }), { code: "EROFS" });
  assert.deepEqual(own.names(), ["a", "b"]);
  assert.deepEqual([own.read("a"), own.read("b")], ["old a\n", "old b\n"]);
  assert.equal(statSync(join(own.directory, "a")).ino, ino);
});

test("a disk that is full while the new contents are laid down changes nothing", async () => {
  using own = bench();
  writeFileSync(join(own.directory, "a"), "old\n");
  own.context.fails = (call, path) => {
    if (call === "write" && path.endsWith("/b")) fail("ENOSPC");
  };
  await assert.rejects(own.write({ a: "new", b: "new" }), { code: "ENOSPC" });
  assert.deepEqual(own.names(), ["a"]);
  assert.equal(own.read("a"), "old\n");
});

test("a file with several names is written in place, and put back as it was when that fails", async () => {
  using own = bench();
  writeFileSync(join(own.directory, "a"), "old content\n");
  linkSync(join(own.directory, "a"), join(own.directory, "hard"));
  let fails = true;
  own.context.fails = (call, path) => {
    if (fails && call === "rename" && path.endsWith("/b")) fail("EIO");
  };
  await assert.rejects(own.write({ a: "new", b: "new" }), { code: "EIO" });
  assert.deepEqual(
    [own.read("a"), own.read("hard"), own.names().length],
    ["old content\n", "old content\n", 2],
  );
  fails = false;
  const { result } = await own.write({ a: "new", b: "new" });
  const { files } = result as { files: { atomic: boolean }[] };
  assert.deepEqual(
    files.map(({ atomic }) => atomic),
    [false, true],
  );
  assert.deepEqual([own.read("a"), own.read("hard")], ["new", "new"]);
});

test("a file that another program changes between the look and the write is looked at again", async () => {
  using own = bench();
  writeFileSync(join(own.directory, "a"), "old\n");
  let meddled = 0;
  own.context.fails = (call) => {
    if (call === "write" && meddled++ === 0) writeFileSync(join(own.directory, "a"), "theirs\n");
  };
  const { result } = await own.write({ a: "new\n" });
  assert.match((result as { files: { diff: string }[] }).files[0]?.diff ?? "", /^-theirs$/m);
  own.context.fails = (call) => {
    if (call === "write") writeFileSync(join(own.directory, "a"), `theirs ${meddled++}\n`);
  };
  await assert.rejects(own.write({ a: "never\n" }), { code: "fs.changed" });
  assert.match(own.read("a"), /^theirs/);
  assert.deepEqual(own.names(), ["a"]);
});
