import assert from "node:assert/strict";
import type { TextRead } from "../../../src/contract/text.ts";
import type { Case } from "../case.ts";
import { refused } from "../kit.ts";

type Text = Extract<TextRead, { kind: "text" }>;

function asText(read: TextRead): Text {
  assert.equal(read.kind, "text");
  return read as Text;
}

const linesOf = (read: TextRead): string[] => asText(read).lines.map(({ text }) => text);

/** Files 8: texts by their lines. */
export const READ_TEXT: readonly Case[] = [
  {
    id: "files.8.lines",
    title:
      "ranges of lines by number, from the end too; totals, line ends and byte order mark; the same version again",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      await runtime.fs.writeFile(path, "\ufeffone\r\ntwo\r\n\r\nlast");
      const whole = asText(await runtime.fs.readText(path));
      assert.deepEqual(linesOf(whole), ["one", "two", "", "last"]);
      const { totalLines, lineEnd, finalLineEnd, byteOrderMark, invalidUtf8, size } = whole;
      assert.deepEqual(
        { totalLines, lineEnd, finalLineEnd, byteOrderMark, invalidUtf8, size },
        {
          totalLines: 4,
          lineEnd: "crlf",
          finalLineEnd: false,
          byteOrderMark: true,
          invalidUtf8: false,
          size: 19,
        },
      );
      const middle = asText(await runtime.fs.readText(path, { startLine: 2, maxLines: 1 }));
      assert.deepEqual(middle.lines, [{ number: 2, text: "two" }]);
      assert.equal(middle.nextLine, 3);
      assert.equal(middle.version, whole.version);
      assert.deepEqual(linesOf(await runtime.fs.readText(path, { startLine: -2 })), ["", "last"]);
      assert.deepEqual(linesOf(await runtime.fs.readText(path, { startLine: 9 })), []);
      await runtime.fs.writeFile(path, "\ufeffone\r\ntwo\r\n\r\nLAST");
      assert.notEqual((await runtime.fs.readText(path)).version, whole.version);
      await runtime.fs.writeFile(path, "");
      const empty = asText(await runtime.fs.readText(path));
      assert.deepEqual([empty.totalLines, empty.lines.length, empty.lineEnd], [0, 0, "none"]);
    },
  },
  {
    id: "files.8.limits",
    title: "a line of 5 MB is cut at a character, whole lines are left away, and it is said where to read on",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      await runtime.fs.writeFile(path, `${"é".repeat(2_500_000)}\n${"x\n".repeat(100)}`);
      const read = asText(await runtime.fs.readText(path, { maxLineBytes: 11, maxBytes: 15 }));
      assert.deepEqual(read.lines, [
        { number: 1, text: "ééééé", cutBytes: 4_999_990 },
        { number: 2, text: "x" },
        { number: 3, text: "x" },
      ]);
      assert.equal(read.nextLine, 4);
      assert.equal(read.totalLines, 101);
    },
  },
  {
    id: "files.8.kinds",
    title:
      "images come by their signature, with their bytes when asked for; NUL and UTF-16 are no text; SVG is",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const png = Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(70_000, 7)]);
      await runtime.fs.writeFile(`${path}/image`, png);
      await runtime.fs.writeFile(`${path}/binary`, "a\0b");
      await runtime.fs.writeFile(`${path}/utf16`, Buffer.from("\ufeffa", "utf16le"));
      await runtime.fs.writeFile(`${path}/a.svg`, "<svg/>");
      await runtime.fs.writeFile(`${path}/latin`, Uint8Array.of(0x61, 0xe4, 0x0a));
      const image = await runtime.fs.readText(`${path}/image`, { maxImageBytes: 100_000 });
      assert.ok(image.kind === "image" && image.mediaType === "image/png");
      assert.ok(png.equals(image.data ?? Buffer.alloc(0)));
      const small = await runtime.fs.readText(`${path}/image`, { maxImageBytes: 100 });
      assert.ok(small.kind === "image" && small.data === undefined);
      assert.equal((await runtime.fs.readText(`${path}/binary`)).kind, "binary");
      const utf16 = await runtime.fs.readText(`${path}/utf16`);
      assert.ok(utf16.kind === "binary" && utf16.mediaType === "text/plain; charset=utf-16le");
      assert.deepEqual(linesOf(await runtime.fs.readText(`${path}/a.svg`)), ["<svg/>"]);
      const latin = asText(await runtime.fs.readText(`${path}/latin`));
      assert.deepEqual([latin.invalidUtf8, linesOf(latin)], [true, ["a\ufffd"]]);
    },
  },
  {
    id: "files.8.no-file",
    title: "what is no file is refused and never waited for; files of /proc have their content",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.exec(["mkfifo", `${path}/fifo`]);
      await refused(runtime.fs.readText(`${path}/fifo`), "fs.not_a_regular_file");
      await refused(runtime.fs.readText("/dev/zero"), "fs.not_a_regular_file");
      await refused(runtime.fs.readText(path), "EISDIR");
      await refused(runtime.fs.readText(`${path}/nothing`), "ENOENT");
      assert.ok(asText(await runtime.fs.readText("/proc/cpuinfo")).totalLines > 0);
    },
  },
];
