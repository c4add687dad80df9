import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import { dockerEngine } from "../fixtures/docker.ts";
import { image } from "../fixtures/images.ts";
import { proxy } from "../fixtures/network.ts";
import { waitFor } from "../fixtures/process.ts";
import { accessible, fitsNarrow, inPlace, type PageTest, pageTests, RUNNER_AWAY, shown } from "./page.ts";
import { screenshot } from "./screenshots.ts";
import {
  enter,
  everythingIn,
  everythingOf,
  processIn,
  processOf,
  rowsOf,
  showsItsLog,
  showsText,
  terminalOf,
} from "./terminal.ts";

const pageTest = pageTests(async () => ({ env: (await dockerEngine()).cliEnv }));
const CLIPBOARD = { permissions: ["clipboard-read", "clipboard-write"] };

let made: Promise<string> | undefined;

/** One workspace in a real container for all of them. */
function container(at: PageTest): Promise<string> {
  made ??= (async () => {
    const { socketPath } = await dockerEngine();
    const runtime = {
      type: "docker",
      image: await image("debian"),
      engine: { host: `unix://${socketPath}` },
    } as const;
    return (await at.runner.workspace({ name: "boat", project: at.project, runtime })).id;
  })();
  return made;
}

/** A terminal of one's own, in a tab of its own, at its prompt. */
async function newShell(page: Page): Promise<Locator> {
  const regions = page.getByRole("region", { name: /^Terminal shell/ });
  await page.getByRole("button", { name: "New terminal" }).click();
  const name = await waitFor("another terminal", async () => {
    const shown = page.locator("section[data-process][data-phase=live]:visible");
    return (await shown.count()) === 1 ? shown.getAttribute("aria-label") : undefined;
  });
  assert.ok((await regions.count()) > 0);
  const terminal = await terminalOf(page, name.replace(/^Terminal /, ""));
  await enter(terminal, "PS1='$ '; clear");
  await waitFor("a prompt alone", async () => (await rowsOf(terminal)).join("") === "$");
  return terminal;
}

pageTest(
  "vim in a terminal edits a file, with characters of every width, and top fills the screen",
  async (at) => {
    const id = await container(at);
    const one = await at.signedIn(`/w/${id}`);
    const { page } = one;
    await page.getByRole("button", { name: "Open a shell" }).click();
    const terminal = await terminalOf(page, "shell");
    await accessible(one);
    await enter(terminal, "PS1='$ '; clear");
    await enter(terminal, "LC_ALL=C.UTF-8 vi ships.txt");
    await showsText(terminal, /"?ships\.txt"? \[New/);
    await page.keyboard.type("iGrüße 日本 ⚓ 👩‍💻");
    await page.keyboard.press("Enter");
    await page.keyboard.insertText("한국어 done");
    await showsText(terminal, /^Grüße 日本 ⚓ .*\n한국어 done$/m);
    await page.keyboard.press("Escape");
    await page.keyboard.type(":w");
    await page.keyboard.press("Enter");
    await showsText(terminal, /written|2L/);
    assert.equal(await inPlace(at, id, "cat ships.txt"), "Grüße 日本 ⚓ 👩‍💻\n한국어 done\n");
    await showsItsLog(terminal, at.runner);
    await page.keyboard.type(":q");
    await page.keyboard.press("Enter");
    await showsText(terminal, PROMPT);

    await enter(terminal, "top -d 1");
    await showsText(terminal, /PID USER .*COMMAND/);
    await accessible(one);
    await screenshot(page, "terminal");
    await page.keyboard.press("q");
    await showsText(terminal, PROMPT);
    const size = page.viewportSize() ?? assert.fail();
    // The shell makes the file before it is written.
    const columns = async () => {
      const [, , found] = /(\d+) (\d+)/.exec(await inPlace(at, id, "cat size.txt")) ?? [];
      return found === undefined ? undefined : Number(found);
    };
    await enter(terminal, "stty size > size.txt");
    const wide = await waitFor("a size", columns);
    await page.setViewportSize({ width: 700, height: 500 });
    const narrower = await waitFor("another size in the place", async () => {
      await enter(terminal, "stty size > size.txt");
      const now = await columns();
      return now !== undefined && now < wide ? now : undefined;
    });
    const { tty } = await processOf(at.runner, await processIn(terminal));
    assert.equal(tty?.columns, narrower);
    assert.equal((await rowsOf(terminal)).length, tty?.rows);
    await page.setViewportSize(size);
    await enter(terminal, "exit");
    await shown(terminal.getByText(/^Ended with code 0/));
    await terminal.getByRole("button", { name: "Start again" }).click();
    await shown(page.locator("section[data-process][data-phase=live]"));
  },
);

/** Full-screen programs throw away what was typed before they have ended. */
const PROMPT = /^\$ *$/m;

const COUNT =
  "for i in $(seq 1 4000); do printf 'line %s of a long way, \\303\\274 \\346\\274\\242\\n' $i; [ $((i % 50)) = 0 ] && sleep 0.05; done; echo over";

pageTest("a reload in the middle of output, and a killed runner: everything is there, once", async (at) => {
  const id = await container(at);
  const one = await at.signedIn(`/w/${id}`, CLIPBOARD);
  const { page } = one;
  const terminal = await newShell(page);
  const name = (await terminal.getAttribute("aria-label"))?.replace(/^Terminal /, "") ?? "";
  await enter(terminal, COUNT);
  await showsText(terminal, /^line [2-9]\d\d of/m);
  await page.reload();
  const again = await terminalOf(page, name);
  await showsText(again, /^line 1\d\d\d of/m);
  one.expect(...RUNNER_AWAY);
  try {
    await at.runner.kill();
    await shown(again.getByText(/^Connection lost, trying again/));
  } finally {
    await at.runner.restart();
  }
  await showsText(again, /^over$/m);
  await showsItsLog(again, at.runner);
  const expected = await everythingOf(at.runner, await processIn(again));
  assert.ok(expected.includes("line 1 of a long way, ü 漢"));
  assert.deepEqual(await everythingIn(again), expected);
  await page.keyboard.press("Escape");
  await enter(again, "echo still $((40 + 2))");
  await showsText(again, /^still 42$/m);
});

pageTest(
  "a network that is gone: what is typed is said to be lost, and the terminal goes on where it was",
  async (at) => {
    const id = await container(at);
    await using between = await proxy({ to: { port: Number(new URL(at.runner.url).port) } });
    const origin = `http://127.0.0.1:${"port" in between.address ? between.address.port : 0}`;
    const one = await at.signedIn(`/w/${id}`, { ...CLIPBOARD, origin });
    const { page } = one;
    one.expect(...RUNNER_AWAY);
    const terminal = await newShell(page);
    await enter(terminal, "for i in $(seq 1 400); do echo wave $i; sleep 0.01; done; echo over");
    await showsText(terminal, /^wave 5\d$/m);
    between.refuse(true);
    between.cut();
    await shown(terminal.getByText(/^Connection lost, trying again/));
    await enter(terminal, "echo lost");
    await shown(terminal.getByText(/^Not sent: the connection is lost/));
    between.refuse(false);
    await showsText(terminal, /^over$/m);
    await showsItsLog(terminal, at.runner);
    assert.deepEqual(await everythingIn(terminal), await everythingOf(at.runner, await processIn(terminal)));
  },
);

pageTest("a second browser looks on, takes over, and the first one is told", async (at) => {
  const id = await container(at);
  const first = await at.signedIn(`/w/${id}`);
  const mine = await newShell(first.page);
  const name = (await mine.getAttribute("aria-label"))?.replace(/^Terminal /, "") ?? "";
  await enter(mine, "echo written by the first");
  const second = await at.signedIn(`/w/${id}`, { viewport: { width: 900, height: 600 } });
  second.expect(/Unexpected response code: 409/);
  await second.page.getByRole("button", { name: "More terminals" }).click();
  await second.page.getByRole("menuitem", { name: /^All terminals/ }).click();
  const list = second.page.getByRole("dialog", { name: "Terminals of this workspace" });
  await list.getByRole("button", { name: `Open ${name}`, exact: true }).click();
  const theirs = await terminalOf(second.page, name);
  await showsText(theirs, /^written by the first$/m);
  await shown(theirs.getByText("Somebody else types here."));
  await accessible(second);
  await screenshot(second.page, "terminal-viewer");
  await enter(theirs, "x");
  await shown(theirs.getByText(/^Not sent: somebody else types here/));
  await enter(mine, "echo and more");
  await showsText(theirs, /^and more$/m);
  await showsItsLog(theirs, at.runner);
  await theirs.getByRole("button", { name: "Take over" }).click();
  await shown(mine.getByText("Somebody else types here."));
  await enter(theirs, "echo by the second");
  await showsText(mine, /^by the second$/m);
  await showsItsLog(mine, at.runner);
});

pageTest("terminals beside each other, found in, left and closed by the keyboard", async (at) => {
  const id = await container(at);
  const one = await at.signedIn(`/w/${id}`);
  const { page } = one;
  const left = await newShell(page);
  await enter(left, "seq 1 300");
  await showsText(left, /^300$/m);
  await page.keyboard.press("Control+Shift+F");
  const search = await shown(page.getByRole("search", { name: "Search in the terminal" }));
  await search.getByRole("textbox", { name: "Text to find" }).fill("123");
  await shown(search.getByText("1 of 1"));
  await accessible(one);
  await page.keyboard.press("Escape");
  await left.getByRole("button", { name: "Split to the right" }).click();
  const both = page.locator("section[data-process][data-phase=live]:visible");
  await waitFor("two terminals side by side", async () => (await both.count()) === 2);
  await accessible(one);
  await screenshot(page, "terminal-split");
  await fitsNarrow(page);
  await page.keyboard.press("Control+Shift+Space");
  const focused = page.locator(":focus");
  assert.equal(await focused.getAttribute("aria-label"), "Search (Ctrl+Shift+F)");
});

pageTest("100 MB of output: the page answers meanwhile, and keeps no more than its bounds", async (at) => {
  const id = await container(at);
  const one = await at.signedIn(`/w/${id}`);
  const { page } = one;
  const terminal = await newShell(page);
  const before = await one.heapBytes();
  const process = await processIn(terminal);
  await enter(
    terminal,
    "yes 'the tide comes in and the tide goes out, and no ship minds it' | head -c 100000000; echo; echo over",
  );
  await showsText(terminal, /^the tide comes in/m);
  await page.getByRole("button", { name: "More terminals" }).click();
  await shown(page.getByRole("menuitem", { name: /^All terminals/ }));
  const { output_end: written } = await processOf(at.runner, process);
  assert.ok(written < 100_000_000, "the menu was there before the end of the output");
  await page.keyboard.press("Escape");
  await showsText(terminal, /^over$/m);
  await showsItsLog(terminal, at.runner);
  const grown = (await one.heapBytes()) - before;
  assert.ok(grown < 64_000_000, `${grown} bytes more`);
});
