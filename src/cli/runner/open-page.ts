import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { browserOf, forwardHint } from "./browser.ts";
import { startHop } from "./browser-hop.ts";
import { jsonFromRunner, PROMPT_MS } from "./calls.ts";
import type { RunnerTarget } from "./target.ts";

/** How long the browser is waited for. */
const BROWSER_MS = 30_000;

export interface SignInCode {
  readonly code: string;
  readonly url: string;
  readonly expires_at: string;
}

/** A link that signs a browser in to the page, once, within a minute. @throws what the runner answers */
export async function signInCode(target: RunnerTarget): Promise<SignInCode> {
  const call = { method: "POST", timeoutMs: PROMPT_MS } as const;
  return (await jsonFromRunner(target, "/v1/sessions/codes", call)) as SignInCode;
}

/**
 * Opens the page in the user's browser, signed in.
 * @returns why it is not open: there is no browser here, or none came; undefined when it is, or when the signal says so
 * @throws what the runner answers
 */
export async function openPage(target: RunnerTarget, signal?: AbortSignal): Promise<string | undefined> {
  const browser = browserOf();
  if ("missing" in browser) return REASONS[browser.missing];
  await using hop = await startHop(async () => (await signInCode(target)).url);
  const over = new AbortController();
  const waited = delay(BROWSER_MS, undefined, {
    signal: signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]),
  });
  const came = await Promise.race([
    hop.taken.then(() => true),
    startProgram(browser.program, hop.url),
    waited.then(
      () => false,
      () => true,
    ),
  ]).finally(() => over.abort());
  return came ? undefined : "No browser has opened the page: open the link in yours.";
}

const REASONS = {
  ssh: "You are here by SSH: open the link on the machine that you sit at.",
  display: "There is no display here: open the link in a browser.",
  program: "There is no xdg-open here: open the link in a browser.",
} as const;

/** The link on standard output; what is to be known of it beside. */
export async function printLink(target: RunnerTarget, why?: string): Promise<void> {
  const { url } = await signInCode(target);
  const forward = forwardHint(url);
  process.stdout.write(`${url}\n`);
  const lines = [
    ...(why === undefined ? [] : [why]),
    "It signs in once, within a minute: whoever opens it is you.",
    ...(forward === undefined
      ? []
      : [`Its port is on this machine. To have it on yours, run there: ${forward}`]),
  ];
  process.stderr.write(lines.map((line) => `berth: ${line}\n`).join(""));
}

/** Settles, with false, when the program has failed, and else never: some end at once, some with the browser. */
function startProgram(program: string, url: string): Promise<false> {
  const child = spawn(program, [url], { detached: true, stdio: "ignore" });
  child.unref();
  return new Promise((resolve) => {
    child.once("error", () => resolve(false));
    child.once("exit", (code) => {
      if (code !== 0) resolve(false);
    });
  });
}
