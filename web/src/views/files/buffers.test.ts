import assert from "node:assert/strict";
import { test } from "node:test";
import { berthError } from "../../../../src/contract/errors.ts";
import { Buffers } from "./buffers.ts";
import type { FileAt } from "./content.ts";
import { readText, writeText } from "./text-file.ts";

const textFile = (text: string) => {
  const content = readText(new TextEncoder().encode(text));
  assert.ok(content.kind === "text");
  return content.file;
};

/** A place with one file, by the calls that buffers make. */
function place(text: string) {
  const file = { bytes: new TextEncoder().encode(text) as Uint8Array | undefined, version: 1 };
  const etag = () => `"${file.version}"`;
  const client = {
    get: async () => {
      if (file.bytes === undefined) throw berthError("ENOENT", { context: { path: "a" } });
      return { type: "file", size: file.bytes.length };
    },
    api: {
      GET: async () => ({
        data: file.bytes?.slice().buffer,
        response: new Response(null, { headers: { etag: etag() } }),
      }),
    },
    put: async (_path: string, given: { params: { header: Record<string, string> }; body: Uint8Array }) => {
      const { "If-Match": match, "If-None-Match": none } = given.params.header;
      const holds =
        none === undefined ? file.bytes !== undefined && match === etag() : file.bytes === undefined;
      if (!holds) throw berthError("fs.changed", { context: { path: "a" } });
      file.bytes = given.body;
      file.version += 1;
      return { etag: etag() };
    },
  };
  const at = { client, workspace: "w", path: "a" } as unknown as FileAt;
  const write = (changed: string | undefined) => {
    file.bytes = changed === undefined ? undefined : new TextEncoder().encode(changed);
    file.version += 1;
  };
  const read = () => new TextDecoder("utf-8", { ignoreBOM: true }).decode(file.bytes);
  return { at, write, read, etag };
}

const draft = (text: string, version = 1) => ({ state: text, version, text: () => text });

test("a save writes over what was read, in the form that the file had", async () => {
  const { at, read, etag } = place("\ufeffa\r\nb");
  const buffers = new Buffers();
  buffers.wasRead("a", textFile("\ufeffa\r\nb"), etag());
  buffers.typed("a", draft("a\nb\nc"), true);
  assert.equal(await buffers.save(at), undefined);
  assert.equal(read(), "\ufeffa\r\nb\r\nc");
  assert.equal(buffers.get("a")?.isDirty, false);
  buffers.typed("a", draft("d"), true);
  assert.equal(await buffers.save(at), undefined);
  assert.equal(read(), "\ufeffd");
});

test("a file that was changed meanwhile is never written over unasked", async () => {
  const { at, write, read, etag } = place("one\n");
  const buffers = new Buffers();
  buffers.wasRead("a", textFile("one\n"), etag());
  buffers.typed("a", draft("mine\n"), true);
  write("theirs\n");
  const conflict = await buffers.save(at);
  assert.equal(conflict?.theirs?.text, "theirs\n");
  assert.equal(read(), "theirs\n");
  assert.equal(buffers.get("a")?.disk, "changed");
  assert.ok(conflict !== undefined);
  write("again\n");
  const second = await buffers.overwrite(at, conflict);
  assert.equal(second?.theirs?.text, "again\n");
  assert.ok(second !== undefined);
  assert.equal(await buffers.overwrite(at, second), undefined);
  assert.equal(read(), "mine\n");
});

test("what is typed while a save is under way is written by the next one", async () => {
  const { at, read, etag } = place("one\n");
  const buffers = new Buffers();
  buffers.wasRead("a", textFile("one\n"), etag());
  buffers.typed("a", draft("two\n"), true);
  const first = buffers.save(at);
  buffers.typed("a", draft("three\n"), true);
  assert.equal(await buffers.save(at), undefined);
  assert.equal(await first, undefined);
  assert.equal(read(), "three\n");
  assert.equal(buffers.get("a")?.isDirty, false);
});

test("a merge goes on from what stands in the place", async () => {
  const { at, write, read, etag } = place("one\n");
  const buffers = new Buffers();
  buffers.wasRead("a", textFile("one\n"), etag());
  buffers.typed("a", draft("mine\n"), true);
  write("theirs\n");
  const conflict = await buffers.save(at);
  assert.ok(conflict !== undefined);
  buffers.rebase(conflict, "both\n");
  assert.deepEqual(buffers.get("a")?.show, { text: "both\n", version: 2 });
  buffers.typed("a", draft("both\n", 2), true);
  assert.equal(await buffers.save(at), undefined);
  assert.equal(read(), "both\n");
});

test("a file that is gone comes back only when it is asked for", async () => {
  const { at, write, read, etag } = place("one\n");
  const buffers = new Buffers();
  buffers.wasRead("a", textFile("one\n"), etag());
  buffers.typed("a", draft("mine\n"), true);
  write(undefined);
  const conflict = await buffers.save(at);
  assert.deepEqual(conflict, { path: "a", theirs: undefined, tag: "absent" });
  assert.equal(buffers.get("a")?.disk, "gone");
  assert.ok(conflict !== undefined);
  assert.equal(await buffers.overwrite(at, conflict), undefined);
  assert.equal(read(), "mine\n");
});

test("what is not edited follows the file; what is edited stays", () => {
  const buffers = new Buffers();
  buffers.wasRead("a", textFile("one\n"), "1");
  assert.equal(buffers.wasRead("a", textFile("two\n"), "2"), "taken");
  assert.deepEqual(buffers.get("a")?.show, { text: "two\n", version: 2 });
  assert.equal(buffers.wasRead("a", textFile("two\n"), "3"), "same");
  buffers.typed("a", draft("mine\n", 2), true);
  assert.equal(buffers.wasRead("a", textFile("four\n"), "4"), "kept");
  assert.equal(buffers.textOf("a"), "mine\n");
  assert.equal(buffers.get("a")?.disk, "changed");
});

test("renaming takes along what is not saved", () => {
  const buffers = new Buffers();
  buffers.wasRead("d/a", textFile("one\n"), "1");
  buffers.typed("d/a", draft("mine\n"), true);
  buffers.renamed("d", "e");
  assert.equal(buffers.textOf("e/a"), "mine\n");
  assert.equal(buffers.get("d/a"), undefined);
  buffers.removed("e");
  assert.equal(buffers.get("e/a"), undefined);
});

test("only some texts without changes are kept, and all with changes", () => {
  const buffers = new Buffers();
  for (let i = 0; i < 40; i++) {
    buffers.wasRead(`f${i}`, textFile("x"), "1");
    if (i < 5) buffers.typed(`f${i}`, draft("y"), true);
  }
  assert.equal(buffers.files.get().size, 17);
  assert.equal(buffers.dirty.length, 5);
  assert.deepEqual(new TextDecoder().decode(writeText(textFile("x"))), "x");
});
