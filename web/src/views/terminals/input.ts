const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"]);

/** An address of the web, as it is opened; undefined for what is not opened from a terminal. */
export function webAddress(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
}

/** Port of the place that an address of a program there means by "localhost". */
export function portInPlace(url: URL): number | undefined {
  if (!LOCAL_HOSTS.has(url.hostname)) return undefined;
  return url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
}

/** Text of the clipboard as it may be given to a terminal: none of it ends the paste and goes on as keys, such as ^O, by which shells run a line. */
export function pasteText(text: string): string {
  return text
    .replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, (one) => String.fromCharCode(0x2400 + one.charCodeAt(0)))
    .replaceAll("\x7f", "\u2421")
    .replaceAll(/[\x80-\x9f]/g, "\u241b");
}

/** Lines that a paste would run at once. One that a program takes as a paste runs none of them. */
export function linesAtOnce(text: string, isBracketed: boolean): number {
  if (isBracketed) return 0;
  const lines = text.replace(/[\r\n]+$/, "").split(/\r\n|\r|\n/).length;
  return lines > 1 ? lines : 0;
}

interface Key {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

export type TerminalKey = "copy" | "paste" | "larger" | "smaller" | "normal" | "leave" | "page";

/**
 * What a key means that is not the program's: of those that shells and browsers both leave free. "page": a command of the
 * page. On a Mac all of them have ⌘, which no terminal knows.
 */
export function terminalKey(key: Key, isMac: boolean): TerminalKey | undefined {
  const isMod = isMac ? key.metaKey && !key.ctrlKey : key.ctrlKey && !key.metaKey;
  if (!isMod || key.altKey) return undefined;
  const letter = key.key.toLowerCase();
  if (letter === "c" && key.shiftKey !== isMac) return "copy";
  if (letter === "v" && key.shiftKey !== isMac) return "paste";
  if (letter === "=" || letter === "+") return "larger";
  if (letter === "-" && !key.shiftKey) return "smaller";
  if (letter === "0" && !key.shiftKey) return "normal";
  if (key.code === "Space" && key.shiftKey) return "leave";
  if (isMac) return "page";
  return key.shiftKey && PAGE_KEYS.has(key.key.toUpperCase()) ? "page" : undefined;
}

const PAGE_KEYS = new Set(["F", "ENTER", "ARROWLEFT", "ARROWRIGHT", "ARROWUP", "ARROWDOWN"]);

/** Whether a key types something or moves in the program; keys that only modify others do not. */
export function typesSomething({ key, ctrlKey, metaKey }: Key): boolean {
  if (/^(?:Shift|Control|Alt|Meta|CapsLock|NumLock|Fn|AltGraph|OS|Dead|Process|Unidentified)$/.test(key))
    return false;
  return !metaKey || ctrlKey;
}
