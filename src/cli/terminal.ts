import type { Process, ProcessInfo, TtySize } from "../contract/process.ts";
import { fromBeginning, type ReplayPlan, replayPlan, replaySteps } from "../contract/terminal-replay.ts";
import { runSession, type SessionEnd, terminalSize } from "./session.ts";

/** What is shown as it came where no screen could be made of it. */
const LAST_BYTES = 64 * 1024;

export interface FollowOptions {
  /** What is typed here goes there. */
  readonly input: boolean;
  readonly detachKeys: Uint8Array;
}

/**
 * Joins this terminal to one that runs in the place: its screen as it is now, and everything from then on. What it
 * asked the terminal before is answered by nobody a second time.
 */
export async function followTerminal(process_: Process, options: FollowOptions): Promise<SessionEnd> {
  const size = terminalSize();
  const info = await process_.info();
  const { before, cursor, isWhole } = await drawnTerminal(process_, info, size);
  if (info.state === "running") await fit(process_, size, !isWhole);
  return runSession(process_, {
    from: cursor,
    before,
    input: options.input && info.state === "running",
    detachKeys: options.detachKeys,
    endOnHangup: false,
  });
}

/** The screen of a terminal that runs in the place, as it is now. */
export interface DrawnTerminal {
  /** What draws it in this one. */
  readonly before: string;
  /** Of the output, from where it goes on. */
  readonly cursor: number;
  readonly isWhole: boolean;
}

/** Looks only: the terminal keeps its size. */
export async function drawnTerminal(
  process_: Process,
  info: ProcessInfo,
  size: TtySize = terminalSize(),
): Promise<DrawnTerminal> {
  const drawn = await withoutCrash(
    () => screenOf(process_, replayPlan(info, size), size),
    // A defect of the emulator costs the picture and not the terminal.
    { before: "", cursor: Math.max(info.outputStart, info.outputEnd - LAST_BYTES), isWhole: false },
  );
  if (!drawn.isWhole) process.stderr.write("berth: the first part of this terminal's output is left out\n");
  return drawn;
}

/** The emulator works in timers of its own, whose exceptions have nobody else to catch them. */
async function withoutCrash<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
  const crashed = Promise.withResolvers<T>();
  process.setUncaughtExceptionCaptureCallback(() => crashed.resolve(otherwise));
  try {
    return await Promise.race([work(), crashed.promise]);
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
}

/** What draws the terminal's screen in one of this size below what that shows, and the cursor of the output behind it. */
async function screenOf(process_: Process, plan: ReplayPlan, size: TtySize): Promise<DrawnTerminal> {
  // Loaded only here: it is half a megabyte.
  const { Screen } = await import("./screen/screen.ts");
  const { from, sizes } = plan;
  using screen = new Screen(plan.size);
  let cursor = from;
  let isWhole = from === 0;
  let begins = from > 0;
  for await (const chunk of process_.output({ from, follow: false })) {
    if (chunk.type === "gap") {
      cursor = chunk.gap.to;
      begins = true;
      isWhole = false;
    }
    if (chunk.type !== "data") continue;
    const bytes = begins ? fromBeginning(chunk.data) : chunk.data;
    begins = false;
    for (const step of replaySteps(bytes, chunk.cursor - bytes.length, sizes)) {
      await ("columns" in step ? screen.resize(step) : screen.write(step));
    }
    cursor = chunk.cursor;
  }
  await screen.resize(size);
  // What that terminal shows moves up and stays readable.
  const room = `${"\r\n".repeat(size.rows)}\x1b[H\x1b[J`;
  return { cursor: cursor - screen.heldBytes, before: room + screen.drawing(), isWhole };
}

/** Gives the terminal this one's size, at which programs draw themselves anew; `redraw`: also where it has it already. */
async function fit(process_: Process, size: TtySize, redraw: boolean): Promise<void> {
  try {
    if (redraw) await process_.resize({ columns: size.columns, rows: Math.max(1, size.rows - 1) });
    await process_.resize(size);
  } catch {
    // It ended meanwhile, which its output tells.
  }
}
