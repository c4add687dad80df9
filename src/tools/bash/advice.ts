import type { ExitStatus } from "../../contract/process.ts";
import { waitingText } from "../../contract/waiting.ts";
import { duration } from "./say.ts";

/** Last lines of output by which a command asks something. */
const QUESTION =
  /(?:password|passphrase|username|login|continue|proceed|confirm|sure)[^\n]{0,80}[?:]\s*$|[[(](?:y\/n|yes\/no)[^\n]{0,30}$/i;
/** Those of a line that was left open for an answer. */
const OPEN_QUESTION = /[:?>)\]]\s*$/;

const NO_INPUT = "its input is empty, as nobody can type here";

/** What output of a command that failed says, and what can be done about it. */
const CAUSES: readonly (readonly [said: RegExp, advice: string])[] = [
  [
    /sudo: (?:a terminal is required|a password is required|no tty present)|sudo: no password was provided/,
    "sudo wants a password, which nobody can type here: do without it, or ask the user.",
  ],
  [
    /Aborting commit due to empty commit message|Terminal is dumb, but EDITOR unset|There was a problem with the editor|error: cannot run editor/,
    "No editor can be opened here: give the text as an option, as in `git commit -m`.",
  ],
  [
    /could not read (?:Username|Password) for|terminal prompts disabled/,
    "Nobody can be asked for a login here: use credentials that are configured.",
  ],
  [
    /EOFError: EOF when reading a line|EOF on stdin|end of file on (?:stdin|standard input)|EOF when reading a line/i,
    `It reads input, but ${NO_INPUT}: pipe in what it needs, or use options that ask nothing`,
  ],
  [
    /not a (?:tty|terminal)|Inappropriate ioctl for device|must be run from a terminal|requires? an? (?:interactive )?(?:tty|terminal)|error opening terminal|(?:output|input) is not (?:to|from) a terminal|failed tty get|can't open \/dev\/tty|cannot open \/dev\/tty|No such device or address.*\/dev\/tty|\/dev\/tty: No such device/i,
    "Commands have no terminal: use options that ask nothing",
  ],
];

export interface AdviceInput {
  readonly command: string;
  readonly exit: ExitStatus;
  /** As the model is shown it. */
  readonly output: string;
  /** What was written last has no line end. */
  readonly openLine: boolean;
  readonly timeoutMs: number;
  readonly maxTimeoutMs: number;
  /** Milliseconds before its end in which it wrote nothing; undefined: not known. */
  readonly silentMs: number | undefined;
  /** There are background commands, and terminals for them. */
  readonly background: boolean;
  readonly tty: boolean;
}

/** Why a command ended as it did, where that can be told, and what to do instead; undefined: it speaks for itself. */
export function advice(input: AdviceInput): string | undefined {
  const { exit, output } = input;
  if (exit.timedOut) return timedOut(input);
  if (exit.exitCode === 0) return undefined;
  const cause = causeOf(input);
  if (cause !== undefined) return cause;
  if (asks(input))
    return `It asked something: ${NO_INPUT}. Use options that ask nothing${interactive(input)}.`;
  if (output === "" && /(?:^|[;&|\n(]\s*)read\b/.test(input.command))
    return `\`read\` found nothing: ${NO_INPUT}.`;
  return undefined;
}

function timedOut(input: AdviceInput): string {
  const { output, timeoutMs, maxTimeoutMs, silentMs } = input;
  const parts = [`It was ended after ${duration(timeoutMs)}, its timeout.`];
  if (output === "") parts.push("It had written nothing.");
  else if (silentMs !== undefined) parts.push(`Its last output was ${duration(silentMs)} before that.`);
  const { waiting } = input.exit;
  if (waiting !== undefined) parts.push(`${waitingText(waiting)}.`);
  const cause = causeOf(input);
  if (cause !== undefined) return [...parts, cause].join(" ");
  const isServer = waiting?.reason === "connections" && input.background;
  if (isServer)
    return [...parts, "Run it with background: true, and wait_for what it says when it is ready."].join(" ");
  if (waiting?.reason === "terminal" || waiting?.reason === "stdin" || asks(input)) {
    const seems =
      waiting?.reason === "terminal" || waiting?.reason === "stdin"
        ? "But "
        : "It seems to wait for an answer, but ";
    parts.push(`${seems}${NO_INPUT}: use options that ask nothing${interactive(input)}.`);
    return parts.join(" ");
  }
  const longer = timeoutMs < maxTimeoutMs ? `give a larger timeout_ms (at most ${maxTimeoutMs})` : "";
  const behind = input.background ? "run it with background: true and follow it by bash_output" : "";
  const ways = [longer, behind].filter((way) => way !== "").join(", or ");
  if (ways !== "") parts.push(`If it needs longer, ${ways}.`);
  return parts.join(" ");
}

function causeOf(input: AdviceInput): string | undefined {
  const end = input.output.slice(-4_000);
  const cause = CAUSES.find(([said]) => said.test(end))?.[1];
  return cause === undefined || cause.endsWith(".") ? cause : `${cause}${interactive(input)}.`;
}

function asks({ output, openLine }: AdviceInput): boolean {
  const end = output.slice(-500);
  return QUESTION.test(end) || (openLine && OPEN_QUESTION.test(end));
}

function interactive({ tty }: AdviceInput): string {
  return tty ? ", or run it with background: true and tty: true, and answer by bash_input" : "";
}
