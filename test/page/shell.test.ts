import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import { waitFor } from "../fixtures/process.ts";
import { accessible, fitsNarrow, pageTests, RUNNER_AWAY, shown, who } from "./page.ts";
import { screenshot } from "./screenshots.ts";
import { showsText, terminalOf } from "./terminal.ts";

const pageTest = pageTests();

declare const document: {
  readonly body: object;
  readonly activeElement: {
    readonly id: string;
    readonly ariaLabel: string | null;
    readonly innerText: string;
    readonly labels?: Iterable<{ readonly innerText: string }> | null;
    getBoundingClientRect(): { readonly width: number };
  } | null;
};
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

/** Presses Tab until it has the focus; each stop on the way is seen and has a name. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let stops = 0; stops < 40; stops++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
    const [name, seen] = await page.evaluate(() => {
      const { activeElement: at } = document;
      const labels = [...(at?.labels ?? [])].map(({ innerText }) => innerText).join(" ");
      const box = at?.getBoundingClientRect();
      return [at?.ariaLabel || at?.innerText || labels || at?.id, (box?.width ?? 0) > 0] as const;
    });
    assert.ok(name, "what has the focus has a name");
    assert.ok(seen, `${name} is seen while it has the focus`);
  }
  assert.fail(`${target} is not reached by Tab`);
}

pageTest(
  "by keys alone one comes from the list to a workspace, into a terminal and out again",
  async (at) => {
    await at.runner.workspace({ name: "by-keys", project: at.project });
    const { page } = await at.signedIn();
    await tabTo(page, await shown(page.getByRole("link", { name: "by-keys", exact: true })));
    await page.keyboard.press("Enter");
    const tab = await shown(page.getByRole("tab", { name: "Terminals" }));
    await tabTo(page, tab);
    await page.keyboard.press("ArrowRight");
    await shown(page.getByRole("textbox", { name: "Command", exact: true }));
    await page.keyboard.press("ArrowLeft");
    await tabTo(page, await shown(page.getByRole("button", { name: "Open a shell" })));
    await page.keyboard.press("Enter");
    const terminal = await terminalOf(page, "shell");
    await page.keyboard.type("echo by $((6 * 7)) keys");
    await page.keyboard.press("Enter");
    await showsText(terminal, /^by 42 keys$/m);
    await page.keyboard.press("Control+Shift+Space");
    await tabTo(page, terminal.getByRole("button", { name: "Close shell" }));
    await page.keyboard.press("Enter");
    const dialog = await shown(page.getByRole("dialog", { name: "Close shell?" }));
    await tabTo(page, dialog.getByRole("button", { name: "End it" }));
    await page.keyboard.press("Enter");
    await shown(page.getByText("No terminal is open"));
  },
);

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
