import assert from "node:assert/strict";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { FileChange } from "../../contract/text.ts";
import { TestPlace } from "./testing.ts";

async function open() {
  const place = await TestPlace.open();
  const runtime = await place.runtime();
  return {
    place,
    runtime,
    fs: runtime.fs,
    at: (name: string) => join(place.directory, name),
    read: (name: string) => readFileSync(join(place.directory, name), "latin1"),
    names: () => readdirSync(place.directory).filter((name) => !name.startsWith(".berthd-")),
    async [Symbol.asyncDispose]() {
      await runtime.close();
      await place[Symbol.asyncDispose]();
    },
  };
}

const replace = (path: string, oldText: string, newText: string): FileChange => ({
  type: "edit",
  path,
  edits: [{ type: "replace", oldText, newText }],
});

test("lines, ranges and what a file is", async () => {
  await using own = await open();
  writeFileSync(own.at("file"), "\ufeffone\r\ntwo\r\nthree");
  const whole = await own.fs.readText("file");
  assert.ok(whole.kind === "text");
  assert.deepEqual(
    whole.lines.map(({ text }) => text),
    ["one", "two", "three"],
  );
  assert.equal(whole.lineEnd, "crlf");
  assert.equal(whole.byteOrderMark, true);
  assert.equal(whole.finalLineEnd, false);
  assert.equal(whole.totalLines, 3);
  assert.equal(whole.path, own.at("file"));
  const last = await own.fs.readText("file", { startLine: -1 });
  assert.ok(last.kind === "text");
  assert.deepEqual(last.lines, [{ number: 3, text: "three" }]);
  assert.equal(last.version, whole.version);
  await assert.rejects(own.fs.readText("nothing"), { code: "ENOENT" });
  await assert.rejects(own.fs.readText("."), { code: "EISDIR" });
  const cpu = await own.fs.readText("/proc/self/status");
  assert.ok(cpu.kind === "text" && cpu.totalLines > 10);
  const png = Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(100)]);
  writeFileSync(own.at("image"), png);
  const image = await own.fs.readText("image", { maxImageBytes: 1000 });
  assert.ok(image.kind === "image" && Buffer.from(image.data ?? []).equals(png));
});

test("several files are changed together, or none", async () => {
  await using own = await open();
  writeFileSync(own.at("a"), "1\n2\n");
  chmodSync(own.at("a"), 0o640);
  writeFileSync(own.at("b"), "3\n4\n");
  symlinkSync("b", own.at("link"));
  const failed = own.fs.change([
    replace("a", "1", "one"),
    { type: "write", path: "new/deep/c", content: "c" },
    replace("link", "nine", "9"),
  ]);
  await assert.rejects(failed, { code: "edit.not_found" });
  assert.deepEqual(own.names(), ["a", "b", "link"]);
  const done = await own.fs.change([
    replace("a", "1", "one"),
    { type: "write", path: "new/deep/c", content: "c" },
    replace("link", "3", "three"),
  ]);
  assert.deepEqual(
    done.map(({ path, created, additions, deletions }) => [path, created, additions, deletions]),
    [
      [own.at("a"), false, 1, 1],
      [own.at("new/deep/c"), true, 1, 0],
      [own.at("link"), false, 1, 1],
    ],
  );
  assert.equal(own.read("a"), "one\n2\n");
  assert.equal(own.read("b"), "three\n4\n");
  assert.equal(statSync(own.at("a")).mode & 0o777, 0o640);
  assert.deepEqual(own.names(), ["a", "b", "link", "new"]);
  const moved = await own.fs.change([
    { type: "edit", path: "a", edits: [], moveTo: "moved/a" },
    { type: "remove", path: "b" },
  ]);
  assert.deepEqual(own.names(), ["link", "moved", "new"]);
  assert.equal(moved[0]?.movedTo, own.at("moved/a"));
  assert.equal(moved[1]?.version, null);
  assert.equal(statSync(own.at("moved/a")).mode & 0o777, 0o640);
});

test("one file by two names is refused in one change and waits in two", async () => {
  await using own = await open();
  writeFileSync(own.at("a"), "0\n");
  linkSync(own.at("a"), own.at("hard"));
  symlinkSync("a", own.at("soft"));
  mkdirSync(own.at("dir"));
  symlinkSync("..", own.at("dir/up"));
  for (const other of ["hard", "soft", "dir/up/a", "./a"]) {
    await assert.rejects(own.fs.change([replace("a", "0", "1"), replace(other, "0", "2")]), {
      code: "edit.invalid",
    });
  }
  const names = ["a", "hard", "soft", "dir/up/a"];
  await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      own.fs.change([
        { type: "edit", path: names[index % 4]!, edits: [{ type: "insert", line: -1, text: `${index}\n` }] },
      ]),
    ),
  );
  assert.equal(own.read("a").split("\n").length, 42);
});
