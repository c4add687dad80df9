import assert from "node:assert/strict";
import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileTools, textOf } from "../fixtures/file-tools.ts";

function numbered(from: number, ...lines: string[]): string {
  return lines.map((line, index) => `${String(from + index).padStart(6)}\t${line}`).join("\n");
}

const LINES = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`);

test("file_read: lines with their numbers, from an offset, from the end, and how to go on", async () => {
  await using hands = await fileTools();
  await writeFile(join(hands.root, "a.txt"), `${LINES.join("\n")}\n`);
  assert.equal(await hands.text("file_read", { path: "a.txt" }), numbered(1, ...LINES));
  assert.equal(
    await hands.text("file_read", { path: join(hands.root, "a.txt"), offset: 5, limit: 2 }),
    `${numbered(5, "line 5", "line 6")}\n[lines 5 to 6 of 30; go on with offset: 7]`,
  );
  assert.equal(
    await hands.text("file_read", { path: "./a.txt", offset: -2 }),
    `${numbered(29, "line 29", "line 30")}\n[lines 29 to 30 of 30]`,
  );
  assert.equal(await hands.text("file_read", { path: "a.txt", offset: 31 }), "[the file has only 30 lines]");
  assert.equal(
    await hands.text("file_read", { path: "a.txt", offset: 0, limit: 1 }),
    `${numbered(1, "line 1")}\n[lines 1 to 1 of 30; go on with offset: 2]`,
  );
});

test("file_read: what lines alone do not tell is said", async () => {
  await using hands = await fileTools();
  const at = (name: string) => join(hands.root, name);
  await writeFile(at("empty"), "");
  await writeFile(at("crlf"), "a\r\nb\r\n");
  await writeFile(at("open"), "a\nb");
  await writeFile(at("mixed"), "a\r\nb\n");
  await writeFile(at("mark"), "\ufeffa\n");
  await writeFile(at("latin1"), Buffer.from("caf\xe9\n", "latin1"));
  await writeFile(at("long"), `${"x".repeat(5_000_000)}é\nnext\n`);
  await writeFile(at("binary"), Buffer.from([1, 0, 2, 3]));
  await writeFile(at("late-nul"), `${"x\n".repeat(70_000)}\0\n`);
  const read = (path: string) => hands.text("file_read", { path, limit: 3 });
  assert.equal(await read("empty"), "[the file is empty]");
  assert.match(await read("crlf"), /^ {5}1\ta\n {5}2\tb\n\[its line ends are CRLF/);
  assert.match(await read("open"), /\tb\n\[no line end at its end\]$/);
  assert.match(await read("mixed"), /mixed\]$/);
  assert.match(await read("mark"), /^ {5}1\ta\n\[it begins with a byte order mark\]$/);
  assert.match(await read("latin1"), /caf\ufffd\n\[bytes that are no UTF-8/);
  assert.match(await read("long"), /^ {5}1\tx{2000} … 4,998,002 bytes of this line left out …\n {5}2\tnext$/);
  assert.equal(await read("binary"), "[binary file, 4 bytes: not shown]");
  assert.match(await hands.text("file_read", { path: "late-nul", offset: -1 }), /\t\0\n/);
});

test("file_read: a file of 200 MB is read by its end, and takes no memory", async () => {
  await using hands = await fileTools();
  const path = join(hands.root, "large");
  await writeFile(path, "first\n".repeat(20_000));
  await truncate(path, 200 * 2 ** 20);
  const before = process.memoryUsage().rss;
  assert.match(
    await hands.text("file_read", { path: "large", limit: 1 }),
    /\tfirst\n\[lines 1 to 1 of 20,001; go on/,
  );
  assert.ok(process.memoryUsage().rss - before < 100 * 2 ** 20, "it is not held in memory");
});

test("file_read: more than there is room for is cut behind a line, with the offset to go on with", async () => {
  await using hands = await fileTools({ limits: { maxBytes: 1_000, maxLines: 100 } });
  await writeFile(join(hands.root, "a.txt"), "x".repeat(99).concat("\n").repeat(50));
  const result = await hands.tools.call("file_read", { path: "a.txt" });
  const text = textOf(result);
  assert.match(text, /\n\[lines 1 to 9 of 50; go on with offset: 10\]$/);
  assert.deepEqual(
    (result.output as { files: { next_line: number; last_line: number }[] }).files.map(
      ({ next_line, last_line }) => [last_line, next_line],
    ),
    [[9, 10]],
  );
  assert.match(await hands.text("file_read", { path: "a.txt", offset: 49 }), /lines 49 to 50 of 50\]$/);
});

test("file_read: several files in one round trip, each with its range; room is shared", async () => {
  await using hands = await fileTools({ limits: { maxBytes: 2_000 } });
  await writeFile(join(hands.root, "large"), "x".repeat(49).concat("\n").repeat(200));
  await writeFile(join(hands.root, "small"), "1\n2\n3\n");
  hands.requests();
  const text = await hands.text("file_read", {
    files: [{ path: "large" }, { path: "small", offset: 2, limit: 1 }, { path: "small/missing" }],
  });
  assert.equal(hands.together >= 3, true, "all were asked for at once");
  assert.match(text, /^==> large <==\n {5}1\tx+\n/);
  assert.match(text, /lines 1 to 3\d of 200; go on with offset: 3\d\]/);
  assert.match(
    text,
    /\n\n==> small <==\n {5}2\t2\n\[lines 2 to 2 of 3; go on with offset: 3\]\n\n==> small\/missing <==\n\[/,
  );
  hands.requests();
  await hands.text("file_read", { files: [{ path: "large" }, { path: "small" }] });
  assert.deepEqual(hands.requests(), ["readText", "readText"]);
});

test("file_read: images are shown, up to the limit", async () => {
  await using hands = await fileTools({ limits: { maxImageBytes: 1_000 } });
  const png = Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(800)]);
  await writeFile(join(hands.root, "a.png"), png);
  await writeFile(join(hands.root, "b.png"), Buffer.concat([png, png]));
  const { content } = await hands.tools.call("file_read", { path: "a.png" });
  assert.deepEqual(content, [
    { type: "text", text: "[image/png, 808 bytes]" },
    { type: "image", mediaType: "image/png", data: new Uint8Array(png) },
  ]);
  assert.match(
    await hands.text("file_read", { path: "b.png" }),
    /1,616 bytes: not shown, as it is larger than 1,000/,
  );
});

test("file_read: a missing file names what may be meant, a directory the tool for it", async () => {
  await using hands = await fileTools();
  await mkdir(join(hands.root, "src/deep"), { recursive: true });
  await writeFile(join(hands.root, "src/Reader.ts"), "");
  await writeFile(join(hands.root, "src/deep/thing.ts"), "");
  assert.match(
    await hands.refused("file_read", { path: "src/reader.js" }, "ENOENT"),
    /There is: src\/Reader\.ts/,
  );
  assert.match(
    await hands.refused("file_read", { path: "thing.ts" }, "ENOENT"),
    /There is: src\/deep\/thing\.ts/,
  );
  assert.match(await hands.refused("file_read", { path: "gone/nothing.xyz" }, "ENOENT"), /glob or list/);
  assert.match(await hands.refused("file_read", { path: "src" }, "EISDIR"), /list/);
  await symlink("nowhere", join(hands.root, "dangling"));
  assert.match(
    await hands.refused("file_read", { path: "dangling" }, "ENOENT"),
    /is a link to what is not there/,
  );
  const both = await hands.refused("file_read", { files: [{ path: "x1" }, { path: "x2" }] }, "ENOENT");
  assert.match(both, /none of the files could be read: there is no x1; there is no x2/);
});

test("file_read: input that does not fit is told, and nothing is asked of the place", async () => {
  await using hands = await fileTools();
  hands.requests();
  for (const input of [
    {},
    { path: "a", files: [{ path: "b" }] },
    { files: [] },
    { path: "a", limit: 0 },
    { paths: ["a"] },
  ]) {
    await hands.refused("file_read", input, "tool.input_invalid");
  }
  assert.deepEqual(hands.requests(), []);
});

test("all file tools stay inside of the root, whatever the way out", async () => {
  await using hands = await fileTools();
  await writeFile(join(hands.outside, "secret.txt"), "outside\n");
  await symlink(hands.outside, join(hands.root, "link"));
  await symlink(join(hands.outside, "secret.txt"), join(hands.root, "file-link"));
  await symlink("/", join(hands.root, "all"));
  for (const path of [
    "../outside/secret.txt",
    join(hands.outside, "secret.txt"),
    "link/secret.txt",
    "file-link",
    `all${hands.outside}/secret.txt`,
    "/etc/hostname",
    "~/x",
  ]) {
    for (const [tool, input] of [
      ["file_read", { path }],
      ["file_write", { path, content: "x" }],
      ["file_edit", { path, edits: [{ old_text: "outside", new_text: "x" }] }],
      ["apply_patch", { patch: `*** Begin Patch\n*** Update File: ${path}\n-outside\n+x\n*** End Patch` }],
      ["apply_patch", { patch: `*** Begin Patch\n*** Delete File: ${path}\n*** End Patch` }],
      ["grep", { path, pattern: "outside" }],
    ] as const) {
      const isLinkItself = path === "file-link" && "patch" in input && input.patch.includes("Delete");
      if (isLinkItself) continue;
      await hands.refused(tool, input, "fs.outside_workspace");
    }
  }
  for (const [tool, input] of [
    ["list", { path: "link" }],
    ["glob", { pattern: "**/*", path: "link" }],
    ["glob", { pattern: "../outside/*" }],
    ["glob", { pattern: `${hands.outside}/**` }],
    ["file_write", { path: "link/new.txt", content: "x" }],
  ] as const) {
    await hands.refused(tool, input, "fs.outside_workspace");
  }
  assert.doesNotMatch(await hands.text("grep", { pattern: "outside" }), /secret/);
});

test("extra roots may be used, and are named by their absolute paths", async () => {
  const outer = await fileTools();
  await using _ = outer;
  await using hands = await fileTools({ extraRoots: [outer.outside] });
  const path = join(outer.outside, "kept.txt");
  await writeFile(path, "all of it\n");
  assert.match(await hands.text("file_read", { path }), /all of it/);
  assert.equal(await hands.text("grep", { pattern: "all", path: outer.outside }), `${path}:1:all of it`);
});

test("secrets are masked in what is shown, also where a line was cut", async () => {
  const secret = "correct-horse-battery-staple";
  await using hands = await fileTools({ secrets: [secret], limits: { maxLineBytes: 100 } });
  await writeFile(join(hands.root, "env"), `KEY=${secret}\n${"x".repeat(90)}${secret}\n`);
  const text = await hands.text("file_read", { path: "env" });
  assert.match(text, /KEY=\[secret\]/);
  assert.doesNotMatch(text, /correct/);
  assert.doesNotMatch(await hands.text("grep", { pattern: "KEY|x" }), /correct|staple/);
});
