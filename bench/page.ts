import { join } from "node:path";
import { type TestBrowser, testBrowser, type Visitor } from "../test/fixtures/browser.ts";
import { type TestRunner, testRunner } from "../test/fixtures/runner.ts";
import { oneTimeLink, who } from "../test/page/page.ts";
import { watchFrames } from "../test/page/probe.ts";
import { harbour } from "../test/page/project.ts";
import { enter, showsText, terminalOf } from "../test/page/terminal.ts";
import { median, timed } from "./measure.ts";
import { type Bench, ms } from "./report.ts";

const WORKSPACES = 20;
const FLOOD = "yes 'the tide comes in and the tide goes out, and no ship minds it'";
const FLOOD_BYTES = 100_000_000;

declare const document: { readonly body: { readonly innerText: string } };

/** The page in Chromium without a screen. */
export async function benchPage(bench: Bench): Promise<void> {
  if (!bench.wanted("first") && !bench.wanted("flood")) return;
  await using browser = await testBrowser();
  await using runner = await testRunner();
  const project = harbour(join(runner.directory, "harbour"));
  if (bench.wanted("first")) await firstView(bench, browser, runner, project);
  if (bench.wanted("flood")) await flood(bench, browser, runner, project);
}

/** With nothing cached, until the last of the workspaces is there. */
async function firstView(
  bench: Bench,
  browser: TestBrowser,
  runner: TestRunner,
  project: string,
): Promise<void> {
  for (let number = 1; number <= WORKSPACES; number++) {
    await runner.workspace({ name: `task-${number}`, project });
  }
  const times: number[] = [];
  for (let turn = 0; turn < Math.min(bench.turns, 10); turn++) {
    await using visitor = await signedIn(browser, runner);
    const { page } = visitor;
    await page.goto("about:blank");
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Network.clearBrowserCache");
    times.push(
      await timed(async () => {
        await page.goto(runner.url, { waitUntil: "commit" });
        // Looked for at every frame; locators wait longer and longer between two looks.
        await page.waitForFunction((name) => document.body.innerText.includes(name), `task-${WORKSPACES}`);
      }),
    );
  }
  const first = median(times);
  bench.report(
    `First view of the page: the list of ${WORKSPACES} workspaces is there, nothing cached`,
    "≤ 1 s",
    `${ms(first)} (longest ${ms(Math.max(...times))})`,
    first <= 1000,
  );
}

/** 100 MB in a terminal of the page: what somebody would have noticed who looks at it. */
async function flood(bench: Bench, browser: TestBrowser, runner: TestRunner, project: string): Promise<void> {
  const { id } = await runner.workspace({ name: "flood", project });
  await using visitor = await signedIn(browser, runner);
  const { page } = visitor;
  await page.goto(new URL(`/w/${id}`, runner.url).href);
  await page.getByRole("button", { name: "Open a shell" }).click();
  const terminal = await terminalOf(page, "shell");
  await enter(terminal, "PS1='$ '; clear");
  const before = await visitor.heapBytes();
  const probe = await watchFrames(page);
  const elapsedMs = await timed(async () => {
    await enter(terminal, `${FLOOD} | head -c ${FLOOD_BYTES}; echo; echo over`);
    await showsText(terminal, /^over$/m, 600_000);
  });
  const { count, longestMs, p95Ms, long } = await probe.stop();
  const grown = (await visitor.heapBytes()) - before;
  const longest = Math.max(0, ...long.map(({ durationMs }) => durationMs));
  bench.report(
    "100 MB of output in a terminal of the page: the longest time without a frame",
    "≤ 100 ms",
    `${ms(longestMs)} (19 of 20 below ${ms(p95Ms)}; longest task ${ms(longest)}; ${count} frames in ${ms(elapsedMs)}; heap ${(grown / 1e6).toFixed(1)} MB more)`,
    longestMs <= 100,
  );
}

async function signedIn(browser: TestBrowser, runner: TestRunner): Promise<Visitor> {
  const visitor = await browser.visitor({ origin: runner.url });
  await visitor.open(async () => new URL(await oneTimeLink(runner), runner.url).href, who(visitor.page));
  return visitor;
}
