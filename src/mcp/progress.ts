import type { ServerContext } from "@modelcontextprotocol/server";

/** Between two notifications at least. */
const EVERY_MS = 250;
/** Silence is told as well: clients count a request that says nothing as lost. */
const ALIVE_MS = 5_000;
const MAX_MESSAGE_CHARACTERS = 300;
/** Of the text, what the last line is looked for in. */
const KEPT_CHARACTERS = 4_000;

/** News of one request for a client that wants them: the last line of output, and that it still runs. */
export interface Progress extends Disposable {
  readonly onOutput: ((text: string) => void) | undefined;
  /** What was not told yet; to be awaited before the answer. */
  end(): Promise<void>;
}

const SILENT: Progress = {
  onOutput: undefined,
  end: async () => undefined,
  [Symbol.dispose]() {},
};

/** Seconds since the request came are the progress, as nothing is known of how much there is to do. */
export function progressOf(context: ServerContext): Progress {
  const token = context.mcpReq._meta?.progressToken;
  if (token === undefined) return SILENT;
  const startedMs = performance.now();
  let toldMs = -1;
  let text = "";
  let news = false;
  let sending: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const tell = (): void => {
    clearTimeout(timer);
    timer = setTimeout(tell, ALIVE_MS);
    // Each has to be larger than the one before.
    const nowMs = Math.max(Math.round(performance.now() - startedMs), toldMs + 1);
    toldMs = nowMs;
    news = false;
    const params = { progressToken: token, progress: nowMs / 1000, message: lastLine(text) };
    sending = sending
      .then(() => context.mcpReq.notify({ method: "notifications/progress", params }))
      // Nobody is there any more; the request ends by its own signal.
      .catch(() => undefined);
  };
  timer = setTimeout(tell, ALIVE_MS);
  return {
    onOutput(more) {
      text = (text + more).slice(-KEPT_CHARACTERS);
      if (news) return;
      news = true;
      clearTimeout(timer);
      const waitMs = toldMs < 0 ? 0 : Math.max(0, toldMs + EVERY_MS - (performance.now() - startedMs));
      timer = setTimeout(tell, waitMs);
    },
    async end() {
      if (news) tell();
      clearTimeout(timer);
      await sending;
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

/** The last line that says something; of one that is written over and over (a progress bar) what it says now. */
function lastLine(text: string): string {
  const line = text
    .split(/[\r\n]+/)
    .findLast((one) => one.trim() !== "")
    ?.trim();
  if (line === undefined) return "running";
  return line.length > MAX_MESSAGE_CHARACTERS ? `${line.slice(0, MAX_MESSAGE_CHARACTERS)}…` : line;
}
