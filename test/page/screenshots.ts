import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";

/**
 * Pictures of the page, by their names: `docs/images/NAME-light.png` and `NAME-dark.png`, and where a width is named
 * `NAME-WIDTH-light.png`. The tests make them on demand: `BERTH_SCREENSHOTS=1 npm test -- "test/page/*.test.ts"` for the
 * docs, with a directory in place of the 1 anywhere else.
 */
export const SCREENSHOTS = {
  "sign-in": "Where one signs in without a one-time link",
  workspaces: "The list: projects, places, health, processes, changes",
  "workspaces-empty": "The list before there is a workspace",
  "new-workspace": "A new workspace, its place not yet chosen",
  "new-docker": "A container's settings, with a problem marked at its field",
  "check-failed": "Test connection: the step that failed, its remedy",
  "host-key": "An unknown host key, to be compared and trusted",
  "check-passed": "Test connection: every step with its time",
  creating: "A workspace being made, with what the set-up prints",
  delete: "What would be lost by deleting",
  terminal: "A terminal with a full-screen program",
  "terminal-split": "Two terminals side by side",
  "terminal-viewer": "A terminal that somebody else writes in",
  processes: "Processes of a workspace and the output of one",
  files: "The tree and a file with its colours",
  "file-conflict": "A file that was changed elsewhere while it was edited",
  image: "A picture of the project",
  changes: "The diff against the trunk",
  ports: "Servers in the workspace, with their links",
  events: "What happened, with filters and the verified mark",
  settings: "A workspace's settings",
  access: "Tokens and sessions",
  palette: "The command palette",
  shortcuts: "The keyboard's list",
} as const;

export type ScreenshotName = keyof typeof SCREENSHOTS;

export interface ScreenshotOptions {
  /** Of the window. Default: 1280, which no name tells. */
  readonly width?: 360 | 1280 | 2560;
  /** Default: 800, at 2560 it is 1000. */
  readonly height?: number;
  /** Only this part of the page. */
  readonly part?: Locator;
}

const DOCS = join(import.meta.dirname, "../../docs/images");

/** What differs from run to run, and how it reads in every picture. */
const STEADY: readonly (readonly [RegExp, string])[] = [
  [/\/tmp\/berth-test-\d+-\w+/g, "/home/dev"],
  [/\bberth-test-\d+-\w+/g, "dev"],
  [/berth-test\/([\w-]+):[0-9a-f]{12}/g, "$1:latest"],
  [/\bberthtest[0-9a-f]{6}(@127\.0\.0\.1)?(?: port |:)\d+/g, "dev$1:2222"],
  [/\bberthtest[0-9a-f]{6}\b/g, "dev"],
  [/(?<!@)\b(127\.0\.0\.1|localhost):\d{4,5}\b/g, "$1:7333"],
  [/SHA256:[A-Za-z0-9+/]{43}/g, "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM"],
];

declare const requestAnimationFrame: (callback: () => void) => number;
declare const document: {
  readonly body: object;
  getAnimations(): readonly { readonly finished: Promise<unknown>; readonly transitionProperty?: string }[];
  createTreeWalker(root: object, what: number): { nextNode(): { nodeValue: string } | null };
};

/** Shows the page light or dark, or as the system is, all the way: colours may change step by step. */
export async function inScheme(page: Page, colorScheme: "light" | "dark" | null): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.evaluate(async () => {
    await new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const transitions = document.getAnimations().filter((one) => one.transitionProperty !== undefined);
    await Promise.allSettled(transitions.map((one) => one.finished));
  });
}

/** Texts are changed where they stand: nothing on the page may be made of them afterwards. */
async function makeSteady(page: Page): Promise<void> {
  const given = STEADY.map(([pattern, text]) => [pattern.source, text] as const);
  await page.evaluate((replacements) => {
    const texts = document.createTreeWalker(document.body, 4);
    for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
      let value = text.nodeValue;
      for (const [pattern, by] of replacements) value = value.replaceAll(new RegExp(pattern, "g"), by);
      if (value !== text.nodeValue) text.nodeValue = value;
    }
  }, given);
}

/** Takes the picture, light and dark, where BERTH_SCREENSHOTS asks for it. The window then has its size of before. */
export async function screenshot(
  page: Page,
  name: ScreenshotName,
  { width = 1280, height = width === 2560 ? 1000 : 800, part }: ScreenshotOptions = {},
): Promise<void> {
  const wanted = process.env.BERTH_SCREENSHOTS || undefined;
  // The docs show none of the widest: they are large, and there to be looked at.
  if (wanted === undefined || (wanted === "1" && width === 2560)) return;
  const directory = wanted === "1" ? DOCS : wanted;
  await mkdir(directory, { recursive: true });
  const size = page.viewportSize();
  await page.setViewportSize({ width, height });
  for (const colorScheme of ["light", "dark"] as const) {
    await inScheme(page, colorScheme);
    await makeSteady(page);
    const file = `${name}${width === 1280 ? "" : `-${width}`}-${colorScheme}.png`;
    await (part ?? page).screenshot({ path: join(directory, file), animations: "disabled", caret: "hide" });
  }
  await inScheme(page, null);
  if (size !== null) await page.setViewportSize(size);
}
