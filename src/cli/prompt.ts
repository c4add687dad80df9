import { berthError } from "../contract/errors.ts";
import type { ConnectPrompt, OpenOptions } from "../contract/runtime.ts";
import { visible } from "./print.ts";
import type { Progress } from "./progress.ts";

/** Longer than any password, shorter than a file that is pasted by mistake. */
const LIMIT_BYTES = 1024;

/**
 * `onPrompt` for a person at this terminal, one question at a time; nothing where nobody would see it.
 * @param context `progress` makes room for the question; `interrupt` is called for Ctrl-C
 */
export function terminalPrompt(context: {
  readonly progress: Pick<Progress, "hide" | "show">;
  readonly interrupt: () => void;
}): Pick<OpenOptions, "onPrompt"> {
  if (!canAsk()) return {};
  let last: Promise<unknown> = Promise.resolve();
  return {
    onPrompt: (prompt) => {
      const answer = last.then(() => askHidden(prompt, context));
      last = answer.catch(() => {});
      return answer;
    },
  };
}

/** Whether a person sits at this command: at a terminal, and not in a build. */
export function canAsk(): boolean {
  const inBuild = process.env.CI !== undefined && !["", "0", "false"].includes(process.env.CI);
  return process.stdin.isTTY === true && process.stderr.isTTY === true && !inBuild;
}

async function askHidden(
  prompt: ConnectPrompt,
  context: Parameters<typeof terminalPrompt>[0],
): Promise<string | undefined> {
  context.progress.hide();
  try {
    return await readLine(question(prompt), prompt.echo);
  } catch (cause) {
    if (!(cause instanceof Interrupted)) throw cause;
    context.interrupt();
    return undefined;
  } finally {
    context.progress.show();
  }
}

/** Asks for a line that may be seen, by the terminal's own line editing; undefined at its end (Ctrl-D). */
export async function askLine(label: string): Promise<string | undefined> {
  const { stdin, stderr } = process;
  stderr.write(label);
  try {
    return await new Promise<string | undefined>((resolve) => {
      stdin.once("data", (line: Buffer) => resolve(line.toString("utf8").replace(/\r?\n$/, "")));
      stdin.once("end", () => resolve(undefined));
    });
  } finally {
    stdin.pause();
  }
}

/** Asks for a line that nobody may see; undefined at its end (Ctrl-D). @throws operation.aborted: Ctrl-C */
export async function askSecret(label: string): Promise<string | undefined> {
  try {
    return await readLine(label, false);
  } catch (cause) {
    throw cause instanceof Interrupted ? berthError("operation.aborted") : cause;
  }
}

class Interrupted extends Error {}

/** Who asks, and what: the other side's words can't pass for Berth's, or steer the terminal. */
export function question({ subject, text }: Pick<ConnectPrompt, "subject" | "text">): string {
  return `${visible(subject)}: ${visible(text.trim())} `;
}

/**
 * Reads a line of the terminal that stdin is, in raw mode, so that nothing of it is ever echoed by the terminal
 * itself. What was typed behind it stays for the command.
 */
async function readLine(label: string, echo: boolean): Promise<string | undefined> {
  const { stdin, stderr } = process;
  const line = new LineEditor();
  stdin.setRawMode(true);
  stderr.write(label);
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        for (const [index, byte] of chunk.entries()) {
          const { end, shown } = line.type(byte);
          if (echo && shown.length > 0) stderr.write(shown);
          if (end === undefined) continue;
          stdin.off("data", read).pause();
          if (index + 1 < chunk.length) stdin.unshift(chunk.subarray(index + 1));
          if (end === "interrupt") reject(new Interrupted());
          else resolve(end === "line" ? line.text : undefined);
          return;
        }
      };
      stdin.on("data", read);
      stdin.once("end", () => resolve(undefined));
    });
  } finally {
    stdin.setRawMode(false);
    stderr.write("\n");
  }
}

/** What a terminal's own line editing does, for a line that the terminal does not see. Bytes, as they are typed. */
export class LineEditor {
  #bytes: number[] = [];

  get text(): string {
    return Buffer.from(this.#bytes).toString("utf8");
  }

  /** `shown` is what an echo of it writes. */
  type(byte: number): {
    readonly end?: "line" | "cancelled" | "interrupt";
    readonly shown: Uint8Array;
  } {
    switch (byte) {
      case 0x0d:
      case 0x0a:
        return { end: "line", shown: NOTHING };
      case 0x03:
        return { end: "interrupt", shown: NOTHING };
      case 0x04:
        return this.#bytes.length === 0 ? { end: "cancelled", shown: NOTHING } : { shown: NOTHING };
      case 0x7f:
      case 0x08:
        return { shown: this.#erase() ? ERASE : NOTHING };
      case 0x15: {
        const shown: Uint8Array[] = [];
        while (this.#erase()) shown.push(ERASE);
        return { shown: Buffer.concat(shown) };
      }
      default:
        if (byte < 0x20 || this.#bytes.length >= LIMIT_BYTES) return { shown: NOTHING };
        this.#bytes.push(byte);
        return { shown: Uint8Array.of(byte) };
    }
  }

  /** Takes the last character back: its first byte and the UTF-8 ones that follow it. */
  #erase(): boolean {
    let byte = this.#bytes.pop();
    const erased = byte !== undefined;
    while (byte !== undefined && (byte & 0xc0) === 0x80) byte = this.#bytes.pop();
    return erased;
  }
}

const NOTHING = new Uint8Array();
const ERASE = Buffer.from("\b \b");
