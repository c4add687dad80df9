import assert from "node:assert/strict";
import { oneTimeLink, pageTests, shown, who } from "./page.ts";

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

pageTest(
  "tabs of a browser have one session: a new one is everybody's, and signing out ends it in all",
  async (at) => {
    const one = await at.signedIn("/");
    one.expect(/status of 4\d\d/, /WebSocket connection to .* failed/);
    const first = one.page;
    const second = await first.context().newPage();
    const link = async () => new URL(await oneTimeLink(at.runner), at.runner.url).href;
    const sessions = async () => (await at.client.get("/v1/sessions")).items.map(({ id }) => id);
    const [old] = await sessions();
    const used = await link();
    await second.goto(used);
    await shown(who(second));
    assert.ok(old !== undefined && !(await sessions()).includes(old), "the one before has ended");
    await at.runner.workspace({ project: at.project, name: "after-the-old-one" });
    await shown(first.getByRole("link", { name: "after-the-old-one" }).first());
    for (const page of [first, second]) {
      await page.reload();
      await shown(who(page));
    }
    await second.goto(used);
    await shown(second.getByText("this sign-in link was used already"));
    await shown(who(second));
    await second.reload();
    await shown(who(second));

    await who(second).click();
    await second.getByRole("menuitem", { name: "Sign out" }).click();
    for (const page of [first, second])
      await shown(page.getByRole("heading", { level: 1, name: "Sign in to Berth" }));
    await second.goto(await link());
    for (const page of [second, first]) await shown(who(page));
  },
);
