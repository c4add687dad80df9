import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { waitFor } from "../fixtures/process.ts";
import { accessible, fitsNarrow, type PageTest, pageTests, shown } from "./page.ts";

const pageTest = pageTests();

interface Opened {
  readonly id: string;
  /** Its directory on this machine. */
  readonly path: string;
  readonly read: (name: string) => string | undefined;
  readonly write: (name: string, content: string | Buffer) => void;
}

async function opened(at: PageTest, name: string): Promise<Opened> {
  const { id, place } = await at.runner.workspace({ name, project: at.project });
  const path = place?.path ?? assert.fail("no place");
  return {
    id,
    path,
    read(file) {
      try {
        return readFileSync(join(path, file), "utf8");
      } catch {
        return undefined;
      }
    },
    write: (file, content) => writeFileSync(join(path, file), content),
  };
}

const row = (page: Page, name: RegExp) => page.getByRole("treeitem", { name });
const tree = (page: Page) => page.getByRole("tree", { name: "Files" });
const text = (page: Page, path: string): Locator => page.getByRole("textbox", { name: `Text of ${path}` });

pageTest("what is open is in the address; letters and arrows lead through the tree", async (at) => {
  const { id } = await opened(at, "walked");
  const one = await at.signedIn(`/w/${id}/files`);
  const { page } = one;
  await shown(row(page, /^README\.md/));
  await tree(page).focus();
  await page.keyboard.press("Home");
  await page.keyboard.type("sr");
  await shown(page.locator('[role="treeitem"][aria-selected="true"]').filter({ hasText: "src" }));
  await page.keyboard.press("ArrowRight");
  await shown(row(page, /^server\.js/));
  await page.keyboard.press("ArrowRight");
  await page.keyboard.type("se");
  await page.keyboard.press("Enter");
  await shown(text(page, "src/server.js").getByText("createServer").first());
  assert.equal(new URL(page.url()).searchParams.get("path"), "src/server.js");
  await page.reload();
  await shown(row(page, /^tide\.py/));
  await shown(text(page, "src/server.js"));
  await fitsNarrow(page);
});

pageTest("a save keeps line ends, byte order mark and mode; what is not text is only shown", async (at) => {
  const { id, path, read, write } = await opened(at, "kept");
  write("crlf.txt", "\ufeffone\r\ntwo");
  chmodSync(join(path, "crlf.txt"), 0o754);
  const latin = Buffer.from("gr\xfc\xdfe\n", "latin1");
  write("latin.txt", latin);
  write("large.log", "a line of a log\n".repeat(200_000));
  const one = await at.signedIn(`/w/${id}/files?path=crlf.txt`);
  const { page } = one;
  await text(page, "crlf.txt").click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("!\nthree");
  await page.keyboard.press("Control+s");
  await waitFor("it is written", () => read("crlf.txt") === "\ufeffone\r\ntwo!\r\nthree");
  assert.equal(statSync(join(path, "crlf.txt")).mode & 0o777, 0o754);
  await shown(page.getByRole("button", { name: "Saved" }));
  await row(page, /^latin\.txt/).click();
  await shown(page.getByText("It is not UTF-8."));
  await shown(page.getByText("00000000  67 72 fc df 65 0a"));
  assert.deepEqual(readFileSync(join(path, "latin.txt")), latin);
  await row(page, /^large\.log/).click();
  await shown(page.getByText("Part 1 of 13"));
  await page.getByRole("button", { name: "Last" }).click();
  await shown(page.getByRole("region", { name: "Part 13 of large.log" }));
  await accessible(one);
});

pageTest(
  "both changes are merged by hand, and what is not saved is there when one comes back",
  async (at) => {
    const { id, read, write } = await opened(at, "merged");
    const one = await at.signedIn(`/w/${id}/files?path=notes.txt`);
    one.expect(/412/);
    const { page } = one;
    const editor = text(page, "notes.txt");
    await shown(editor.getByText("three"));
    write("notes.txt", "one\ntwo\nthree\nfour\n");
    await shown(editor.getByText("four"));
    await editor.click();
    await page.keyboard.press("Control+Home");
    await page.keyboard.type("mine, ");
    write("notes.txt", "theirs\ntwo\nthree\nfour\nfive\n");
    await shown(page.getByText(/was changed in the place meanwhile/));
    await page.keyboard.press("Control+s");
    const dialog = page.getByRole("dialog", { name: "notes.txt was changed meanwhile" });
    await shown(dialog.getByText("In 1 place both say something else."));
    await dialog.getByRole("button", { name: "Edit on" }).click();
    assert.equal(read("notes.txt"), "theirs\ntwo\nthree\nfour\nfive\n");
    await page.keyboard.press("Control+s");
    await dialog.getByRole("button", { name: "Merge by hand" }).click();
    await shown(editor.getByText("<<<<<<< yours"));
    await page.getByRole("tab", { name: "Events" }).click();
    await page.getByRole("tab", { name: "Files" }).click();
    await page.getByRole("button", { name: "notes.txt", exact: true }).click();
    await shown(editor.getByText("five"));
    await editor.click();
    await page.keyboard.press("Control+a");
    await page.keyboard.type("decided");
    await page.keyboard.press("Control+s");
    await waitFor("it is written", () => read("notes.txt") === "decided");
  },
);

pageTest("files are made, renamed and deleted, and nothing is replaced unasked", async (at) => {
  const { id, read } = await opened(at, "made");
  const one = await at.signedIn(`/w/${id}/files`);
  // The file is looked at as it goes.
  one.expect(/status of 404/);
  const { page } = one;
  await shown(row(page, /^README\.md/));
  await page.getByRole("button", { name: "New file" }).click();
  await page.getByRole("textbox", { name: "Name of the new file" }).fill("lib/new.ts");
  await page.keyboard.press("Enter");
  await shown(text(page, "lib/new.ts"));
  assert.equal(read("lib/new.ts"), "");
  await shown(row(page, /^new\.ts/));
  await tree(page).focus();
  await page.keyboard.press("F2");
  await page.getByRole("textbox", { name: /^New name/ }).fill("../src/server.js");
  await page.keyboard.press("Enter");
  await shown(page.getByRole("link", { name: "EEXIST" }));
  assert.match(read("src/server.js") ?? "", /createServer/);
  await tree(page).focus();
  await page.keyboard.press("F2");
  await page.getByRole("textbox", { name: /^New name/ }).fill("renamed.ts");
  await page.keyboard.press("Enter");
  await page.waitForURL(/lib%2Frenamed\.ts/);
  assert.equal(read("lib/renamed.ts"), "");
  await shown(row(page, /^renamed\.ts/));
  await tree(page).focus();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Delete");
  const dialog = page.getByRole("dialog", { name: "Delete the directory?" });
  await shown(dialog.getByText("with 1 file in it"));
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await shown(page.getByText("No file is open"));
  assert.equal(read("lib/renamed.ts"), undefined);
});

pageTest(
  "a whole directory is uploaded; a file that is there stays until it is to be replaced",
  async (at) => {
    const { id, path, read } = await opened(at, "carried");
    const local = join(at.runner.directory, "carried");
    mkdirSync(join(local, "photos/inner"), { recursive: true });
    writeFileSync(join(local, "photos/large.bin"), Buffer.alloc(8 * 1024 * 1024, 7));
    writeFileSync(join(local, "photos/inner/b.txt"), "B");
    writeFileSync(join(local, "notes.txt"), "other");
    const one = await at.signedIn(`/w/${id}/files`);
    const { page } = one;
    await shown(row(page, /^README\.md/));
    const choosing = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "More for files" }).click();
    await page.getByRole("menuitem", { name: "Upload a directory" }).click();
    await (await choosing).setFiles(join(local, "photos"));
    await shown(page.getByText("2 transfers done"));
    assert.equal(statSync(join(path, "photos/large.bin")).size, 8 * 1024 * 1024);
    assert.equal(read("photos/inner/b.txt"), "B");
    const again = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Upload files" }).click();
    await (await again).setFiles(join(local, "notes.txt"));
    await shown(page.getByText("notes.txt is there already"));
    assert.equal(read("notes.txt"), "one\ntwo\nthree\n");
    await accessible(one);
    await page.getByRole("button", { name: "Replace notes.txt" }).click();
    await waitFor("it is replaced", () => read("notes.txt") === "other");
    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: "More for files" }).click();
    await page.getByRole("menuitem", { name: "Download everything" }).click();
    const saved = await saving;
    assert.equal(saved.suggestedFilename(), "carried.tar");
    assert.ok(statSync(await saved.path()).size > 8 * 1024 * 1024);
  },
);

pageTest("who may only read sees all of it, and is offered nothing else", async (at) => {
  const { id } = await opened(at, "looked-at");
  const { secret } = await at.client.post("/v1/tokens", { body: { name: "reader", scope: "read" } });
  const one = await at.signedIn(`/w/${id}/files?path=src/tide.py`, { token: secret });
  const { page } = one;
  const editor = await shown(text(page, "src/tide.py"));
  await shown(page.getByText(/to be read only/));
  await editor.click();
  await page.keyboard.type("no");
  for (const name of [/^Save/, "New file", "New directory", "Upload files"]) {
    assert.equal(await page.getByRole("button", { name }).count(), 0, String(name));
  }
  assert.match((await editor.textContent()) ?? "", /^from dataclasses/);
  await accessible(one);
});
