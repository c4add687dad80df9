/** A text as a file has it: what is edited is the text alone, and the rest comes back as it was. */
export interface TextFile {
  /** Lines end with "\n", unless `lineEnd` is "mixed": then everything is as it stands. */
  readonly text: string;
  readonly lineEnd: "\n" | "\r\n" | "mixed";
  /** It begins with a byte order mark. */
  readonly mark: boolean;
}

export type ReadContent =
  | { readonly kind: "text"; readonly file: TextFile }
  /** No text that could be written back as it was. */
  | { readonly kind: "binary"; readonly reason: string };

/** What is looked at for bytes that no text has. */
const LOOKED_AT = 8192;

/** Takes content apart; nothing is lost, or it is not taken for a text. */
export function readText(bytes: Uint8Array): ReadContent {
  if (bytes.subarray(0, LOOKED_AT).includes(0)) return { kind: "binary", reason: "It has bytes of no text." };
  let whole: string;
  try {
    whole = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { kind: "binary", reason: "It is not UTF-8." };
  }
  const mark = whole.startsWith("\ufeff");
  const text = mark ? whole.slice(1) : whole;
  if (!text.includes("\r")) return { kind: "text", file: { text, lineEnd: "\n", mark } };
  const plain = text.replaceAll("\r\n", "\n");
  // As many of one as of the other: each line ends alike, and no other character is lost.
  const isWindows = !plain.includes("\r") && plain.replaceAll("\n", "\r\n") === text;
  return {
    kind: "text",
    file: isWindows ? { text: plain, lineEnd: "\r\n", mark } : { text, lineEnd: "mixed", mark },
  };
}

/** The bytes of a text, as the file has its lines and its beginning. */
export function writeText({ text, lineEnd, mark }: TextFile): Uint8Array<ArrayBuffer> {
  const lines = lineEnd === "\r\n" ? text.replaceAll("\n", "\r\n") : text;
  return new TextEncoder().encode(mark ? `\ufeff${lines}` : lines);
}

/** What is worth saying of how a file is written. */
export function formatWords({ text, lineEnd, mark }: TextFile): string[] {
  return [
    ...(lineEnd === "\r\n" ? ["CRLF"] : lineEnd === "mixed" ? ["mixed line ends"] : []),
    ...(mark ? ["byte order mark"] : []),
    ...(text !== "" && !text.endsWith("\n") ? ["no line end at the end"] : []),
  ];
}
