/** What git puts before names, by what it compares: a/ b/, and with `diff.mnemonicPrefix` index, tree, commit and object. */
const PREFIXES = ["a/", "b/", "c/", "i/", "o/", "w/"];

/** The two names of "diff --git": quoted, or parted where both halves are the same file. */
export function gitNames(text: string): { readonly from: string; readonly to: string } | undefined {
  const quoted = /^("(?:[^"\\]|\\.)*"|\S+) ("(?:[^"\\]|\\.)*"|\S+)$/.exec(text);
  if (quoted !== null) return { from: unquoted(quoted[1] ?? ""), to: unquoted(quoted[2] ?? "") };
  // Names with blanks: the halves differ in their prefix alone.
  const middle = (text.length - 1) / 2;
  const [from, to] = [text.slice(0, middle), text.slice(middle + 1)];
  if (text[middle] !== " " || from.slice(2) !== to.slice(2)) return undefined;
  return { from, to };
}

/** A name of "--- ", "+++ " or "rename from ": without the time behind a tab. */
export function headerName(text: string): string {
  return unquoted((text.startsWith('"') ? text : (text.split("\t")[0] ?? "")).trimEnd());
}

/** Without git's prefixes, when both names have one, or the only one does. */
export function withoutPrefixes(
  names: { readonly from: string; readonly to: string },
  nothing: string,
): { readonly from: string; readonly to: string } {
  const given = [names.from, names.to].filter((name) => name !== nothing);
  const prefixes = new Set(given.map((name) => name.slice(0, 2)));
  const all = given.every((name) => PREFIXES.includes(name.slice(0, 2)));
  // The same twice is a directory of that name.
  if (!all || prefixes.size !== given.length) return names;
  const strip = (name: string) => (name === nothing ? name : name.slice(2));
  return { from: strip(names.from), to: strip(names.to) };
}

/** Names with other letters than those of ASCII are quoted by git as in C, byte by byte. */
function unquoted(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  const bytes = text.slice(1, -1).replace(/\\([0-7]{3}|.)|[^\\]+/gs, (part, code: string | undefined) => {
    if (code === undefined) return Buffer.from(part).toString("latin1");
    return code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (ESCAPES[code] ?? code);
  });
  return Buffer.from(bytes, "latin1").toString();
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
};
