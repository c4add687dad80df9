import { type ContainedPath, type Entering, enter, type ScriptPath } from "./contained.ts";
import { pathWord, WHY_FUNCTION, words } from "./script.ts";
import { statFunction } from "./stat-format.ts";
import type { PlaceTools } from "./tools.ts";

/**
 * Bodies of file operations. `_bE CODE` ends one with an error that a test has found; `_bF PATH` after a tool has
 * failed, whose message then says more, with what a look at the path suggests. Paths are absolute, so that none is
 * taken for an option.
 */
const FAIL_FUNCTION = `${WHY_FUNCTION}
_bF() { _bm "maybe $(_bw "$1")" >&2; exit 1; }`;

/**
 * Defines `_br LINK`, which puts its target into _bl, newlines at its end included. ls shows what it can't print as
 * "?": such a target is not to be had without readlink, and no guess is made.
 */
export function readLinkFunction(tools: PlaceTools): string {
  if (tools.readlink) return `_br() { _bl=$(readlink -n "$1"; printf x); _bl=\${_bl%x}; }`;
  return `_br() {
_bl=$(ls -ld "$1"; printf x)
case $_bl in
*\\?*) _bE ENOTSUP ;;
*"$1 -> "*) ;;
*) _bE ENOTSUP ;;
esac
_bl=\${_bl#*"$1 -> "}
_bl=\${_bl%?x}
}`;
}

/** Follows the link that _bp may be, until it is none. */
export const FOLLOW = `_bi=0
while [ -L "$_bp" ]; do
_bi=$((_bi+1))
if [ "$_bi" -gt 40 ]; then _bE ELOOP; fi
_br "$_bp"
case $_bl in
/*) _bp=$_bl ;;
*) _bp=\${_bp%/*}/$_bl ;;
esac
done`;

/** `lines` on a path that is not contained. */
export function onPath(path: string, ...lines: readonly string[]): string {
  return [FAIL_FUNCTION, `_bp=${pathWord(path)}`, ...lines].join("\n");
}

/** `lines` on a path, which is entered first when it is contained. */
export function inPath(
  path: ScriptPath,
  how: Entering,
  tools: PlaceTools,
  ...lines: readonly string[]
): string {
  if (typeof path === "string") return onPath(path, ...lines);
  return onPath(path.path, readLinkFunction(tools), enter(path, how), ...lines);
}

export function isContained(path: ScriptPath): path is ContainedPath {
  return typeof path !== "string";
}

export function statBody(path: ScriptPath, follow: boolean, tools: PlaceTools): string {
  const target = follow
    ? []
    : [readLinkFunction(tools), `if [ -L "$_bp" ]; then _br "$_bp"; printf %s "$_bl"; fi`];
  // What a contained path leads to is no link any more, and one that became one is not followed.
  const direct = follow && !isContained(path);
  return inPath(path, { follow }, tools, statFunction(tools, direct), `_bst "$_bp" || _bF "$_bp"`, ...target);
}

/** A line of digits (1 there, 0 not, 2 not to be known), then the stat lines of those that are there. */
export function statManyBody(paths: readonly string[], tools: PlaceTools): string {
  return [
    FAIL_FUNCTION,
    statFunction(tools, true),
    `set -- ${paths.map(pathWord).join(" ")}
_bk=
for _bp do
shift
if [ -e "$_bp" ]; then _bk="\${_bk}1"; set -- "$@" "$_bp"
else
case $(_bw "$_bp") in
ENOENT|ENOTDIR) _bk="\${_bk}0" ;;
*) _bk="\${_bk}2" ;;
esac
fi
done
printf '%s\\n' "$_bk"
if [ "$#" -gt 0 ]; then _bst "$@"; fi`,
  ].join("\n");
}

/** The canonical path, without a newline behind it. */
export function realpathBody(path: ScriptPath, tools: PlaceTools): string {
  if (isContained(path)) {
    return inPath(
      path,
      { follow: true },
      tools,
      `if [ ! -e "$_bp" ]; then _bE ENOENT; fi
case $_bN in
.) printf %s "$_bc" ;;
*) printf '%s/%s' "\${_bc%/}" "$_bN" ;;
esac`,
    );
  }
  return onPath(
    path,
    readLinkFunction(tools),
    `if [ ! -e "$_bp" ]; then _bF "$_bp"; fi
if [ ! -d "$_bp" ]; then
${FOLLOW}
_bn=\${_bp##*/}
_bp=\${_bp%/*}/
else
_bn=
fi
cd "$_bp" 2>/dev/null || _bF "$_bp"
_bd=$(pwd -P; printf x)
_bd=\${_bd%?x}
case $_bn in
'') printf %s "$_bd" ;;
*) printf '%s/%s' "\${_bd%/}" "$_bn" ;;
esac`,
  );
}

/** A letter for the type and the name, ended by NUL, for each entry. */
export function readdirBody(path: ScriptPath, tools: PlaceTools): string {
  return inPath(
    path,
    { follow: true, hold: true },
    tools,
    `if [ ! -d "$_bp" ]; then
if [ -e "$_bp" ]; then _bE ENOTDIR; fi
_bF "$_bp"
fi
if [ ! -r "$_bp" ]; then _bE EACCES; fi
cd "$_bp" 2>/dev/null || _bE EACCES
for _bf in * .[!.]* ..?*; do
if [ -L "$_bf" ]; then _bk=l
elif [ -f "$_bf" ]; then _bk=-
elif [ -d "$_bf" ]; then _bk=d
elif [ -p "$_bf" ]; then _bk=p
elif [ -S "$_bf" ]; then _bk=s
elif [ -b "$_bf" ]; then _bk=b
elif [ -c "$_bf" ]; then _bk=c
else continue
fi
printf '%s%s\\0' "$_bk" "$_bf"
done`,
  );
}

export interface ReadRange {
  readonly start: number;
  /** Bytes; undefined is to the end. */
  readonly length: number | undefined;
  readonly special: boolean;
}

export function readBody(path: ScriptPath, range: ReadRange, tools: PlaceTools): string {
  return inPath(path, { follow: true, hold: true }, tools, checkReadable(range), readCommand(range, tools));
}

function checkReadable(range: ReadRange): string {
  const unfit = range.special ? '[ -S "$_bp" ]' : ":";
  return `if [ -d "$_bp" ]; then _bE EISDIR; fi
if [ -e "$_bp" ] && [ ! -f "$_bp" ] && ${unfit}; then _bE fs.not_a_regular_file; fi
if [ ! -r "$_bp" ]; then cat "$_bp" >/dev/null; _bF "$_bp"; fi`;
}

function readCommand({ start, length }: ReadRange, tools: PlaceTools): string {
  if (start === 0 && length === undefined) return 'cat "$_bp" || _bF "$_bp"';
  if (length === undefined) return `tail -c +${start + 1} "$_bp" || _bF "$_bp"`;
  if (tools.headBytes) return `tail -c +${start + 1} "$_bp" | head -c ${length}`;
  return `dd if="$_bp" bs=1 skip=${start} count=${length} 2>/dev/null || _bF "$_bp"`;
}

/**
 * Looks at a regular file: prints its stat line, then its bytes if they are at most `limit` (of the file, or of the
 * range), else its path.
 */
export function readSmallBody(path: ScriptPath, range: ReadRange, limit: number, tools: PlaceTools): string {
  const { length } = range;
  // Field of the size in a line of _bst (stat-format.ts).
  const size = `$${tools.stat === "ls" ? 6 : 2}`;
  const large = length !== undefined && length <= limit ? "false" : `[ "${size}" -gt ${limit} ]`;
  return inPath(
    path,
    { follow: true, hold: true },
    tools,
    checkReadable(range),
    statFunction(tools, true),
    `_bs=$(_bst "$_bp") || _bF "$_bp"
printf '%s\\n' "$_bs"
set -f
set -- $_bs
set +f
if ${large}; then printf %s "$_bp"; exit 0; fi`,
    readCommand(range, tools),
  );
}

export function mkdirBody(
  path: ScriptPath,
  recursive: boolean,
  mode: number | undefined,
  tools: PlaceTools,
): string {
  const flags = `${recursive ? "-p " : ""}${mode === undefined ? "" : `-m ${octal(mode)} `}`;
  return inPath(
    path,
    { follow: recursive, create: recursive },
    tools,
    recursive ? 'if [ -d "$_bp" ]; then exit 0; fi' : ":",
    `mkdir ${flags}"$_bp" || _bF "$_bp"`,
  );
}

/** Errors about the source are told by `from` on stdout. */
export function renameBody(from: string, to: string, tools: PlaceTools): string {
  return onPath(
    from,
    `_bq=${pathWord(to)}
if [ ! -e "$_bp" ] && [ ! -L "$_bp" ]; then echo from; _bF "$_bp"; fi
if [ "$_bp" = "$_bq" ]; then exit 0; fi
if [ ! -L "$_bp" ] && [ ! -L "$_bq" ] && [ "$_bp" -ef "$_bq" ]; then exit 0; fi
_bk=
if [ -d "$_bp" ] && [ ! -L "$_bp" ]; then _bk=d; fi
if [ -d "$_bq" ] && [ ! -L "$_bq" ]; then
if [ -z "$_bk" ]; then _bE EISDIR; fi
rmdir "$_bq" || _bF "$_bq"
elif [ -n "$_bk" ]; then
if [ -e "$_bq" ] || [ -L "$_bq" ]; then _bE ENOTDIR; fi
fi`,
    // Without -T, mv would move into the directory that a link points to.
    tools.coreutils
      ? 'mv -f -T "$_bp" "$_bq" || _bF "$_bq"'
      : `if [ -L "$_bq" ]; then rm -f "$_bq" || _bF "$_bq"; fi
mv -f "$_bp" "$_bq" || _bF "$_bq"`,
  );
}

/** `check` is run before anything is removed, and may end it by `_bE`. */
export function rmBody(
  path: ScriptPath,
  recursive: boolean,
  force: boolean,
  tools: PlaceTools,
  check = ":",
): string {
  return inPath(
    path,
    {},
    tools,
    isContained(path) ? 'if [ "$_bN" = . ]; then _bE fs.outside_workspace; fi' : ":",
    check,
    `if [ ! -e "$_bp" ] && [ ! -L "$_bp" ]; then
_bk=$(_bw "$_bp")
${force ? 'if [ "$_bk" = ENOENT ]; then exit 0; fi' : ":"}
_bE "$_bk"
fi
if [ -d "$_bp" ] && [ ! -L "$_bp" ]; then
${recursive ? 'rm -rf "$_bp" || _bF "$_bp"' : "_bE EISDIR"}
else rm -f "$_bp" || _bF "$_bp"
fi`,
  );
}

export function symlinkBody(target: string, path: ScriptPath, tools: PlaceTools): string {
  // Without -n a link would be made in the directory that a link points to.
  return inPath(
    path,
    {},
    tools,
    `if [ -e "$_bp" ] || [ -L "$_bp" ]; then _bE EEXIST; fi
ln -s${isContained(path) ? " -n" : ""} -- ${words([target])} "$_bp" || _bF "$_bp"`,
  );
}

export function chmodBody(path: ScriptPath, mode: number, tools: PlaceTools): string {
  return inPath(path, { follow: true, hold: true }, tools, `chmod ${octal(mode)} "$_bp" || _bF "$_bp"`);
}

export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
