import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import type { BrowserContextOptions, Locator, Page } from "playwright-core";
import type { RunnerClient } from "../../src/client/client.ts";
import { keepPicture, type TestBrowser, testBrowser, type Visitor } from "../fixtures/browser.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { type TestRunner, type TestRunnerOptions, testRunner } from "../fixtures/runner.ts";
import { harbour } from "./project.ts";
import { inScheme } from "./screenshots.ts";

/** The page that is tested: this package's, or one that was built elsewhere by the same variable. */
export const PAGE_DIRECTORY = process.env.BERTH_PAGE_DIR || join(import.meta.dirname, "../../dist/web");

/** What the console says of a runner that ends or does not answer; the page tells it in its own way. */
export const RUNNER_AWAY = [
  /net::ERR_(?:CONNECTION|SOCKET|INCOMPLETE_CHUNKED|EMPTY_RESPONSE|INTERNET_DISCONNECTED|NETWORK)/,
  /WebSocket connection to .* failed/,
  /the server responded with a status of (?:499|503)/,
];

/** What a test of the page has: a runner, a project, and people with browsers. */
export interface PageTest {
  readonly runner: TestRunner;
  readonly client: RunnerClient;
  /** A repository with files of several languages, for all tests of the file. */
  readonly project: string;
  /** A workspace that the page has made is deleted behind the last test. */
  made(workspace: string): void;
  /** Somebody who is not signed in, at no page yet. Ends with the test, which then finds nothing against the page. */
  visitor(options?: BrowserContextOptions & { readonly origin?: string }): Promise<Visitor>;
  /** Somebody who has opened a one-time link and then this path. */
  signedIn(path?: string, options?: SignInOptions): Promise<Visitor>;
}

export interface SignInOptions extends BrowserContextOptions {
  /** Who made the link. Default: the runner's own token. */
  readonly token?: string;
  /** Where the runner is reached, such as a proxy's. Default: its own. */
  readonly origin?: string;
}

interface Shared {
  readonly browser: TestBrowser;
  readonly runner: TestRunner;
  readonly project: string;
  readonly made: string[];
}

/**
 * Tests that share a browser, a runner and a project, started for the first of them. `prepare` makes what else they share
 * and says how the runner is started.
 */
export function pageTests(
  prepare: (stack: AsyncDisposableStack) => Promise<TestRunnerOptions> = async () => ({}),
): (name: string, run: (at: PageTest) => Promise<void>) => void {
  const stack = new AsyncDisposableStack();
  let shared: Promise<Shared> | undefined;
  after(() => stack.disposeAsync());
  const start = async (): Promise<Shared> => {
    const browser = stack.use(await testBrowser());
    const runner = stack.use(await testRunner({ pageDirectory: PAGE_DIRECTORY, ...(await prepare(stack)) }));
    const made: string[] = [];
    stack.defer(async () => {
      const client = runner.client();
      for (const workspace of made) {
        const params = { path: { workspace }, query: { force: true } };
        await client.completed(await client.delete("/v1/workspaces/{workspace}", { params }));
      }
    });
    return { browser, runner, project: harbour(join(runner.directory, "harbour")), made };
  };
  return (name, run) => {
    test(name, async (t) => {
      shared ??= start();
      const given = shared;
      const ready = await requireOrSkip(t, () => given);
      if (ready !== undefined) await withVisitors(name, ready, run);
    });
  };
}

async function withVisitors(
  name: string,
  { browser, runner, project, made }: Shared,
  run: (at: PageTest) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const visitors: Visitor[] = [];
  const at: PageTest = {
    runner,
    client: runner.client(),
    project,
    made: (workspace) => void made.push(workspace),
    async visitor({ origin = runner.url, ...options } = {}) {
      const one = stack.use(await browser.visitor({ ...options, origin: new URL(origin).origin }));
      visitors.push(one);
      return one;
    },
    async signedIn(path = "/", { token, origin = runner.url, ...options } = {}) {
      const one = await at.visitor({ ...options, origin });
      const { page } = one;
      await one.open(async () => new URL(await oneTimeLink(runner, token), origin).href, who(page));
      const heading = page.getByRole("heading", { level: 1 }).first();
      if (path !== "/") await one.open(() => new URL(path, origin).href, heading);
      return one;
    },
  };
  try {
    await run(at);
    for (const one of visitors) assert.deepEqual(one.problems(), []);
  } catch (error) {
    for (const [index, { page, problems }] of visitors.entries()) {
      const picture = await keepPicture(page, `${name} ${index}`).catch(() => "no picture");
      process.stderr.write(`${name}: ${page.url()}, ${picture}\n${problems().join("\n")}\n`);
    }
    const log = runner.log().split("\n");
    process.stderr.write(
      `${log
        .filter((line) => /"level":"(?:error|warn)"/.test(line))
        .slice(-5)
        .join("\n")}\n`,
    );
    throw error;
  }
}

/** The button that says who is signed in; only who is has it. */
export function who(page: Page): Locator {
  return page.getByRole("button", { name: /^Signed in by/ });
}

/** Path and fragment of a link that signs in once. */
export async function oneTimeLink(runner: TestRunner, token?: string): Promise<string> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await runner.call("/v1/sessions/codes", { method: "POST", headers });
  assert.equal(response.status, 201, await response.clone().text());
  const { url } = (await response.json()) as { readonly url: string };
  const { pathname, search, hash } = new URL(url);
  return `${pathname}${search}${hash}`;
}

/** Runs a command in a workspace, which has to succeed; gives what it printed. */
export async function inPlace({ client }: PageTest, workspace: string, command: string): Promise<string> {
  const { exit_code, stdout, stderr } = await client.post("/v1/workspaces/{workspace}/exec", {
    params: { path: { workspace } },
    body: { command },
  });
  assert.equal(exit_code, 0, stderr);
  return stdout;
}

/** Nothing on the page, as it is now, breaks a rule of accessibility, light or dark. */
export async function accessible(one: Visitor): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await inScheme(one.page, colorScheme);
    assert.deepEqual(await one.accessibilityProblems(), [], `${one.page.url()}, ${colorScheme}`);
  }
  await inScheme(one.page, null);
}

declare const document: { readonly documentElement: { scrollWidth: number; clientWidth: number } };

/** The page needs no scrolling sideways at 360 px. */
export async function fitsNarrow(page: Page): Promise<void> {
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  const wide = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  assert.equal(wide, 0, `${page.url()} is ${wide} px too wide`);
  if (size !== null) await page.setViewportSize(size);
}

/** Waits until an element is there and shown. */
export async function shown(locator: Locator): Promise<Locator> {
  await locator.waitFor({ state: "visible" });
  return locator;
}
