import assert from "node:assert/strict";
import { createRequire } from "node:module";
import xterm, { type ITerminalAddon } from "@xterm/headless";
import type { Locator } from "playwright-core";
import { waitFor } from "../fixtures/process.ts";
import type { TestRunner } from "../fixtures/runner.ts";

// By require: its types bring those of pages with them, for every file of the project.
const { UnicodeGraphemesAddon } = createRequire(import.meta.url)("@xterm/addon-unicode-graphemes") as {
  readonly UnicodeGraphemesAddon: new () => ITerminalAddon;
};

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
export async function showsText(terminal: Locator, text: string | RegExp): Promise<string[]> {
  let rows: string[] = [];
  try {
    return await waitFor(
      `the terminal shows ${text}`,
      async () => {
        rows = await rowsOf(terminal);
        const all = rows.join("\n");
        return (typeof text === "string" ? all.includes(text) : text.test(all)) ? rows : undefined;
      },
      { deadlineMs: 30_000 },
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

/** The rows that a terminal shows which was there from the first byte on, made of the process's log alone. */
export async function rowsOfLog(runner: TestRunner, id: string): Promise<string[]> {
  const { tty, tty_sizes: sizes = [] } = await processOf(runner, id);
  const log = await logOf(runner, id);
  const first = sizes[0] ?? tty ?? { columns: 80, rows: 24 };
  const terminal = new xterm.Terminal({ cols: first.columns, rows: first.rows, allowProposedApi: true });
  terminal.loadAddon(new UnicodeGraphemesAddon());
  const write = (bytes: Uint8Array) => new Promise<void>((resolve) => terminal.write(bytes, resolve));
  let at = 0;
  for (const { cursor, columns, rows } of sizes) {
    await write(log.subarray(at, cursor));
    at = Math.max(at, cursor);
    terminal.resize(columns, rows);
  }
  await write(log.subarray(at));
  const { active } = terminal.buffer;
  const rows = Array.from({ length: terminal.rows }, (_, row) =>
    (active.getLine(active.baseY + row)?.translateToString(true) ?? "").trimEnd(),
  );
  terminal.dispose();
  return rows;
}

/** The terminal shows exactly what the process has written: nothing is missing, nothing is there twice. */
export async function showsItsLog(terminal: Locator, runner: TestRunner, id: string): Promise<void> {
  let shown: string[] = [];
  let expected: string[] = [];
  await waitFor(
    "the terminal shows what the process has written",
    async () => {
      [expected, shown] = [await rowsOfLog(runner, id), await rowsOf(terminal)];
      return expected.join("\n") === shown.join("\n");
    },
    { deadlineMs: 20_000 },
  ).catch(() => assert.deepEqual(shown, expected));
}
