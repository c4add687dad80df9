import { setTimeout as delay } from "node:timers/promises";
import { type BerthError, isBerthError } from "../../contract/errors.ts";
import { clip, visible } from "../print.ts";
import { headLines, type Look, type Overview, placeLines, SORTS } from "./draw.ts";

/** The other screen, no cursor, no wrapping; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;
/** Errors that the next look may not have. */
const PASSING = /^(?:runner\.(?:unreachable|stopping)|request\.rate_limited)$/;

export interface LiveOptions {
  readonly url: string;
  readonly intervalMs: number;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly look: (signal: AbortSignal) => Promise<Overview>;
}

/**
 * Draws how the runner is until q, Escape or Ctrl-C, or a signal; the terminal is as before on every way out. A runner
 * that is being replaced is waited for.
 * @returns the exit code
 * @throws what looking throws, unless that may pass
 */
export async function showLive(options: LiveOptions): Promise<number> {
  const { input, output, look, intervalMs } = options;
  const ending = new AbortController();
  let code = 0;
  let now: Look | undefined;
  let before: Look | undefined;
  let trouble: BerthError | undefined;
  let sort = 0;
  let scroll = 0;
  const draw = (): void => {
    if (ending.signal.aborted) return;
    const columns = Math.max(20, output.columns ?? 80);
    const rows = Math.max(5, output.rows ?? 24);
    output.write(frame({ ...options, now, before, trouble, sort, columns, rows, scroll }));
  };
  const onKeys = (data: Buffer): void => {
    for (const key of keysOf(data.toString("latin1"))) {
      if (key === "q" || key === "Q" || key === "\x03" || key === "\x1b") ending.abort();
      else if (key === "s") sort = (sort + 1) % SORTS.length;
      else if (key === "\x1b[B" || key === "j") scroll += 1;
      else if (key === "\x1b[A" || key === "k") scroll = Math.max(0, scroll - 1);
    }
    const most = Math.max(0, (now?.overview.places.length ?? 0) - 1);
    scroll = Math.min(scroll, most);
    draw();
  };
  const onSignal = (signal: keyof typeof SIGNALS): void => {
    code = 128 + SIGNALS[signal];
    ending.abort();
  };
  const onEnd = (): void => ending.abort();
  let entered = false;
  // Also where the program ends without coming back here.
  const restore = (): void => {
    if (!entered) return;
    entered = false;
    if (input.isTTY) input.setRawMode(false);
    output.write(LEAVE);
  };
  process.once("exit", restore);
  for (const signal of Object.keys(SIGNALS)) process.on(signal, onSignal);
  output.on("resize", draw);
  input.on("data", onKeys).on("end", onEnd);
  output.on("error", onEnd);
  try {
    entered = true;
    if (input.isTTY) input.setRawMode(true);
    output.write(ENTER);
    while (!ending.signal.aborted) {
      try {
        const overview = await look(ending.signal);
        before = now;
        now = { at: performance.now(), overview };
        trouble = undefined;
      } catch (cause) {
        if (ending.signal.aborted) break;
        if (!isBerthError(cause) || !PASSING.test(cause.code)) throw cause;
        trouble = cause;
      }
      draw();
      await delay(intervalMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  } finally {
    restore();
    process.off("exit", restore);
    for (const signal of Object.keys(SIGNALS)) process.off(signal, onSignal);
    output.off("resize", draw).off("error", onEnd);
    input.off("data", onKeys).off("end", onEnd);
    input.pause();
  }
  return code;
}

interface Frame extends LiveOptions {
  readonly now: Look | undefined;
  readonly before: Look | undefined;
  readonly trouble: BerthError | undefined;
  readonly sort: number;
  readonly columns: number;
  readonly rows: number;
  readonly scroll: number;
}

/** Every line anew, each cleared behind its end: nothing flickers. */
function frame({ url, now, before, trouble, sort, columns, rows, scroll }: Frame): string {
  const order = SORTS[sort] ?? "name";
  const keys = `q: quit  s: sort (${order})  ↑↓: scroll`;
  const lines: string[] = [];
  if (trouble !== undefined)
    lines.push(`\x1b[1m${clip(visible(`${trouble.message}; asking again`), columns)}\x1b[m`);
  if (now === undefined) lines.push(...(trouble === undefined ? ["looking …"] : []));
  else {
    const drawing = { url, now, before, sort: order, time: Date.now(), columns };
    const [first = "", ...more] = headLines(drawing);
    const [head = "", ...places] = placeLines(drawing);
    lines.push(`\x1b[1m${first}\x1b[m`, ...more, "", `\x1b[7m${head.padEnd(columns)}\x1b[m`);
    const room = Math.max(1, rows - lines.length - 1);
    const from = Math.min(scroll, Math.max(0, places.length - room));
    const shown = places.slice(from, from + room);
    const left = places.length - from - shown.length;
    if (left > 0) shown[shown.length - 1] = `… ${left + 1} more`;
    lines.push(...shown);
  }
  const body = [...lines.slice(0, rows - 1), ...Array<string>(Math.max(0, rows - 1 - lines.length)).fill("")];
  return `\x1b[H${body.map((line) => `${line}\x1b[K\r\n`).join("")}\x1b[2m${clip(keys, columns)}\x1b[m\x1b[K\x1b[J`;
}

/** Several keys may come at once; an escape sequence is one. */
function keysOf(text: string): string[] {
  return text.match(/\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Za-z]|[\s\S]/g) ?? [];
}
