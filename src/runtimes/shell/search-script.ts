import type { GrepPattern } from "../../files/search/extended.ts";
import {
  NO_PARENT_RULES,
  OLDEST_RIPGREP,
  outputShape,
  ripgrepArguments,
} from "../../files/search/ripgrep-arguments.ts";
import type { TreeSearch } from "../../files/search/tree.ts";
import { shellQuote } from "../../transports/shell-quote.ts";
import type { ScriptPath } from "./contained.ts";
import { inPath, isContained } from "./file-scripts.ts";
import { words } from "./script.ts";
import { statFormat } from "./stat-format.ts";
import type { PlaceTools } from "./tools.ts";

export type ShellSearch = Omit<TreeSearch, "roots">;

/** Of a line so much is sent; what is shown of one is less. */
export const MAX_SENT_LINE_BYTES = 16 * 1024;
/** What is looked at of a file to see whether it is binary, where grep does not. */
const BINARY_BYTES = 64 * 1024;

/** A tool could not do all of it; what it said says why. */
export const PARTLY = 3;
/** The pattern was refused. */
export const REFUSED = 4;

/** Globs that `find` reads as they are read here. */
const PLAIN_GLOB = /^![\w.*-]+$/;

/**
 * Searches in one directory or file. First of all it prints `r` or `g` (ripgrep, or find and grep), `d` or `f`, the path,
 * NUL. With ripgrep its output follows; else the listing of a directory (search-listing.ts), which ends by NUL `e` NUL
 * NUL, and with a pattern what grep finds in the files whose paths come by stdin (search-output.ts).
 * @param pattern undefined when it is not for grep; without any pattern of `search` entries are found by name
 */
export function searchBody(
  path: ScriptPath,
  search: ShellSearch,
  pattern: GrepPattern | undefined,
  tools: PlaceTools,
): string {
  const byName = search.pattern === undefined;
  return inPath(
    path,
    { follow: true, hold: true },
    tools,
    `if [ -d "$_bp" ]; then _bk=d
cd "$_bp" 2>/dev/null || _bE EACCES
if [ ! -r . ]; then _bE EACCES; fi
_bv=$(pwd -P; printf x)
_bv=\${_bv%?x}
elif [ -f "$_bp" ]; then _bk=f; _bv=$_bp
if [ ! -r "$_bp" ]; then _bE EACCES; fi
elif [ -e "$_bp" ]; then _bE fs.not_a_regular_file
else _bF "$_bp"
fi`,
    byName ? ":" : ripgrep(search),
    `for _bx in find stat xargs grep; do
command -v "$_bx" >/dev/null 2>&1 || _bE runtime.capability_unsupported
done`,
    tools.stat === "ls" ? "_bE runtime.capability_unsupported" : ":",
    byName || pattern !== undefined ? ":" : "_bE search.pattern_invalid",
    pattern === undefined ? ":" : grepFunctions(search, pattern, isContained(path)),
    `printf 'g%s%s\\000' "$_bk" "$_bv"`,
    byName
      ? `if [ "$_bk" = f ]; then stat -L ${statFormat(tools, "-")} "$_bp" || _bF "$_bp"; exit 0; fi`
      : ":",
    listing(search, tools),
    pattern === undefined ? ":" : look(pattern),
  );
}

function ripgrep(search: ShellSearch): string {
  const run = (isFile: boolean, target: string) => {
    const how = { shape: outputShape(search, isFile), inOrder: true };
    return `rg $_bo ${words(ripgrepArguments(search, how))} ${target} </dev/null`;
  };
  return `_bx=$(rg --no-config --version 2>/dev/null </dev/null)
case $_bx in
'ripgrep '*)
_bx=\${_bx#ripgrep }
_bx=\${_bx%%.*}
;;
*) _bx=0 ;;
esac
case $_bx in ''|*[!0-9]*) _bx=0 ;; esac
if [ "$_bx" -ge ${OLDEST_RIPGREP} ]; then
printf 'r%s%s\\000' "$_bk" "$_bv"
if [ "$_bk" = d ]; then
_bo=${NO_PARENT_RULES}
_bd=\${_bv%/}
while :; do
if [ -e "$_bd/.git" ]; then _bo=; break; fi
[ -n "$_bd" ] || break
_bd=\${_bd%/*}
done
${run(false, "./")}
else
_bo=
${run(true, '"$_bp"')}
fi
if [ "$?" -gt 1 ]; then exit ${PARTLY}; fi
exit 0
fi`;
}

/**
 * Of each path one record: NUL, a letter, the path, NUL, text, NUL. `i`: an ignore file; `g`: the .git of a repository,
 * with what its info/exclude says; `n`: a name with a line end in it, which is left out.
 */
const RULES = `for f do
case $f in
*'
'*) printf '\\000n%s\\000\\000' "$f" ;;
*/.git)
[ -e "$f" ] || continue
printf '\\000g%s\\000' "$f"
d=$f
if [ -f "$f" ]; then
d=$(sed -n 's/^gitdir: //p' "$f")
case $d in /*) ;; *) d=\${f%.git}$d ;; esac
if [ -f "$d/commondir" ]; then
c=$(cat "$d/commondir")
case $c in /*) d=$c ;; *) d=$d/$c ;; esac
fi
fi
if [ -f "$d/info/exclude" ]; then tr -d '\\000' <"$d/info/exclude"; fi
printf '\\000'
;;
*)
[ -f "$f" ] && [ -r "$f" ] || continue
printf '\\000i%s\\000' "$f"
tr -d '\\000' <"$f"
printf '\\000'
;;
esac
done`;

function listing(search: ShellSearch, tools: PlaceTools): string {
  const types = search.pattern === undefined ? search.types : ["file"];
  const letters = { file: "f", directory: "d", symlink: "l" } as Readonly<Record<string, string>>;
  const tell = `-exec sh -c "$_bh" sh {} +`;
  const above = `set --
_bd=\${_bv%/}
while [ -n "$_bd" ]; do
_bd=\${_bd%/*}
for _bx in .rgignore .ignore .gitignore .git; do set -- "$@" "$_bd/$_bx"; done
done
sh -c "$_bh" sh "$@"`;
  const left = search.globs.filter((glob) => PLAIN_GLOB.test(glob)).map((glob) => shellQuote(glob.slice(1)));
  const expression = [
    `-name .git ${search.ignored ? "" : `${tell} `}-prune`,
    ...(search.ignored
      ? []
      : [`\\( -name .gitignore -o -name .ignore -o -name .rgignore \\) ${tell} -name ''`]),
    `-name "$_bx" ${tell} -prune`,
    ...(search.hidden ? [] : ["-name '.?*' -prune"]),
    ...left.map((name) => `-name ${name} -prune`),
    `\\( ${types.map((type) => `-type ${letters[type]}`).join(" -o ")} \\) -exec stat ${statFormat(tools, "n")} {} +`,
  ];
  const depth = Number.isFinite(search.maxDepth) ? `-maxdepth ${search.maxDepth} ` : "";
  return `if [ "$_bk" = d ]; then
_bh=${shellQuote(RULES)}
${search.ignored ? ":" : above}
_bx='*
*'
find . ${depth}${expression.join(" -o ")}
printf '\\000e\\000\\000'
fi`;
}

function grepFunctions(search: ShellSearch, { flags, text }: GrepPattern, contained: boolean): string {
  const { show, after, maxPerFile, maxResults } = search.limits;
  const before = search.pattern?.before ?? 0;
  const most = after === 0 ? ` -m ${Math.min(maxPerFile, maxResults + 1)}` : "";
  const pattern = `${words(flags)} -e ${shellQuote(text)}`;
  const around = `${before > 0 ? ` -B ${before}` : ""}${after > 0 ? ` -A ${after}` : ""}`;
  const tells = {
    lines: `grep -n${around}${most} $_bi ${pattern} -- "$_bo" </dev/null`,
    count: `grep -c${most} $_bi ${pattern} -- "$_bo" </dev/null`,
    files: ":",
  };
  // A name on the way may have become a link: what was opened is looked at, when the kernel says that it is inside.
  const held = `exec 8<"$1"
_br /proc/self/fd/8
case $_bk$_bl in f*|d"\${_bv%/}"/*) ;; *) exit ;; esac
_bo=/proc/self/fd/8`;
  // Where grep does not know binary files (that of busybox takes -I and does nothing), what has a NUL is one.
  return `_bi=-I
printf 'x\\000' | grep -I x >/dev/null 2>&1
if [ "$?" -ne 1 ] || ! echo x | grep -I x >/dev/null 2>&1; then _bi=; fi
grep $_bi ${pattern} -- /dev/null
if [ "$?" -gt 1 ]; then exit ${REFUSED}; fi
_bg() (
_bo=$1
${contained ? held : ":"}
if [ -z "$_bi" ] && [ "$(dd bs=${BINARY_BYTES} count=1 <"$_bo" 2>/dev/null | tr -dc '\\000' | wc -c)" -ne 0 ]; then exit; fi
printf ':%s\\n' "$1"
${tells[show]}
)`;
}

function look({ flags, text }: GrepPattern): string {
  const cut = `LC_ALL=C cut -b -${MAX_SENT_LINE_BYTES}`;
  return `if [ "$_bk" = f ]; then
if grep -q ${words(flags)} -e ${shellQuote(text)} -- "$_bp" </dev/null; then _bg "$_bp" | ${cut}; fi
exit 0
fi
xargs -0 grep -l $_bi ${words(flags)} -e ${shellQuote(text)} -- /dev/null |
while IFS= read -r _bf; do _bg "$_bf"; done | ${cut}
exit 0`;
}
