import { nameToBytes } from "../../files/names.ts";
import { shellQuote } from "../../transports/shell-quote.ts";

/**
 * What `sh -c` gets as its argument, in every run: it reads the real script from stdin, line by line with `read`
 * (which by POSIX takes no byte too many, so that what follows is the command's input), up to a line that equals
 * the first one. A script that is cut off by a lost connection is never run. Nothing of the script, which holds
 * environment values, stands in an argv.
 */
export const BOOTSTRAP = [
  "IFS= read -r _be || exit 125",
  '_bs=$(while IFS= read -r _bl; do [ "$_bl" = "$_be" ] && exit 0; printf "%s\\n" "$_bl"; done; exit 1) || exit 125',
  'eval "$_bs"',
].join("\n");

/**
 * The bytes that the bootstrap reads. Variables of scripts start with `_b`: any other name could be one that is
 * exported in the place, which an assignment would change for the command.
 */
export function scriptBytes(script: string, nonce: string): Buffer {
  return nameToBytes(`#${nonce}\n${script}\n#${nonce}\n`);
}

/** Defines `_bm PAYLOAD`, which prints a marker (see markers.ts) on stdout. */
export function markerFunction(nonce: string): string {
  return `_bn=${nonce}\n_bm() { printf '\\001\\002%s:%s\\003' "$_bn" "$1"; }`;
}

/** Several words, each exactly as it is. */
export function words(values: readonly string[]): string {
  return values.map(shellQuote).join(" ");
}

/**
 * A path of the place as one word: `~` becomes the HOME of the place's user; slashes at the end are dropped, so
 * that the word can be taken apart at its last slash.
 */
export function pathWord(path: string): string {
  const trimmed = path.length > 1 ? path.replace(/(?<=.)\/+$/, "") : path;
  if (trimmed === "~") return `"\${HOME:-/}"`;
  if (trimmed.startsWith("~/")) return `"\${HOME:-}"/${shellQuote(trimmed.slice(2))}`;
  return shellQuote(trimmed);
}

/**
 * Seconds for `sleep`: fractions only where the place's `sleep` takes them, else rounded up to whole ones, as a
 * command may get more time than asked for and never less.
 */
export function seconds(milliseconds: number, fractional: boolean): string {
  return fractional ? (milliseconds / 1000).toFixed(3) : String(Math.ceil(milliseconds / 1000));
}

/**
 * Defines `_bw PATH`: prints the errno name for a path that could not be reached, found by walking up to the first
 * component that exists. Shells' own messages for that differ, and dash's says less than the kernel.
 */
export const WHY_FUNCTION = `_bw() {
_bwp=$1
if [ -L "$1" ] && [ ! -e "$1" ]; then
case $(LC_ALL=C ls -Ld "$1/" 2>&1) in *'oo many'*|*'ink loop'*) echo ELOOP; return ;; esac
fi
while :; do
if [ -d "$_bwp" ]; then
if [ "$_bwp" = "$1" ]; then echo EACCES; elif [ -x "$_bwp" ]; then echo ENOENT; else echo EACCES; fi
return
fi
if [ -e "$_bwp" ]; then
if [ "$_bwp" = "$1" ]; then echo EACCES; else echo ENOTDIR; fi
return
fi
case $_bwp in
/) echo ENOENT; return ;;
*/*) _bwp=\${_bwp%/*} ;;
*) echo ENOENT; return ;;
esac
[ -n "$_bwp" ] || _bwp=/
done
}`;
