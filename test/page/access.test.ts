import assert from "node:assert/strict";
import { accessible, fitsNarrow, pageTests, shown, who } from "./page.ts";
import { screenshot } from "./screenshots.ts";

const pageTest = pageTests();

pageTest(
  "a token is made, shown once, used within its limits, and revoked with the browsers it signed in",
  async (at) => {
    const { id } = await at.runner.workspace({ name: "shared", project: at.project });
    const other = await at.runner.workspace({ name: "private", project: at.project });
    const one = await at.signedIn("/access");
    const { page } = one;
    await page.getByRole("button", { name: "New token" }).click();
    const form = page.getByRole("dialog", { name: "New token" });
    await form.getByRole("button", { name: "Make the token" }).click();
    await shown(form.getByText("has to have a name"));
    await form.getByRole("textbox", { name: "Name" }).fill("ci");
    await form.getByRole("combobox", { name: "Scope" }).selectOption("read");
    await form.getByRole("combobox", { name: "Workspaces" }).selectOption("some");
    await form.getByRole("button", { name: "Make the token" }).click();
    await shown(form.getByText("At least one has to be chosen."));
    await form.getByRole("checkbox", { name: /shared/ }).check();
    await accessible(one);
    await form.getByRole("button", { name: "Make the token" }).click();
    const made = await shown(page.getByRole("dialog", { name: "The token ci" }));
    const secret = (await made.getByRole("code").textContent()) ?? "";
    assert.match(secret, /^berth_/);
    await accessible(one);
    await made.getByRole("button", { name: "I have it" }).click();
    assert.equal((await page.content()).includes(secret), false, "it is shown once");
    const token = page.getByRole("listitem").filter({ has: page.getByText("ci", { exact: true }) });
    await shown(token.getByText("Only shared"));
    await screenshot(page, "access");
    await accessible(one);
    await fitsNarrow(page);

    const limited = await at.signedIn("/", { token: secret });
    await shown(limited.page.getByRole("link", { name: "shared", exact: true }));
    assert.equal(await limited.page.getByRole("link", { name: "private", exact: true }).count(), 0);
    assert.equal(await limited.page.getByRole("link", { name: "New workspace" }).count(), 0);
    await limited.page.goto(new URL("/access", at.runner.url).href);
    await shown(limited.page.getByText("Tokens are seen and made with the scope admin"));
    await accessible(limited);

    limited.expect(/status of 401/, /net::ERR/, /WebSocket connection to .* failed/);
    await page.getByRole("button", { name: "Revoke ci" }).click();
    const revoke = page.getByRole("dialog", { name: "Revoke ci" });
    await revoke.getByRole("button", { name: "Revoke" }).click();
    await token.waitFor({ state: "detached" });
    await shown(limited.page.getByRole("heading", { level: 1, name: "Sign in to Berth" }));
    assert.notEqual(id, other.id);
  },
);

pageTest("browsers that are signed in are listed, and signed out from here", async (at) => {
  const one = await at.signedIn("/access");
  const other = await at.signedIn("/");
  const { page } = one;
  const browsers = page.getByRole("region", { name: "Signed-in browsers" });
  await shown(browsers.getByText("this browser"));
  other.expect(/status of 401/, /net::ERR/, /WebSocket connection to .* failed/);
  // Those of the test before ended with their pages, not with their sessions.
  const others = browsers.getByRole("button", { name: /^Sign it out/ });
  await shown(others.first());
  for (let left = await others.count(); left > 0; left--) {
    await others.first().click();
    await others.nth(left - 1).waitFor({ state: "detached" });
  }
  await shown(other.page.getByRole("heading", { level: 1, name: "Sign in to Berth" }));
  await browsers.getByRole("button", { name: "Sign out", exact: true }).click();
  await shown(page.getByRole("heading", { level: 1, name: "Sign in to Berth" }));
  assert.equal(await who(page).count(), 0);
});
