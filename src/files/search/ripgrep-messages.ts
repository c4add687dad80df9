import { constants as os } from "node:os";
import { type BerthError, berthError } from "../../contract/errors.ts";
import { nameFromBytes } from "../names.ts";
import { MAX_SKIPPED } from "./collector.ts";

/** Messages of a run that are kept. */
const MAX_MESSAGE_BYTES = 64 * 1024;

const ERRNO_NAMES = new Map(Object.entries(os.errno).map(([name, number]) => [number, name]));

/** ripgrep's words on stderr: one line for each thing that it could not look at, and what else it has to say. */
export class RipgrepMessages {
  readonly #skipped: { path: string; reason: string }[] = [];
  #other = "";
  #rest = "";

  take(chunk: Buffer): void {
    const lines = (this.#rest + nameFromBytes(chunk)).split("\n");
    this.#rest = (lines.pop() ?? "").slice(0, MAX_MESSAGE_BYTES);
    for (const line of lines) this.#line(line);
  }

  end(): { readonly skipped: readonly { path: string; reason: string }[]; readonly message: string } {
    if (this.#rest !== "") this.#line(this.#rest);
    return { skipped: this.#skipped, message: this.#other.trim() };
  }

  #line(line: string): void {
    const failed = /^(?:rg: )?(.+): [^:]+ \(os error (\d+)\)$/.exec(line);
    if (failed === null) {
      if (this.#other.length < MAX_MESSAGE_BYTES) this.#other += `${line}\n`;
    } else if (this.#skipped.length < MAX_SKIPPED) {
      const reason = ERRNO_NAMES.get(Number(failed[2])) ?? "EIO";
      this.#skipped.push({ path: failed[1] ?? "", reason });
    }
  }
}

/** What ripgrep says of a pattern, as an error. */
export function patternRefused(message: string, pattern: string): BerthError {
  const words = message.replace(/^(?:rg: )?/, "");
  const reason = /(?:^|\n)error: ([^\n]+)/.exec(words)?.[1] ?? words.split("\n")[0] ?? "";
  return berthError("search.pattern_invalid", {
    message: `the pattern is not a regular expression: ${reason}`,
    context: { pattern: pattern.slice(0, 200), explanation: words.slice(0, 2_000) },
  });
}
