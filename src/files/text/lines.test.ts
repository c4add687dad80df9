import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { kindOf } from "./kind.ts";
import { CHUNK_BYTES, DEFAULT_RANGE, type LineRange, memorySource, readLines } from "./lines.ts";

function read(content: string | Buffer, range: Partial<LineRange> = {}) {
  return readLines(memorySource(Buffer.from(content)), { ...DEFAULT_RANGE, ...range });
}

const texts = (lines: readonly { readonly text: string }[]) => lines.map(({ text }) => text);

test("lines and what is known of them", async () => {
  assert.deepEqual(await read(""), {
    totalLines: 0,
    lineEnd: "none",
    finalLineEnd: false,
    byteOrderMark: false,
    invalidUtf8: false,
    lines: [],
  });
  assert.deepEqual(await read("a\r\nb\n"), {
    totalLines: 2,
    lineEnd: "mixed",
    finalLineEnd: true,
    byteOrderMark: false,
    invalidUtf8: false,
    lines: [
      { number: 1, text: "a" },
      { number: 2, text: "b" },
    ],
  });
  assert.deepEqual(texts((await read("a\rb\n\n c")).lines), ["a\rb", "", " c"]);
  const bytes = await read(Buffer.from([0x61, 0xff, 0x0a, 0xc3]));
  assert.deepEqual(texts(bytes.lines), ["a\ufffd", "\ufffd"]);
  assert.equal(bytes.invalidUtf8, true);
  await assert.rejects(read("a", { startLine: 0 }), { code: "EINVAL" });
});

test("ranges, from the start and from the end", async () => {
  const content = Array.from({ length: 10 }, (_, index) => `${index + 1}`).join("\n");
  const from = async (range: Partial<LineRange>) => {
    const { lines, nextLine } = await read(content, range);
    return [texts(lines).join(" "), nextLine];
  };
  assert.deepEqual(await from({ startLine: 9 }), ["9 10", undefined]);
  assert.deepEqual(await from({ startLine: 3, maxLines: 2 }), ["3 4", 5]);
  assert.deepEqual(await from({ startLine: -2 }), ["9 10", undefined]);
  assert.deepEqual(await from({ startLine: -3, maxLines: 1 }), ["8", 9]);
  assert.deepEqual(await from({ startLine: -99, maxLines: 1 }), ["1", 2]);
  assert.deepEqual(await from({ startLine: 11 }), ["", undefined]);
  assert.deepEqual(await from({ maxBytes: 6 }), ["1 2 3", 4]);
});

test("a line is cut at a character, and given however long it is", async () => {
  const long = "é".repeat(2_500_000);
  const { lines, nextLine, totalLines } = await read(`${long}\nb\n`, { maxLineBytes: 101 });
  assert.deepEqual(lines, [
    { number: 1, text: "é".repeat(50), cutBytes: 5_000_000 - 100 },
    { number: 2, text: "b" },
  ]);
  assert.equal(nextLine, undefined);
  assert.equal(totalLines, 2);
  const small = await read(`${long}\nb\n`, { maxBytes: 10, maxLineBytes: 1_000 });
  assert.deepEqual(small.lines, [{ number: 1, text: "é".repeat(5), cutBytes: 5_000_000 - 10 }]);
  assert.equal(small.nextLine, 2);
  assert.deepEqual((await read("abc\r\n", { maxLineBytes: 3 })).lines, [{ number: 1, text: "abc" }]);
  assert.deepEqual((await read("abcd\r\n", { maxLineBytes: 3 })).lines, [
    { number: 1, text: "abc", cutBytes: 1 },
  ]);
});

test("lines and characters over the edges of chunks", async () => {
  const lineOf = fc.constantFrom(
    "",
    "a",
    "é€😀",
    "\r",
    "x".repeat(CHUNK_BYTES - 3),
    "😀".repeat(CHUNK_BYTES / 4),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(lineOf, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 0, max: 5 }),
      fc.constantFrom("\n", "\r\n"),
      fc.integer({ min: 1, max: 6 }),
      async (lines, shift, end, startLine) => {
        const all = ["y".repeat(shift), ...lines];
        const content = all.join(end);
        const found = await read(content, { startLine, maxBytes: 1e9, maxLineBytes: 1e9 });
        const expected = content.split("\n");
        const open = expected.pop()!;
        const whole = [...expected.map((line) => line.replace(/\r$/, "")), ...(open === "" ? [] : [open])];
        assert.equal(found.totalLines, whole.length);
        assert.ok(texts(found.lines).every((text, index) => text === whole[startLine - 1 + index]));
        assert.equal(found.lines.length, Math.max(0, whole.length - startLine + 1));
        assert.equal(found.invalidUtf8, false);
        const returns = content.match(/\r\n/g)?.length ?? 0;
        const feeds = content.match(/\n/g)?.length ?? 0;
        const lineEnd = feeds === 0 ? "none" : returns === 0 ? "lf" : returns === feeds ? "crlf" : "mixed";
        assert.equal(found.lineEnd, lineEnd);
      },
    ),
    { numRuns: 60 },
  );
});

test("what a file is, by how it begins", () => {
  const kind = (start: string) => kindOf(Buffer.from(start, "latin1"));
  const image = (mediaType: string) => ({ kind: "image", mediaType });
  const binary = (mediaType: string) => ({ kind: "binary", mediaType });
  assert.deepEqual(kind("\x89PNG\r\n\x1a\n"), image("image/png"));
  assert.deepEqual(kind("\xff\xd8\xff\xe0"), image("image/jpeg"));
  assert.deepEqual(kind("GIF89a"), image("image/gif"));
  assert.deepEqual(kind("RIFF\x10\x00\x00\x00WEBPVP8 "), image("image/webp"));
  assert.deepEqual(kind("%PDF-1.7"), binary("application/pdf"));
  assert.deepEqual(kind("\xff\xfea\x00"), binary("text/plain; charset=utf-16le"));
  assert.deepEqual(kind("\xfe\xff\x00a"), binary("text/plain; charset=utf-16be"));
  assert.deepEqual(kind("a\x00b"), { kind: "binary" });
  for (const text of ["", "<svg xmlns=", "BZh is a name", "RIFF raff", "\xef\xbb\xbfa"]) {
    assert.deepEqual(kind(text), { kind: "text" });
  }
});
