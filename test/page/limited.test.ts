import assert from "node:assert/strict";
import { pageTests, shown } from "./page.ts";

const pageTest = pageTests();

pageTest("what a token may not do is not offered, and nothing is asked that would be refused", async (at) => {
  const own = await at.runner.workspace({ project: at.project, name: "own" });
  await at.runner.workspace({ project: at.project, name: "of-others" });
  for (const scope of ["read", "operate"] as const) {
    const body = { name: scope, scope, workspaces: [own.id] };
    const { secret } = await at.client.post("/v1/tokens", { body });
    const one = await at.signedIn("/", { token: secret });
    const { page } = one;
    await shown(page.getByRole("link", { name: "own" }).first());
    assert.equal(
      await page
        .getByRole("link", { name: /New/ })
        .or(page.getByRole("button", { name: /^New/ }))
        .count(),
      0,
    );
    await page.keyboard.press("c");
    assert.equal(new URL(page.url()).pathname, "/");
    for (const path of ["/new", "/events", "/access"])
      await one.open(() => at.runner.url + path, page.getByRole("heading", { level: 1 }));
    for (const tab of ["terminals", "processes", "files", "changes", "ports", "events", "settings"]) {
      await one.open(
        () => `${at.runner.url}/w/${own.id}/${tab}`,
        page.getByRole("tab", { name: tab, exact: false }),
      );
      await page.waitForLoadState("networkidle");
      assert.equal(await page.getByText("of-others").count(), 0);
      assert.equal(await page.getByText("auth.forbidden").count(), 0, tab);
    }
    // A call that was refused would be among the problems that the visitor is asked for at the end.
  }
});
