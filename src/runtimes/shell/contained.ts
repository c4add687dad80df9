import { pathWord } from "./script.ts";

/** A path that is held inside of some directories of the place. */
export interface ContainedPath {
  readonly path: string;
  /** Absolute paths of the place; the first one has to be there. */
  readonly roots: readonly string[];
}

/** A path as scripts get it. */
export type ScriptPath = string | ContainedPath;

export interface Entering {
  /** Also a link as last component is followed. */
  readonly follow?: boolean;
  /** Missing directories on the way are made. */
  readonly create?: boolean;
  /** What is there is opened, and _bp is the open file or directory, whatever becomes of its name. */
  readonly hold?: boolean;
}

/**
 * Script that turns the path in _bp into one that leads nowhere else. The shell goes into the directory of the entry, and
 * is in it from then on whatever becomes of the names on the way; only then it is compared with the roots, by its real
 * path. A link as last component is read and followed the same way. _bp becomes `./name`, which no call that does not
 * follow links can be led out by; with `hold` it becomes `/proc/self/fd/9`, opened once and then compared by what the
 * kernel says that it is. `_br` has to be there (file-scripts.ts).
 *
 * `_bI`: the shell's directory is inside; its real path is put into _bc. `_bG PATH`: goes into the directory of PATH, whose
 * last name becomes _bN. `_bV PATH`: why a directory can't be entered. `_bA PATH`: the same for a directory that is not there, as far as there is one.
 */
export function enter({ roots }: ContainedPath, { follow, create, hold }: Entering): string {
  const inside = roots.map((_, index) => `"$_bR${index}"/*`).join("|");
  const root = roots.map((_, index) => `"$_bR${index}"`).join("|");
  return `${roots.map(realRoot).join("\n")}
_bI() {
_bc=$(pwd -P; printf x)
_bc=\${_bc%?x}
case $_bc/ in ${inside}) return 0 ;; esac
return 1
}
_bV() {
if [ -d "$1" ] && [ ! -x "$1" ]; then _bE EACCES; fi
_bE ENOENT
}
_bA() {
_ba=$1
_bz=
until cd -P "$_ba" 2>/dev/null; do
_bz=\${_ba##*/}/$_bz
case $_ba in ?*/*) _ba=\${_ba%/*} ;; *) _ba=/ ;; esac
done
_bI || _bE fs.outside_workspace
while :; do
_bx=\${_bz%%/*}
case $_bx in
'') case $_bz in /*) _bz=\${_bz#/}; continue ;; esac; return ;;
.) _bz=\${_bz#*/}; continue ;;
esac
if [ ! -d "./$_bx" ]; then
if [ -e "./$_bx" ]; then _bE ENOTDIR; fi
${create === true ? 'mkdir "./$_bx" 2>/dev/null || [ -d "./$_bx" ] || mkdir "./$_bx" || _bF "./$_bx"' : "_bE ENOENT"}
fi
cd -P "./$_bx" 2>/dev/null || _bV "./$_bx"
_bI || _bE fs.outside_workspace
_bz=\${_bz#*/}
done
}
_bG() {
_bg=$1
while :; do case $_bg in ?*/) _bg=\${_bg%/} ;; *) break ;; esac; done
case $_bg in /*) ;; *) _bg=./$_bg ;; esac
_bd=\${_bg%/*}
_bN=\${_bg##*/}
case $_bN in .|..|'') _bd=$_bg; _bN=. ;; esac
[ -n "$_bd" ] || _bd=/
if ! ( cd -P "$_bd" ) 2>/dev/null; then _bA "$_bd"
elif ( cd -P "$_bd" && _bI ) 2>/dev/null; then cd -P "$_bd" 2>/dev/null || _bV "$_bd"
elif cd -P "$_bg" 2>/dev/null; then
_bI || _bE fs.outside_workspace
case $_bc in ${root}) _bN=. ;; *) _bE fs.outside_workspace ;; esac
else _bE fs.outside_workspace
fi
_bI || _bE fs.outside_workspace
}
_bG "$_bp"
${follow === true ? FOLLOW_INSIDE : ":"}
_bp=./$_bN
${hold === true ? holdOpen(inside, root) : ":"}`;
}

const FOLLOW_INSIDE = `_bi=0
while [ "$_bN" != . ] && [ -L "./$_bN" ]; do
_bi=$((_bi+1))
if [ "$_bi" -gt 40 ]; then _bE ELOOP; fi
_br "./$_bN"
if [ -n "$_bl" ]; then _bG "$_bl"; fi
done`;

function realRoot(path: string, index: number): string {
  const name = `_bR${index}`;
  // A further root that is not there holds nothing.
  const missing = index === 0 ? `_bF ${pathWord(path)}` : `${name}=/dev/null/x`;
  return `${name}=$(cd -P ${pathWord(path)} 2>/dev/null && { pwd -P; printf x; })
if [ -z "$${name}" ]; then ${missing}; fi
${name}=\${${name}%?x}
if [ "$${name}" = / ]; then ${name}=; fi`;
}

/** What was opened is asked for its path: a name that became a link meanwhile has led elsewhere. */
function holdOpen(inside: string, root: string): string {
  return `if [ -d "$_bp" ]; then :
elif [ ! -e "$_bp" ]; then _bE ENOENT
elif [ ! -f "$_bp" ]; then _bE fs.not_a_regular_file
fi
( : <"$_bp" ) || _bF "$_bp"
exec 9<"$_bp"
_br /proc/self/fd/9
case $_bl in ${inside}|${root}) ;; *) _bE fs.outside_workspace ;; esac
_bp=/proc/self/fd/9`;
}
