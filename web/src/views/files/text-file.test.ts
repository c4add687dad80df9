import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatWords, readText, writeText } from "./text-file.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const read = (text: string) => {
  const content = readText(bytesOf(text));
  assert.ok(content.kind === "text");
  return content.file;
};

test("line ends, the byte order mark and a missing last line end stay", () => {
  assert.deepEqual(read("a\r\nb\r\n"), { text: "a\nb\n", lineEnd: "\r\n", mark: false });
  assert.deepEqual(read("a\r\nb\n"), { text: "a\r\nb\n", lineEnd: "mixed", mark: false });
  assert.deepEqual(read("a\rb"), { text: "a\rb", lineEnd: "mixed", mark: false });
  assert.deepEqual(read("\ufeffa"), { text: "a", lineEnd: "\n", mark: true });
  assert.deepEqual(formatWords(read("\ufeffa\r\nb")), ["CRLF", "byte order mark", "no line end at the end"]);
});

test("what was read and not changed is written as the same bytes", () => {
  const piece = fc.constantFrom("a", "日本", "\n", "\r\n", "\r", "\ufeff", " ", "😀");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const bytes = bytesOf(pieces.join(""));
      const content = readText(bytes);
      assert.ok(content.kind === "text");
      assert.deepEqual(writeText(content.file), bytes);
    }),
  );
});

test("what is no text is not taken for one", () => {
  assert.equal(readText(new Uint8Array([0x67, 0x72, 0xfc, 0xdf, 0x65])).kind, "binary");
  assert.equal(readText(new Uint8Array([0x61, 0, 0x62])).kind, "binary");
  assert.equal(readText(new Uint8Array()).kind, "text");
});
