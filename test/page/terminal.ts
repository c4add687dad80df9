import assert from "node:assert/strict";
import { createRequire } from "node:module";
import xterm, { type ITerminalAddon } from "@xterm/headless";
import type { Locator, Page } from "playwright-core";
import { waitFor } from "../fixtures/process.ts";
import type { TestRunner } from "../fixtures/runner.ts";

// By require: its types bring those of pages with them, for every file of the project.
const { UnicodeGraphemesAddon } = createRequire(import.meta.url)("@xterm/addon-unicode-graphemes") as {
  readonly UnicodeGraphemesAddon: new () => ITerminalAddon;
};

/** As many as the page's terminals keep. */
const SCROLLBACK_LINES = 10_000;

declare const navigator: { readonly clipboard: { readText(): Promise<string> } };

interface KnownProcess {
  readonly id: string;
  readonly tty: { readonly columns: number; readonly rows: number } | null;
  readonly tty_sizes?: readonly {
    readonly cursor: number;
    readonly columns: number;
    readonly rows: number;
  }[];
  readonly output_end: number;
}

/** What a terminal of the page shows now, row by row, without the blanks at the rows' ends. */
export async function rowsOf(terminal: Locator): Promise<string[]> {
  const rows = await terminal.locator(".xterm-rows > div").allTextContents();
  return rows.map((row) => row.replaceAll("\u00a0", " ").trimEnd());
}

/** Waits until a terminal shows it, anywhere. */
export async function showsText(
  terminal: Locator,
  text: string | RegExp,
  deadlineMs = 60_000,
): Promise<string[]> {
  let rows: string[] = [];
  try {
    return await waitFor(
      `the terminal shows ${text}`,
      async () => {
        rows = await rowsOf(terminal);
        const all = rows.join("\n");
        return (typeof text === "string" ? all.includes(text) : text.test(all)) ? rows : undefined;
      },
      { deadlineMs },
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}; it shows:\n${rows.join("\n")}`);
  }
}

export async function processOf(runner: TestRunner, id: string): Promise<KnownProcess> {
  const response = await runner.call(`/v1/processes/${id}`);
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as KnownProcess;
}

/** The output of a process from its first byte. */
export async function logOf(runner: TestRunner, id: string): Promise<Buffer> {
  const response = await runner.call(`/v1/processes/${id}/log`);
  assert.equal(response.status, 200);
  return Buffer.from(await response.arrayBuffer());
}

/** A terminal that was there from the first byte on, made of the process's log alone. */
async function terminalOfLog(runner: TestRunner, id: string) {
  const { tty, tty_sizes: sizes = [] } = await processOf(runner, id);
  const log = await logOf(runner, id);
  const first = sizes[0] ?? tty ?? { columns: 80, rows: 24 };
  const terminal = new xterm.Terminal({
    cols: first.columns,
    rows: first.rows,
    scrollback: SCROLLBACK_LINES,
    allowProposedApi: true,
  });
  terminal.loadAddon(new UnicodeGraphemesAddon());
  const write = (bytes: Uint8Array) => new Promise<void>((resolve) => terminal.write(bytes, resolve));
  let at = 0;
  for (const { cursor, columns, rows } of sizes) {
    await write(log.subarray(at, cursor));
    at = Math.max(at, cursor);
    terminal.resize(columns, rows);
  }
  await write(log.subarray(at));
  return terminal;
}

/** The terminal shows exactly what the process has written: nothing is missing, nothing is there twice. */
export async function showsItsLog(terminal: Locator, runner: TestRunner): Promise<void> {
  const id = await processIn(terminal);
  let shown: string[] = [];
  let expected: string[] = [];
  const look = async () => {
    const made = await terminalOfLog(runner, id);
    const { active } = made.buffer;
    expected = Array.from({ length: made.rows }, (_, row) =>
      (active.getLine(active.baseY + row)?.translateToString(true) ?? "").trimEnd(),
    );
    made.dispose();
    shown = await rowsOf(terminal);
    return expected.join("\n") === shown.join("\n");
  };
  await waitFor("the terminal shows what the process has written", look, {
    deadlineMs: 20_000,
    everyMs: 200,
  }).catch(() => assert.deepEqual(shown, expected));
}

/** Screen and scrollback as text, as somebody gets it who selects and copies everything. */
export async function everythingIn(terminal: Locator): Promise<string[]> {
  const page = terminal.page();
  const more = terminal.getByRole("button", { name: /^More of / });
  await more.click();
  await page.getByRole("menuitem", { name: "Select everything" }).click();
  await more.click();
  await page.getByRole("menuitem", { name: "Copy what is selected" }).click();
  const text = await page.evaluate(() => navigator.clipboard.readText());
  return withoutBlanks(text.split("\n"));
}

/** What `everythingIn` has to give, made of the process's log alone. */
export async function everythingOf(runner: TestRunner, id: string): Promise<string[]> {
  const made = await terminalOfLog(runner, id);
  const { active } = made.buffer;
  const lines: string[] = [];
  for (let row = 0; row < active.length; row++) {
    const line = active.getLine(row);
    const isFollowed = active.getLine(row + 1)?.isWrapped ?? false;
    const text = line?.translateToString(!isFollowed) ?? "";
    if (line?.isWrapped) lines.push((lines.pop() ?? "") + text);
    else lines.push(text);
  }
  made.dispose();
  return withoutBlanks(lines);
}

function withoutBlanks(lines: readonly string[]): string[] {
  const trimmed = lines.map((line) => line.replaceAll("\u00a0", " ").trimEnd());
  return trimmed.slice(0, trimmed.findLastIndex((line) => line !== "") + 1);
}

/** Id of the process that a terminal of the page shows. */
export async function processIn(terminal: Locator): Promise<string> {
  return (await terminal.getAttribute("data-process")) ?? assert.fail("no process");
}

/** The terminal of this name, as soon as one can type into it or look on. */
export async function terminalOf(page: Page, name: string): Promise<Locator> {
  const terminal = page.getByRole("region", { name: `Terminal ${name}`, exact: true });
  await terminal.and(page.locator("[data-phase=live], [data-phase=ended]")).waitFor();
  return terminal;
}

/** Types a line into the terminal that has the focus. */
export async function enter(terminal: Locator, line: string): Promise<void> {
  await terminal.getByRole("textbox", { name: /^Terminal / }).focus();
  await terminal.page().keyboard.type(line);
  await terminal.page().keyboard.press("Enter");
}
