import { pageTests, shown, who } from "./page.ts";

const pageTest = pageTests();

pageTest(
  "eight tabs of one browser hear of everything, though it makes six connections at most",
  async (at) => {
    const one = await at.signedIn("/");
    const tabs = [one.page];
    while (tabs.length < 8) {
      const page = await one.page.context().newPage();
      tabs.push(page);
      await page.goto(at.runner.url);
      await shown(who(page));
    }
    await at.client.post("/v1/workspaces", {
      body: { project: at.project, name: "heard-of", runtime: { type: "worktree" }, skip_init: true },
    });
    for (const page of tabs) await shown(page.getByRole("link", { name: "heard-of" }).first());
  },
);
