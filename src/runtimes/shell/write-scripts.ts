import { shellQuote } from "../../transports/shell-quote.ts";
import type { ScriptPath } from "./contained.ts";
import { FOLLOW, inPath, isContained, octal, onPath, readLinkFunction } from "./file-scripts.ts";
import type { PlaceTools } from "./tools.ts";

/** A temporary that nobody finished is removed by a later write to its directory after this many minutes. */
const STALE_MINUTES = 24 * 60;

/**
 * Where what was written waits, between the two runs of a write whose length is not known before. `direct` is a
 * target that was written to as it came.
 */
export interface Prepared {
  readonly bytes: number;
  readonly how: "replace" | "in-place" | "direct";
  readonly temporary: string;
  readonly target: string;
  /** Octal. */
  readonly mode: string;
  readonly owner: string;
}

/**
 * `rwxr-xr-x` to octal; ls is the one tool that tells the mode everywhere.
 */
const MODE_FUNCTION = `_bo() {
_bv=0
case $1 in r*) _bv=$((_bv+256)) ;; esac
case $1 in ?w*) _bv=$((_bv+128)) ;; esac
case $1 in ??[xs]*) _bv=$((_bv+64)) ;; esac
case $1 in ??[sS]*) _bv=$((_bv+2048)) ;; esac
case $1 in ???r*) _bv=$((_bv+32)) ;; esac
case $1 in ????w*) _bv=$((_bv+16)) ;; esac
case $1 in ?????[xs]*) _bv=$((_bv+8)) ;; esac
case $1 in ?????[sS]*) _bv=$((_bv+1024)) ;; esac
case $1 in ??????r*) _bv=$((_bv+4)) ;; esac
case $1 in ???????w*) _bv=$((_bv+2)) ;; esac
case $1 in ????????[xt]*) _bv=$((_bv+1)) ;; esac
case $1 in ????????[tT]*) _bv=$((_bv+512)) ;; esac
printf '%04o' "$_bv"
}`;

/**
 * Finds out how the target can be written: _bh replace (by a rename), in-place (of a complete temporary: several
 * links, an ACL that ls shows by `+`, an owner that can't be kept) or direct (no regular file, or a directory in
 * which no temporary can be made). The temporary is 0600 from its first moment.
 */
function prepare(temporary: string, mode: number | undefined, tools: PlaceTools, contained = false): string {
  return `${readLinkFunction(tools)}
${MODE_FUNCTION}
${contained ? ":" : FOLLOW}
if [ -d "$_bp" ]; then _bE EISDIR; fi
_bd=\${_bp%/*}/
if [ ! -d "$_bd" ]; then
case $(_bw "$_bd") in ENOTDIR) _bE ENOTDIR ;; esac
mkdir -p "$_bd" || _bF "$_bp"
fi
_bh=replace
_bu=
_bx=${mode === undefined ? "$(printf '%04o' $((0666 & ~0$(umask))))" : octal(mode)}
_bq=
if [ -e "$_bp" ]; then
_bq=1
if [ ! -f "$_bp" ]; then ${contained ? "_bE fs.not_a_regular_file" : "_bh=direct"}
else
if [ ! -w "$_bp" ]; then ${contained ? "_bE EACCES" : '( : >>"$_bp" ) || _bF "$_bp"'}; fi
set -f
set -- $(ls -lnd "$_bp")
set +f
case $1 in *+) _bh=in-place ;; esac
if [ "$2" != 1 ]; then _bh=in-place; fi
_bx=$(_bo "\${1#?}")
_bu=$3:$4
fi
fi
_bt=$_bd${temporary}
trap 'exit 1' HUP INT TERM PIPE
if [ "$_bh" != direct ]; then
for _bs in "$_bd".berth-*; do
if [ -f "$_bs" ]; then find "$_bd" -maxdepth 1 -type f -name '.berth-??????-*-??????????' -mmin +${STALE_MINUTES} -exec rm -f {} ';' 2>/dev/null; break; fi
done
if ( umask 077; set -C; : >"$_bt" ) 2>/dev/null; then trap 'rm -f "$_bt"' EXIT
elif [ -n "$_bq" ]; then ${contained ? "_bE EACCES" : "_bh=direct"}
else ( : >"$_bt" ) || _bF "$_bd"; _bE EACCES
fi
fi
_bT=$_bt
${contained ? HOLD_TEMPORARY : ":"}`;
}

/** The temporary's content and mode are reached by what was opened, not by a name that another may have put there. */
const HOLD_TEMPORARY = `exec 7<>"$_bt"
if [ -L "$_bt" ] || [ ! "$_bt" -ef /proc/self/fd/7 ]; then _bE fs.outside_workspace; fi
case $(ls -ld /proc/self/fd/7) in *" -> $_bc/"*) ;; *) _bE fs.outside_workspace ;; esac
_bT=/proc/self/fd/7`;

/** Takes stdin. \`expected\` bytes are what a caller that went away in the middle did not send. */
function receive(expected: number | undefined, tools: PlaceTools): string {
  const check =
    expected === undefined ? ":" : `if [ "$_bz" != ${expected} ]; then _bE transport.disconnected; fi`;
  return `if [ "$_bh" = direct ]; then
cat >"$_bp" || _bF "$_bp"
_bz=0
else
cat >"$_bT" || _bF "$_bp"
_bz=$(wc -c <"$_bT")
_bz=$((_bz))
${check}
${keepAttributes(tools)}
fi`;
}

function keepAttributes(tools: PlaceTools): string {
  return tools.cpAttributes
    ? 'if [ -n "$_bq" ]; then cp --attributes-only --preserve=xattr "$_bp" "$_bT" 2>/dev/null; fi'
    : ":";
}

/** Makes what is in the temporary the content of the target. */
function commit(tools: PlaceTools, contained = false): string {
  // What is not contained has forgotten the temporary's descriptor, when this is a run of its own.
  const held = contained ? "$_bT" : "$_bt";
  return `if [ "$_bh" = replace ] && [ -n "$_bu" ]; then
set -f
set -- $(ls -ln${contained ? "L" : ""}d "${held}")
set +f
if [ "$3:$4" != "$_bu" ]; then chown "$_bu" "${held}" 2>/dev/null || _bh=in-place; fi
fi
if [ "$_bh" = replace ]; then
chmod "$_bx" "${held}" || _bF "$_bp"
if [ -d "$_bp" ]; then _bE EISDIR; fi
${contained && !tools.coreutils ? 'if [ -L "$_bp" ]; then _bE ELOOP; fi' : ":"}
if mv -f ${tools.coreutils ? "-T " : ""}"$_bt" "$_bp" 2>/dev/null; then trap - EXIT
else _bh=in-place
fi
fi
if [ "$_bh" = in-place ]; then
${
  contained
    ? `( : <"$_bp" ) || _bF "$_bp"
exec 9<"$_bp"
case $(ls -ld /proc/self/fd/9) in *" -> $_bc/$_bN") ;; *) _bE ELOOP ;; esac
cat "$_bT" >/proc/self/fd/9 || _bF "$_bp"`
    : 'cat "$_bt" >"$_bp" || _bF "$_bp"'
}
fi`;
}

/** One run for a content of known length. Prints `HOW`. `check` is run right before the new content is seen. */
export function writeBody(
  path: ScriptPath,
  options: {
    readonly temporary: string;
    readonly mode: number | undefined;
    readonly expected: number;
    readonly tools: PlaceTools;
    readonly check?: string | undefined;
  },
): string {
  const { temporary, mode, expected, tools, check = ":" } = options;
  const contained = isContained(path);
  return inPath(
    path,
    { follow: true, create: true },
    tools,
    prepare(temporary, mode, tools, contained),
    receive(expected, tools),
    `if [ "$_bh" != direct ]; then
${check}
${commit(tools, contained)}
fi
echo "$_bh"`,
  );
}

const PRINT_PREPARED = `trap - EXIT
printf '%s\\0' "$_bz" "$_bh" "$_bt" "$_bp" "$_bx" "$_bu"`;

/**
 * The first of two runs where the content comes by another way: leaves an empty temporary, but for a target that can
 * only be written directly, and prints the fields of `Prepared`.
 */
export function prepareBody(
  path: string,
  options: { readonly temporary: string; readonly mode: number | undefined; readonly tools: PlaceTools },
): string {
  const { temporary, mode, tools } = options;
  return onPath(
    path,
    prepare(temporary, mode, tools),
    `_bz=0
if [ "$_bh" != direct ]; then ${keepAttributes(tools)}; fi`,
    PRINT_PREPARED,
  );
}

/** The first of two runs: leaves the temporary, and prints the fields of `Prepared`, each ended by NUL. */
export function receiveBody(
  path: string,
  options: { readonly temporary: string; readonly mode: number | undefined; readonly tools: PlaceTools },
): string {
  const { temporary, mode, tools } = options;
  return onPath(path, prepare(temporary, mode, tools), receive(undefined, tools), PRINT_PREPARED);
}

/** The second: prints `HOW`. */
export function commitBody(prepared: Prepared, tools: PlaceTools): string {
  return onPath(
    prepared.target,
    `_bt=${shellQuote(prepared.temporary)}
_bh=${prepared.how}
_bx=${prepared.mode}
_bu=${shellQuote(prepared.owner)}
trap 'rm -f "$_bt"' EXIT
trap 'exit 1' HUP INT TERM PIPE`,
    commit(tools),
    'echo "$_bh"',
  );
}

/** Instead of the second, when the content did not come whole. `path` is the one that was asked for. */
export function discardBody(path: string, temporary: string, tools: PlaceTools): string {
  return onPath(path, readLinkFunction(tools), FOLLOW, `rm -f "\${_bp%/*}/"${temporary}`);
}
