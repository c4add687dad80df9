import assert from "node:assert/strict";
import { waitFor } from "../fixtures/process.ts";
import { accessible, fitsNarrow, pageTests, RUNNER_AWAY, shown, who } from "./page.ts";
import { screenshot } from "./screenshots.ts";

const pageTest = pageTests();

declare const document: { readonly body: object };
declare const getComputedStyle: (element: object) => { readonly backgroundColor: string };

pageTest(
  "the command palette finds a workspace by a few letters and goes there, by keys alone",
  async (at) => {
    const { id } = await at.runner.workspace({ name: "fix-login", project: at.project });
    const one = await at.signedIn();
    const { page } = one;
    await shown(page.getByText("fix-login").first());
    await page.keyboard.press("Control+k");
    const palette = await shown(page.getByRole("dialog", { name: "Commands" }));
    const input = palette.getByRole("combobox", { name: "Find a command" });
    await input.fill("sign");
    await shown(palette.getByRole("option", { name: "Sign out" }));
    await accessible(one);
    await fitsNarrow(page);
    await input.fill("");
    await screenshot(page, "palette");
    await input.pressSequentially("fxlog");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/w/${id}/terminals`);
    assert.equal(await palette.count(), 0);
    await shown(page.getByRole("heading", { level: 1, name: /fix-login/ }));
  },
);

pageTest("? lists the keys, Escape closes the list, and the keys do what it says", async (at) => {
  const one = await at.signedIn();
  const { page } = one;
  await page.getByRole("banner").click({ position: { x: 400, y: 5 } });
  await page.keyboard.press("?");
  const list = await shown(page.getByRole("dialog", { name: "Keyboard shortcuts" }));
  await shown(list.getByText("Go to events"));
  await accessible(one);
  await fitsNarrow(page);
  await screenshot(page, "shortcuts");
  await page.keyboard.press("Escape");
  await list.waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("e");
  await page.waitForURL("**/events");
  await page.goBack();
  await page.waitForURL(new URL("/", at.runner.url).href);
});

pageTest("light and dark are chosen, and kept over a reload", async (at) => {
  const { page } = await at.signedIn("/", { colorScheme: "light" });
  const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await colour();
  await who(page).click();
  await page.getByRole("menuitem", { name: "Light or dark" }).click();
  const dark = await waitFor("another colour", async () => {
    const now = await colour();
    return now !== light && now;
  });
  await page.reload();
  await shown(who(page));
  assert.equal(await colour(), dark);
});

pageTest("a killed runner is told, and the page goes on by itself when it is there again", async (at) => {
  const one = await at.signedIn();
  const { page } = one;
  one.expect(...RUNNER_AWAY);
  const told = page.getByRole("status").filter({ hasText: "The runner does not answer" });
  try {
    await at.runner.kill();
    await shown(told);
    await accessible(one);
    await fitsNarrow(page);
  } finally {
    await at.runner.restart();
  }
  await told.waitFor({ state: "detached" });
  await at.runner.workspace({ name: "made-since", project: at.project });
  await shown(page.getByText("made-since").first());
});

pageTest(
  "an address that there is nothing at says so, and the page of an error says what to do",
  async (at) => {
    const one = await at.signedIn("/no/such/place");
    await shown(one.page.getByText("There is nothing at /no/such/place"));
    await one.page.goto(new URL("/errors/docker.image_not_found", at.runner.url).href);
    await shown(one.page.getByRole("heading", { name: "docker.image_not_found" }));
    await accessible(one);
    await fitsNarrow(one.page);
  },
);
