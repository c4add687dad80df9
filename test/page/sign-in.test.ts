import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { accessible, fitsNarrow, oneTimeLink, pageTests, shown, who } from "./page.ts";
import { screenshot } from "./screenshots.ts";

const pageTest = pageTests();
/** The heading of where one signs in. */
const door = (page: Page) => page.getByRole("heading", { level: 1, name: "Sign in to Berth" });

pageTest(
  "a one-time link signs in once; the session outlives a reload and ends by signing out",
  async (at) => {
    const link = await oneTimeLink(at.runner);
    const one = await at.visitor();
    const { page } = one;
    await page.goto(new URL(link, at.runner.url).href);
    await shown(who(page));
    assert.equal(new URL(page.url()).hash, "", "the code is no longer in the address");
    const cookies = await page.context().cookies();
    assert.deepEqual(
      cookies.map(({ name, httpOnly, sameSite, path }) => ({ name, httpOnly, sameSite, path })),
      [{ name: `berth_${new URL(at.runner.url).port}`, httpOnly: true, sameSite: "Strict", path: "/" }],
    );
    await page.reload();
    await shown(who(page));

    const second = await at.visitor();
    second.expect(/status of 4\d\d/);
    await second.page.goto(new URL(link, at.runner.url).href);
    await shown(door(second.page));
    await shown(second.page.getByText("this sign-in link was used already"));

    await who(page).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await shown(door(page));
    await page.reload();
    await shown(door(page));
    assert.deepEqual(await page.context().cookies(), []);
  },
);

pageTest(
  "a token signs in; a wrong one is told, and the page where it is asked for is for everybody",
  async (at) => {
    const one = await at.visitor();
    const { page } = one;
    await page.goto(at.runner.url);
    await shown(door(page));
    await accessible(one);
    await fitsNarrow(page);
    await screenshot(page, "sign-in");
    one.expect(/status of 401/);
    await page.getByLabel("Or paste a token").fill(`${at.runner.token}x`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await shown(page.getByRole("alert"));
    await shown(page.getByRole("link", { name: "auth.invalid" }));
    await page.getByLabel("Or paste a token").fill(at.runner.token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await shown(who(page));
  },
);

pageTest("a session that was ended elsewhere leads to where one signs in", async (at) => {
  const one = await at.signedIn();
  one.expect(/status of 401/, /WebSocket connection to .* failed/);
  const answer = await at.runner.call("/v1/sessions");
  const { items } = (await answer.json()) as { readonly items: readonly { readonly id: string }[] };
  for (const { id } of items) await at.runner.call(`/v1/sessions/${id}`, { method: "DELETE" });
  await shown(door(one.page));
});
