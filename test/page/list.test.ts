import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { Page } from "playwright-core";
import { accessible, fitsNarrow, inPlace, pageTests, shown } from "./page.ts";
import { screenshot } from "./screenshots.ts";

const pageTest = pageTests();

/** The row of a workspace in the list. */
function rowOf(page: Page, name: string) {
  return page.getByRole("listitem").filter({ has: page.getByRole("link", { name, exact: true }) });
}

async function act(page: Page, name: string, item: string): Promise<void> {
  await rowOf(page, name)
    .getByRole("button", { name: `Actions for ${name}` })
    .click();
  await page.getByRole("menuitem", { name: item }).click();
}

pageTest("a runner without workspaces says what one is and how the first is made", async (at) => {
  const one = await at.signedIn();
  await shown(one.page.getByText("No workspaces yet"));
  await shown(one.page.getByRole("link", { name: "Make the first one" }));
  await accessible(one);
  await fitsNarrow(one.page);
  await screenshot(one.page, "workspaces-empty");
});

pageTest("the list tells what runs where, and what happens while one looks at it", async (at) => {
  const one = await at.signedIn();
  const { page } = one;
  const { id } = await at.runner.workspace({ name: "fix-login", project: at.project });
  const row = rowOf(page, "fix-login");
  await shown(row.getByText("worktree", { exact: true }));
  await inPlace(at, id, "printf 'two\\nthree\\nfour\\nfive\\n' > notes.txt; echo new > untracked.txt");
  await at.client.post("/v1/workspaces/{workspace}/processes", {
    params: { path: { workspace: id } },
    body: { command: ["sleep", "1000"], name: "server", detached: true },
  });
  await shown(row.getByText("connected", { exact: true }));
  await shown(row.getByRole("link", { name: "1 running" }));
  await shown(row.getByText("in 2 files"));
  await at.runner.workspace({ name: "tidy-up", project: at.project, runtime: { type: "local" } });
  await shown(rowOf(page, "tidy-up").getByText("local", { exact: true }));

  const find = page.getByRole("searchbox", { name: "Find" });
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("/");
  await page.keyboard.type("fix-l");
  assert.equal(await find.inputValue(), "fix-l");
  await rowOf(page, "tidy-up").waitFor({ state: "detached" });
  await page.reload();
  await shown(row);
  assert.equal(await rowOf(page, "tidy-up").count(), 0, "the filter is kept in the address");
  await find.fill("nothing is called so");
  await shown(page.getByText("No workspace is like that"));
  await page.getByRole("link", { name: "Show all" }).click();
  await shown(rowOf(page, "tidy-up"));
  await accessible(one);
  await fitsNarrow(page);
});

pageTest("a workspace is renamed and forked; a name that can't be is marked at its field", async (at) => {
  const { id } = await at.runner.workspace({ name: "first-try", project: at.project });
  await inPlace(at, id, "echo kept > only-here.txt");
  const one = await at.signedIn();
  const { page } = one;
  await act(page, "first-try", "Rename…");
  const rename = await shown(page.getByRole("dialog", { name: "Rename first-try" }));
  const name = rename.getByRole("textbox", { name: "Name" });
  await name.fill("not a name");
  assert.equal(await name.getAttribute("aria-invalid"), "true");
  await accessible(one);
  await name.fill("second-try");
  await rename.getByRole("button", { name: "Rename" }).click();
  await rename.waitFor({ state: "detached" });
  await shown(rowOf(page, "second-try"));

  await act(page, "second-try", "Fork…");
  const fork = await shown(page.getByRole("dialog", { name: "Fork second-try" }));
  await fork.getByRole("textbox", { name: "Name" }).fill("third-try");
  await fork.getByRole("button", { name: "Fork" }).click();
  await shown(rowOf(page, "third-try"));
  await shown(page.getByRole("button", { name: /^Operations: 0 running, 0 failed/ }));
  const { items } = await at.client.get("/v1/workspaces", {});
  const forked = items.find((one) => one.name === "third-try");
  assert.ok(forked);
  assert.equal(await inPlace(at, forked.id, "cat only-here.txt"), "kept\n");
  await at.client.delete("/v1/workspaces/{workspace}", {
    params: { path: { workspace: forked.id }, query: { force: true } },
  });
});

pageTest(
  "deleting is refused with what would be lost; its name, typed, deletes it all the same",
  async (at) => {
    const { id, place } = await at.runner.workspace({ name: "risky", project: at.project });
    await inPlace(at, id, "echo new > never-committed.txt; git commit -q --allow-empty -m 'Only a thought'");
    const directory = place?.path ?? "";
    assert.ok(existsSync(directory));
    const one = await at.signedIn();
    const { page } = one;
    one.expect(/status of 409/);
    await act(page, "risky", "Delete…");
    const dialog = await shown(page.getByRole("dialog", { name: "Delete risky" }));
    await dialog.getByRole("button", { name: "Delete" }).click();
    await shown(dialog.getByText("This would be lost"));
    await shown(dialog.getByText("never-committed.txt"));
    await shown(dialog.getByText("Only a thought"));
    await accessible(one);
    await fitsNarrow(page);
    await screenshot(page, "delete");
    const lose = dialog.getByRole("button", { name: "Delete and lose this" });
    assert.equal(await lose.isDisabled(), true);
    assert.ok(existsSync(directory));
    await dialog.getByRole("textbox", { name: /^Type risky/ }).fill("risky");
    await lose.click();
    await dialog.waitFor({ state: "detached" });
    await rowOf(page, "risky").waitFor({ state: "detached" });
    assert.ok(!existsSync(directory));
  },
);

pageTest("a token that may only look is offered nothing that it can't do", async (at) => {
  const { secret } = await at.client.post("/v1/tokens", { body: { name: "looker", scope: "read" } });
  const one = await at.signedIn("/", { token: secret });
  const { page } = one;
  await rowOf(page, "second-try").getByRole("button", { name: "Actions for second-try" }).click();
  await shown(page.getByRole("menuitem", { name: "Open" }));
  assert.equal(await page.getByRole("menuitem", { name: "Delete…" }).count(), 0);
  assert.equal(await page.getByRole("link", { name: "New workspace", exact: true }).count(), 0);
});
