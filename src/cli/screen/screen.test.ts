import assert from "node:assert/strict";
import { test } from "node:test";
import type { Terminal } from "@xterm/headless";
import type { TtySize } from "../../contract/process.ts";
import { charWidth } from "./char-width.ts";
import { Screen } from "./screen.ts";
import { cells, emulator, write } from "./testing.ts";

const SIZE: TtySize = { columns: 40, rows: 10 };

const terminal = (size = SIZE): Terminal => emulator(size);

/** One that saw everything, and one that saw the first part only as it is drawn again. */
async function pair(before: string, after = ""): Promise<[Terminal, Terminal]> {
  const whole = terminal();
  await write(whole, before);
  using screen = new Screen(SIZE);
  await screen.write(Buffer.from(before));
  const again = terminal();
  const held = screen.heldBytes;
  await write(again, screen.drawing());
  await write(again, Buffer.from(before).subarray(Buffer.byteLength(before) - held));
  await write(whole, after);
  await write(again, after);
  return [whole, again];
}

async function same(before: string, after = ""): Promise<void> {
  const [whole, again] = await pair(before, after);
  assert.deepEqual(cells(again), cells(whole), JSON.stringify([before, after]));
  assert.deepEqual(again.modes, whole.modes, JSON.stringify(before));
}

test("text, colours, wide characters, emoji and combining ones are drawn again as they are", async () => {
  await same("plain\r\n\x1b[1;31mred\x1b[0m \x1b[38;5;200mpalette\x1b[48;2;1;2;3mtrue\x1b[m");
  await same("日本語 and 한국어\r\n😀 emoji 🚀 e\u0301 combining\r\n");
  await same(`${"日".repeat(19)}x日wide at the edge`);
  await same("\x1b[44m\x1b[2J\x1b[5;5Hon blue", "\x1b[K more");
});

test("the cursor, its colours and its place behind the last column are kept for what follows", async () => {
  await same("one\r\ntwo\x1b[A\x1b[3C\x1b[32m", "green here");
  await same("x".repeat(40), "wraps");
  await same(`\x1b[2;5r\x1b[3;1H${"x".repeat(40)}`, "wraps in the region");
});

test("a scroll region goes on scrolling only itself", async () => {
  const lines = Array.from({ length: 9 }, (_, index) => `line ${index}`).join("\r\n");
  await same(`${lines}\x1b[3;6r\x1b[6;1H`, "\r\nscrolled\r\nagain");
  await same(`${lines}\x1b[3;6r\x1b[r\x1b[9;1H`, "\r\nnot\r\nany more");
});

test("lines above the screen come with it", async () => {
  const [whole, again] = await pair(Array.from({ length: 50 }, (_, index) => `line ${index}`).join("\r\n"));
  const all = (of: Terminal) =>
    Array.from({ length: of.buffer.active.length }, (_, row) =>
      of.buffer.active.getLine(row)?.translateToString(true),
    );
  assert.deepEqual(all(again), all(whole));
  assert.equal(again.buffer.active.baseY, 40);
});

test("the other screen of full-screen programs, and the first one behind it", async () => {
  const shell = "$ vim\r\n";
  await same(`${shell}\x1b[?1049h\x1b[2J\x1b[H~\r\n~\x1b[10;1H-- INSERT --\x1b[1;1H`, "typed");
  await same(`${shell}\x1b[?1049h\x1b[2J\x1b[Hfull`, "\x1b[?1049l$ back");
  await same(`${shell}\x1b[?1049h\x1b[2J\x1b[2;8r\x1b[8;1Hlast`, "\r\nnext\x1b[r\x1b[?1049l$ back");
});

test("a saved cursor, origin mode, insert mode and line drawing go on", async () => {
  await same("abc\x1b7\x1b[5;5Hdef", "\x1b8ghi");
  await same("\x1b[3;8r\x1b[?6h\x1b[2;2Hin", "side\x1b[1;1Htop");
  await same("abc\x1b[4h\x1b[1;2H", "X");
  await same("\x1b(0lqqk", "mqqj\x1b(B ascii");
});

/** What another terminal is sent for what this one was sent. */
async function drawn(text: string): Promise<string> {
  using screen = new Screen(SIZE);
  await screen.write(Buffer.from(text));
  const everything = screen
    .drawing()
    .replace(/^(\r\n)*\x1b\[1;1H\x1b\[0m\x1b7\x1b\[0m\x1b\[1;1H\x1b\[0m/, "");
  return everything;
}

test("modes that a program has set are set again, and those that it ended are not", async () => {
  const set =
    "\x1b[?1h\x1b=\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?1004h\x1b[?25l\x1b[?7l\x1b[4 q\x1b[>4;2m\x1b[>5u\x1b]2;a title\x07";
  const again = await drawn(set);
  for (const sequence of set.match(/\x1b(\[[^\x1b]*|\][^\x07]*\x07|=)/g) ?? [])
    assert.ok(again.includes(sequence), JSON.stringify(sequence));
  const ended =
    "\x1b[?1l\x1b>\x1b[?2004l\x1b[?1002l\x1b[?1006l\x1b[?1004l\x1b[?25h\x1b[?7h\x1b[0 q\x1b[>4;0m\x1b[<u\x1b]2;\x07";
  assert.equal(await drawn(set + ended), "");
  assert.equal(await drawn(`${set}\x1bc\x1b]2;\x07`), "");
});

test("a question of a program is not asked again", async () => {
  const questions = "\x1b[c\x1b[>c\x1b[6n\x1b[?25$p\x1b]11;?\x07\x1b[?u\x1b[14t";
  assert.equal(await drawn(questions), "");
});

test("a title steers nothing", async () => {
  assert.equal(await drawn("\x1b]2;a\x7f\tb\x07"), "\x1b]2;ab\x07");
});

test("a terminal of another size is drawn as one that was resized", async () => {
  const text = `${Array.from({ length: 30 }, (_, index) => `line ${index} ${"x".repeat(30)}`).join("\r\n")}\r\n$ `;
  for (const size of [
    { columns: 60, rows: 20 },
    { columns: 20, rows: 5 },
  ]) {
    const whole = terminal();
    await write(whole, text);
    whole.resize(size.columns, size.rows);
    using screen = new Screen(SIZE);
    await screen.write(Buffer.from(text));
    await screen.resize(size);
    const again = terminal(size);
    await write(again, screen.drawing());
    assert.deepEqual(cells(again), cells(whole));
  }
});

test("a cut anywhere in a stream of sequences loses and repeats nothing", async () => {
  // Xorshift: the same stream each time.
  let state = 20_261_121;
  const random = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  let isFull = false;
  const pieces = [
    () => "text ",
    () => "x".repeat(random(45)),
    () => "日本",
    () => "😀",
    () => "\r\n",
    () => "\n",
    () => `\x1b[${random(10) + 1};${random(40) + 1}H`,
    () => `\x1b[${random(8) + 30};${random(8) + 40};${[0, 1, 3, 4, 7][random(5)]}m`,
    () => "\x1b[m",
    () => `\x1b[${random(3)}K`,
    () => `\x1b[${random(2) * 2}J`,
    () => `\x1b[${random(3) + 1}L`,
    () => `\x1b[${random(3) + 1}M`,
    () => `\x1b[${random(3) + 1}P`,
    () => `\x1b[${random(3) + 1}@`,
    () => `\x1b[${random(3) + 1}S`,
    () => "\x1bM",
    () => {
      isFull = !isFull;
      return `\x1b[?1049${isFull ? "h" : "l"}`;
    },
    () => `\x1b[${random(4) + 1};${random(4) + 6}r`,
    () => "\x1b[r",
    () => "\t",
    () => "\b",
  ];
  for (let turn = 0; turn < 120; turn++) {
    isFull = false;
    const stream = Array.from({ length: 60 }, () => pieces[random(pieces.length)]?.() ?? "");
    const at = random(stream.length);
    await same(stream.slice(0, at).join(""), stream.slice(at).join(""));
  }
});

test("widths are those of today's terminals", () => {
  const widths = [..."aé日한😀🚀\u0301\u200d\ufe0f〒─█"].map((character) =>
    charWidth(character.codePointAt(0) ?? 0),
  );
  assert.deepEqual(widths, [1, 1, 2, 2, 2, 2, 0, 0, 0, 2, 1, 1]);
});
