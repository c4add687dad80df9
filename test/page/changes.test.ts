import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accessible, fitsNarrow, pageTests, shown } from "./page.ts";
import { screenshot } from "./screenshots.ts";

const pageTest = pageTests();

pageTest(
  "what was changed is listed and shown line by line, against trunk and the last commit",
  async (at) => {
    const { id, place } = await at.runner.workspace({ name: "changed", project: at.project });
    const path = place?.path ?? "";
    const change = (name: string, by: (text: string) => string) =>
      writeFileSync(join(path, name), by(readFileSync(join(path, name), "utf8")));
    change("src/server.js", (text) =>
      text.replace("3000", "4000").replace("no such ship", "there is no such ship"),
    );
    execFileSync("git", ["commit", "-aqm", "Another port"], { cwd: path });
    change("notes.txt", (text) => `${text}four`);
    renameSync(join(path, "src/berths.js"), join(path, "src/quays.js"));
    rmSync(join(path, "src/main.go"));
    writeFileSync(join(path, "src/ferry.js"), "export const ferry = true;\n");
    writeFileSync(join(path, "hidden.txt"), "a\u202eb\n");

    const one = await at.signedIn(`/w/${id}/changes`);
    const { page } = one;
    const files = page.getByRole("listbox", { name: "Changed files" });
    const names = async () =>
      (await files.getByRole("option").allInnerTexts()).map((text) => text.split("\n"));
    await shown(files.getByRole("option", { name: /modified.*server\.js/ }));
    const listed = (await names()).flat();
    for (const name of ["notes.txt", "quays.js", "main.go", "ferry.js", "server.js", "hidden.txt"]) {
      assert.ok(
        listed.some((text) => text.startsWith(name)),
        `${name} in ${listed.join(" ")}`,
      );
    }
    const lines = page.getByRole("region", { name: "Changed lines" });
    await shown(lines.getByText("U+202E"));
    await shown(lines.getByText("No line end at the end of the file"));
    await files.focus();
    await page.keyboard.press("End");
    await page.keyboard.press("Home");
    await files.getByRole("option", { name: /server\.js/ }).click();
    await shown(lines.locator("mark").getByText("4000", { exact: true }));
    await accessible(one);
    await screenshot(page, "changes", { width: 360 });
    await screenshot(page, "changes");
    await page.getByRole("button", { name: "Side by side" }).click();
    await shown(lines.locator("mark").getByText("3000", { exact: true }));
    await accessible(one);
    await screenshot(page, "changes", { width: 2560 });
    await fitsNarrow(page);

    await page.getByRole("combobox", { name: "Compared with" }).selectOption("head");
    await page.waitForURL(/base=head/);
    await shown(files.getByRole("option", { name: /ferry\.js/ }));
    await files.getByRole("option", { name: /server\.js/ }).waitFor({ state: "detached" });
    // What is written through the runner is seen without being asked for.
    await at.client.put("/v1/workspaces/{workspace}/files/content", {
      params: { path: { workspace: id }, query: { path: "later.txt" } },
      headers: { "content-type": "application/octet-stream" },
      body: Buffer.from("later\n"),
      bodySerializer: (bytes: unknown) => bytes as Buffer<ArrayBuffer>,
    });
    await shown(files.getByRole("option", { name: /later\.txt/ }));

    one.expect(/status of 40\d/);
    await page.getByRole("combobox", { name: "Compared with" }).selectOption("commit");
    await page.getByRole("textbox", { name: "Commit" }).fill("nothing-like-it");
    await page.keyboard.press("Enter");
    await shown(page.getByRole("link", { name: "workspace.start_unknown" }));
    await page.getByRole("textbox", { name: "Commit" }).fill("HEAD~1");
    await page.keyboard.press("Enter");
    await shown(files.getByRole("option", { name: /server\.js/ }));
    await files.getByRole("option", { name: /server\.js/ }).click();
    await page.getByRole("button", { name: "Open src/server.js in files" }).click();
    await shown(page.getByRole("textbox", { name: "Text of src/server.js" }));
  },
);

pageTest("fifty thousand changed lines are scrolled through with few elements", async (at) => {
  const { id, place } = await at.runner.workspace({ name: "many-lines", project: at.project });
  for (let file = 0; file < 25; file++) {
    const lines = Array.from({ length: 2000 }, (_, line) => `export const value${line} = ${line * file};\n`);
    writeFileSync(join(place?.path ?? "", `made${file}.ts`), lines.join(""));
  }
  const one = await at.signedIn(`/w/${id}/changes`);
  const { page } = one;
  await shown(page.getByText("25 files"));
  const lines = page.getByRole("region", { name: "Changed lines" });
  await shown(lines.getByRole("heading", { name: "made0.ts" }));
  const height = await lines.evaluate((box) => {
    const scrolled = box as unknown as { scrollTop: number; scrollHeight: number };
    scrolled.scrollTop = scrolled.scrollHeight;
    return scrolled.scrollHeight;
  });
  assert.ok(height > 500_000, `${height}`);
  await shown(lines.getByText("value1999 =").first());
  assert.ok((await lines.locator("[data-row]").count()) < 200);
  const before = await lines.evaluate((box) => (box as unknown as { scrollTop: number }).scrollTop);
  await page.keyboard.press("k");
  await page.waitForFunction((top) => {
    const given = globalThis as unknown as {
      document: { querySelector(selector: string): { scrollTop: number } };
    };
    return given.document.querySelector('[aria-label="Changed lines"]').scrollTop < top;
  }, before);
});
