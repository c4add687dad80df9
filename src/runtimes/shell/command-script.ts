import { DEFAULT_PATH, NON_INTERACTIVE_ENVIRONMENT } from "../../contract/environment.ts";
import { shellQuote } from "../../transports/shell-quote.ts";
import { markerFunction, pathWord, seconds, WHY_FUNCTION, words } from "./script.ts";
import type { PlaceTools } from "./tools.ts";

/** Time between two looks whether a group has ended. */
const LOOK_MS = 100;

export interface CommandScriptOptions {
  readonly nonce: string;
  /** The POSIX shell of the place, an absolute path. */
  readonly shell: string;
  readonly tools: PlaceTools;
  readonly argv: readonly string[];
  readonly cwd: string;
  /** null removes a variable. */
  readonly env: readonly (readonly [string, string | null])[];
  readonly input: boolean;
  readonly merge: boolean;
  readonly timeoutMs: number | undefined;
  readonly killGraceMs: number;
  readonly drainMs: number;
}

/**
 * The script that runs one command. Descriptors: 3 the command's stdin, 5 and 6 the run's stdout and stderr, 8 the
 * pipe to the watchdog. Markers on stderr: `error CODE` (it was not started), `start PID STAT` (STAT: its line of
 * /proc/PID/stat), `failed` (exec refused it), `timeout`, and at the end `end SAID STATUS`, where SAID is what
 * launcher or shell said about its death; on stdout only `end`.
 */
export function commandScript(options: CommandScriptOptions): string {
  const { tools, timeoutMs } = options;
  const main = `{ ${runAndReport(options)}
}`;
  return [
    markerFunction(options.nonce),
    WHY_FUNCTION,
    LOOK_UP_FUNCTION,
    `exec 3${options.input ? "<&0" : "</dev/null"} 5>&1 6>&2 </dev/null`,
    // Not `|| [ -n "$PATH" ]`: a PATH that is set but not exported would not reach the command.
    `[ -n "\${PATH:-}" ] || PATH=${DEFAULT_PATH}`,
    "export PATH",
    changeDirectory(options.cwd),
    `set -- ${words(options.argv)}`,
    `_bi=${shellQuote(startScript(options))}`,
    timeoutMs === undefined ? main : `${main} 8>&1 >&5 | ${watchdog(timeoutMs, options.killGraceMs, tools)}`,
  ].join("\n");
}

/** Prints both end markers; nothing of the command's own output comes behind them. */
const GIVE_UP = `_bg() { _bm "error $1" >&6; _bm end >&5; _bm "end $2" >&6; exit 0; }`;

function changeDirectory(cwd: string): string {
  return `${GIVE_UP}
_bd=${pathWord(cwd)}
cd "$_bd" 2>/dev/null || {
case $([ -d "$_bd" ] && echo EACCES || _bw "$_bd") in
ENOENT) _bg process.cwd_not_found 1 ;;
*) _bg process.cwd_not_accessible 1 ;;
esac
}
unset OLDPWD`;
}

/**
 * Defines `_bl NAME`: looks the command up as exec will, with the PATH of the command, so that what is missing is an
 * error of its own and not a message in the command's output. Sets _bf to the file. Prints the error's code.
 */
const LOOK_UP_FUNCTION = `_bl() {
case $1 in
*/*)
case $1 in -*) _bf=./$1 ;; *) _bf=$1 ;; esac
if [ -d "$1" ]; then echo process.permission_denied; return; fi
if [ -x "$1" ]; then return; fi
if [ -e "$1" ] || [ "$(_bw "$1")" = EACCES ]; then echo process.permission_denied; else echo process.not_found; fi
return ;;
'') echo process.not_found; return ;;
esac
set -f
IFS=:
_bk=process.not_found
for _bd in $PATH; do
_bf=\${_bd:-.}/$1
if [ -f "$_bf" ]; then
if [ -x "$_bf" ]; then _bk=; break; fi
_bk=process.permission_denied
fi
done
unset IFS
set +f
[ -z "$_bk" ] || echo "$_bk"
}`;

/**
 * Becomes the command: says who it is, then exec. dash and busybox leave a failed exec by the EXIT trap, bash only
 * with execfail. The shell's message goes
 * where the command's would; the marker to the run's stderr, which is 6 again where a failed exec takes its
 * redirections back, and 2 where it does not.
 */
function startScript(options: CommandScriptOptions): string {
  const watched = options.timeoutMs !== undefined;
  return `_bn=$1
shift
${options.env.some(([name]) => name === "SHLVL") ? "" : "unset SHLVL\n"}_bs=
{ IFS= read -r _bs </proc/$$/stat; } 2>/dev/null
printf '\\001\\002%s:start %s %s\\003' "$_bn" "$$" "$_bs" >&6
${watched ? 'echo "$$" >&8' : ":"}
_bf() { printf '\\001\\002%s:failed\\003' "$_bn"; }
trap '{ _bf >&6; } 2>/dev/null || _bf >&2' EXIT
[ -n "\${BASH_VERSION:-}" ] && shopt -s execfail
exec "$@" <&3 >&5 ${options.merge ? "2>&1" : "2>&6"} 3<&- 5>&- 6>&- ${watched ? "8>&-" : ""}`;
}

/**
 * Runs the command in the foreground of this shell: a command started with `&` ignores INT and QUIT for good. It is
 * in a command substitution to catch what launcher and shell say about its death; the command itself holds none of
 * its descriptors.
 */
function runAndReport(options: CommandScriptOptions): string {
  const { tools, shell } = options;
  const start = `${shellQuote(shell)} -c "$_bi" sh "$_bn" "$@"`;
  const launch = {
    wait: `exec ${shellQuote(tools.setsid)} -f -w ${start}`,
    time: `exec ${shellQuote(tools.time)} ${shellQuote(tools.setsid)} ${start}`,
    plain: `exec ${shellQuote(tools.setsid)} ${start}`,
    monitor: `exec ${start}`,
    none: `exec ${start}`,
  }[tools.launcher];
  const prepared = `(
${environment(options.env)}
_bc=$(_bl "$1")
if [ -n "$_bc" ]; then _bm "error $_bc" >&6; exit 127; fi
case $1 in -*) _bl "$1" >/dev/null; shift; set -- "$_bf" "$@" ;; esac
${launch}
)`;
  const run =
    tools.launcher === "monitor"
      ? `set -m; ${prepared} & wait "$!"; printf ' %s' "$?"`
      : `${prepared}; printf ' %s' "$?"`;
  const drain =
    options.drainMs > 0
      ? `${shellQuote(tools.sleep)} ${seconds(options.drainMs, tools.fractionalSleep)} 8>&-`
      : ":";
  return `_bo=$( { ${run}; } 2>&1 )
${drain}
_bm end >&5
_bm "end $_bo" >&6
${options.timeoutMs === undefined ? "" : "echo >&8"}`;
}

function environment(env: CommandScriptOptions["env"]): string {
  const lines = NON_INTERACTIVE_ENVIRONMENT.map(([name, value]) => `export ${name}=${value}`);
  for (const [name, value] of env) {
    // bash goes on after it has refused a name of its own (UID).
    lines.push(`${value === null ? `unset ${name}` : `export ${name}=${shellQuote(value)}`} || exit 1`);
  }
  return lines.join("\n");
}

/**
 * Ends the command's group when the time is over, and what is left of it when the command itself went at once. Its
 * own sleep is ended with it, so that nothing is left behind; it holds no descriptor of the command.
 */
function watchdog(timeoutMs: number, killGraceMs: number, tools: PlaceTools): string {
  const sleep = shellQuote(tools.sleep);
  return `{
IFS= read -r _bc || exit 0
(
trap 'kill "$!"; exit 0' TERM
${sleep} ${seconds(timeoutMs, tools.fractionalSleep)} 6>&- &
wait "$!"
trap '' TERM
_bm timeout >&6
exec 6>&-
${endGroup("$_bc", killGraceMs, tools)}
) >/dev/null 2>&1 </dev/null 3<&- 5>&- &
exec 5>&- 6>&-
read -r _bx
kill "$!"
wait "$!"
} 2>/dev/null`;
}

/**
 * TERM, CONT, grace, KILL, to the group of the process `pid` (a variable, or a number). Defines `_ba`: whether any of
 * it is alive; zombies are not, which stay where nothing reaps orphans (a container without init).
 */
function endGroup(pid: string, killGraceMs: number, tools: PlaceTools): string {
  const step = tools.fractionalSleep ? LOOK_MS : 1000;
  const target = tools.launcher === "none" ? pid : `-${pid}`;
  return `_ba() {
kill -0 ${target} || return 1
[ -r /proc/self/stat ] || return 0
for _bt in /proc/[0-9]*/stat; do
IFS= read -r _bs <"$_bt" || continue
set -- "\${_bs%% *}" \${_bs##*) }
[ "$${tools.launcher === "none" ? 1 : 4}" = ${pid} ] && [ "$2" != Z ] && return 0
done
return 1
}
kill -TERM ${target}; kill -CONT ${target}
_bj=0
while [ "$_bj" -lt ${Math.ceil(killGraceMs / step)} ] && _ba; do
${shellQuote(tools.sleep)} ${seconds(step, tools.fractionalSleep)}
_bj=$((_bj+1))
done
kill -KILL ${target}`;
}

export interface EndScriptOptions {
  readonly nonce: string;
  readonly tools: PlaceTools;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat at its start; another one means that the number belongs to somebody else now. */
  readonly startTime: string | undefined;
  readonly killGraceMs: number;
}

/** Ends a command that runs in another run. Prints `left 1` when its group was still there at the end. */
export function endScript(options: EndScriptOptions): string {
  const { pid, tools } = options;
  const check =
    options.startTime === undefined
      ? ":"
      : `_bs=
{ IFS= read -r _bs </proc/${pid}/stat; } 2>/dev/null
if [ -n "$_bs" ]; then
_bs=\${_bs##*) }
set -- $_bs
shift 19
[ "$1" = ${shellQuote(options.startTime)} ] || exit 0
fi`;
  return [
    markerFunction(options.nonce),
    "(",
    check,
    `{ ${endGroup(String(pid), options.killGraceMs, tools)}`,
    `_bj=0
while [ "$_bj" -lt ${tools.fractionalSleep ? 20 : 2} ] && _ba; do
${shellQuote(tools.sleep)} ${seconds(tools.fractionalSleep ? LOOK_MS : 1000, tools.fractionalSleep)}
_bj=$((_bj+1))
done
_ba && _bl=1 || _bl=0; } 2>/dev/null
printf 'left %s\\n' "$_bl"`,
    ") </dev/null",
    '_bm end; _bm "end $?" >&2',
  ].join("\n");
}

/** Start time of a line of /proc/PID/stat: its field 22. The second field is a name that may hold anything. */
export function startTimeOf(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

/**
 * Ends a script of Berth's own and everything that it started, found by descent: where it is not the first of a
 * session, its process group is somebody else's too. `pid` is that of the shell that runs the script.
 */
export function endTreeScript(nonce: string, pid: number, tools: PlaceTools): string {
  const sleep = `${shellQuote(tools.sleep)} ${seconds(tools.fractionalSleep ? LOOK_MS : 1000, tools.fractionalSleep)}`;
  return `${markerFunction(nonce)}
_bps() {
if [ ! -r /proc/self/stat ]; then ps -A -o pid= -o ppid=; return; fi
for _bf in /proc/[0-9]*/stat; do
IFS= read -r _bs <"$_bf" || continue
set -- "\${_bs%% *}" \${_bs##*) }
printf '%s %s\\n' "$1" "$3"
done
}
{
_bl=" ${pid} "
_bo=
while [ "$_bo" != "$_bl" ]; do
_bo=$_bl
while read -r _bp _bq; do
case $_bl in *" $_bp "*) continue ;; esac
case $_bl in *" $_bq "*) _bl="$_bl$_bp " ;; esac
done <<_BERTH
$(_bps)
_BERTH
done
kill -TERM $_bl; kill -CONT $_bl
${sleep}
kill -KILL $_bl
} 2>/dev/null
_bm end; _bm "end 0" >&2`;
}
