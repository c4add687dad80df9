import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import type { Visitor } from "../fixtures/browser.ts";
import { waitFor } from "../fixtures/process.ts";
import { accessible, fitsNarrow, inPlace, type PageTest, pageTests, shown } from "./page.ts";
import { picture } from "./project.ts";
import { screenshot } from "./screenshots.ts";

const pageTest = pageTests();

interface AtFiles {
  readonly id: string;
  /** Directory of the checkout. */
  readonly path: string;
  readonly one: Visitor;
  readonly page: Page;
}

/** A workspace of one's own, and somebody who looks at its files. */
async function atFiles(at: PageTest, name: string): Promise<AtFiles> {
  const { id, place } = await at.runner.workspace({ name, project: at.project });
  const one = await at.signedIn(`/w/${id}/files`);
  return { id, path: place?.path ?? assert.fail("no place"), one, page: one.page };
}

const inTree = (page: Page, name: string) =>
  page.getByRole("tree", { name: "Files" }).getByRole("treeitem", { name: new RegExp(`^${name}`) });

/** Drops files of this machine onto the middle of an element, as a file manager does. */
async function drop(page: Page, name: string, files: readonly string[]): Promise<void> {
  const box = (await inTree(page, name).boundingBox()) ?? assert.fail(name);
  const devtools = await page.context().newCDPSession(page);
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    await devtools.send("Input.dispatchDragEvent", { type, ...at, data });
  }
}

pageTest(
  "a file is edited and saved; one that was changed meanwhile is shown with both, and either can be kept",
  async (at) => {
    const { id, path, one, page } = await atFiles(at, "edit");
    await inTree(page, "src").click();
    await inTree(page, "tide.py").click();
    const editor = page.getByRole("textbox", { name: "src/tide.py" });
    await shown(editor);
    await accessible(one);
    await fitsNarrow(page);
    await screenshot(page, "files");
    const file = join(path, "src/tide.py");
    const before = readFileSync(file, "utf8");
    const write = async (text: string) => {
      await editor.focus();
      await page.keyboard.press("Control+Home");
      await page.keyboard.type(text);
      await page.keyboard.press("Enter");
    };
    await write("# Grüße");
    await page.keyboard.press("Control+s");
    await shown(page.getByRole("button", { name: "Saved" }));
    assert.equal(readFileSync(file, "utf8"), `# Grüße\n${before}`);

    one.expect(/status of 412/);
    const meanwhile = `# by somebody else\n${before}`;
    await write("# mine");
    writeFileSync(file, meanwhile);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    const dialog = await shown(page.getByRole("dialog", { name: "src/tide.py was changed meanwhile" }));
    assert.equal(readFileSync(file, "utf8"), meanwhile, "nothing was written over");
    await accessible(one);
    await fitsNarrow(page);
    await screenshot(page, "file-conflict");
    await dialog.getByRole("button", { name: "Keep mine" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal(readFileSync(file, "utf8"), `# mine\n# Grüße\n${before}`);

    await write("# given up");
    writeFileSync(file, meanwhile);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await dialog.getByRole("button", { name: "Take theirs" }).click();
    await shown(editor.getByText("# by somebody else"));
    assert.equal(readFileSync(file, "utf8"), meanwhile);
    assert.equal(await editor.getByText("# given up").count(), 0);
    await inPlace(at, id, "git checkout -q .");
  },
);

pageTest(
  "a picture is shown; files that are dropped are there byte for byte, and come back so",
  async (at) => {
    const { path, one, page } = await atFiles(at, "move");
    await inTree(page, "pictures").click();
    await inTree(page, "flag.png").click();
    const image = await shown(page.getByRole("img", { name: "flag.png" }));
    await waitFor("the picture", () =>
      image.evaluate((element) => (element as unknown as { naturalWidth: number }).naturalWidth === 96),
    );
    await accessible(one);
    await screenshot(page, "image");
    const from = join(at.runner.directory, "dropped");
    mkdirSync(from, { recursive: true });
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 251));
    writeFileSync(join(from, "tides 日本.bin"), bytes);
    writeFileSync(join(from, "small.png"), picture(16));
    await drop(page, "pictures", [join(from, "tides 日本.bin"), join(from, "small.png")]);
    await shown(inTree(page, "small.png"));
    await shown(inTree(page, "tides 日本.bin"));
    await waitFor("the bytes", () => readFileSync(join(path, "pictures/tides 日本.bin")).equals(bytes));
    await inTree(page, "tides 日本.bin").click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download the file" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "tides 日本.bin");
    assert.ok(readFileSync(await download.path()).equals(bytes));
    await accessible(one);
  },
);

pageTest("the tree is walked by keys; what is made, renamed and removed in the place is seen", async (at) => {
  const { path, one, page } = await atFiles(at, "tree");
  const tree = await shown(page.getByRole("tree", { name: "Files" }));
  await tree.focus();
  await shown(inTree(page, "docs"));
  for (const key of ["Home", "ArrowRight"]) await page.keyboard.press(key);
  await shown(inTree(page, "übersicht"));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/[?&]path=docs/);
  await shown(page.getByRole("textbox", { name: "docs/übersicht 日本.txt" }));
  writeFileSync(join(path, "made-since.txt"), "new\n");
  await shown(inTree(page, "made-since.txt"));
  await inTree(page, "made-since.txt").click();
  await page.getByRole("button", { name: "More for files" }).click();
  await page.getByRole("menuitem", { name: "Delete made-since.txt" }).click();
  const dialog = await shown(page.getByRole("dialog"));
  await accessible(one);
  await dialog.getByRole("button", { name: /^Delete/ }).click();
  await inTree(page, "made-since.txt").waitFor({ state: "detached" });
});
