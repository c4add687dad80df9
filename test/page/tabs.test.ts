import { pageTests, shown, who } from "./page.ts";

const pageTest = pageTests();

pageTest("twelve tabs of one browser work at once, each with its own streams", async (at) => {
  const { id } = await at.runner.workspace({ project: at.project, name: "tabs" });
  const one = await at.signedIn("/");
  const context = one.page.context();
  const tabs = [one.page];
  for (let n = 0; n < 11; n++) {
    const page = await context.newPage();
    tabs.push(page);
    // Its files are watched: a second stream.
    await page.goto(new URL(`/w/${id}/files`, at.runner.url).href);
    await shown(who(page));
    await shown(page.getByRole("treeitem", { name: /README/ }));
  }
  await at.runner.workspace({ project: at.project, name: "seen-by-all" });
  for (const page of tabs) {
    await page.goto(at.runner.url);
    await shown(page.getByRole("link", { name: "seen-by-all" }).first());
  }
});
