import { berthError } from "../../contract/errors.ts";
import type { SignalName } from "../../contract/signals.ts";

/** Names of keys, and what a terminal (xterm) sends for them. */
const KEYS: Readonly<Record<string, string>> = {
  enter: "\r",
  tab: "\t",
  space: " ",
  escape: "\x1b",
  backspace: "\x7f",
  delete: "\x1b[3~",
  insert: "\x1b[2~",
  up: "\x1b[A",
  down: "\x1b[B",
  right: "\x1b[C",
  left: "\x1b[D",
  home: "\x1b[H",
  end: "\x1b[F",
  "page-up": "\x1b[5~",
  "page-down": "\x1b[6~",
};

/** For people: what `keys` understands. */
export const KEY_NAMES = `${Object.keys(KEYS).join(", ")}, ctrl-a to ctrl-z`;

/** What a key does to a process: bytes that it reads, a signal, or the end of its input. */
export type KeyPress =
  | { readonly type: "bytes"; readonly bytes: string }
  | { readonly type: "signal"; readonly signal: SignalName }
  | { readonly type: "end" };

/** Without a terminal, keys do what one would do with them, where that can be. @throws tool.input_invalid */
export function keyPress(name: string, tty: boolean): KeyPress {
  const key = name.toLowerCase();
  const control = /^(?:ctrl|control|c)[-+]([a-z\\])$/.exec(key)?.[1];
  if (tty) {
    if (control !== undefined)
      return { type: "bytes", bytes: String.fromCharCode(control.toUpperCase().charCodeAt(0) & 31) };
    const bytes = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (bytes !== undefined) return { type: "bytes", bytes };
    throw berthError("tool.input_invalid", {
      message: `there is no key ${JSON.stringify(name.slice(0, 40))}`,
      hint: `Keys are ${KEY_NAMES}; everything else is text.`,
    });
  }
  if (key === "enter") return { type: "bytes", bytes: "\n" };
  if (key === "tab" || key === "space") return { type: "bytes", bytes: KEYS[key] ?? "" };
  if (control === "c") return { type: "signal", signal: "SIGINT" };
  if (control === "\\") return { type: "signal", signal: "SIGQUIT" };
  if (control === "d") return { type: "end" };
  throw berthError("tool.input_invalid", {
    message: `the process has no terminal, and so no key ${JSON.stringify(name.slice(0, 40))}`,
    hint: "Without a terminal there are enter, tab, space, ctrl-c, ctrl-d and ctrl-\\; start it with tty: true for the others.",
  });
}
