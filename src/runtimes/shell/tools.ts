import { shellQuote } from "../../transports/shell-quote.ts";

/**
 * How a command is started in a session of its own, and how its death by a signal is told from an exit status
 * above 128, which for a shell is the same number:
 * - "wait": util-linux' `setsid --fork --wait` says "did not exit normally";
 * - "time": `time` (busybox, GNU) says "terminated by signal N";
 * - "plain": only the shell itself says something (dash, busybox: for all but INT and PIPE);
 * - "monitor": no setsid, but a shell with job control without a terminal (bash, so macOS): nothing is said.
 * - "none": no process group of its own.
 */
export type Launcher = "wait" | "time" | "plain" | "monitor" | "none";

/** What a place has, found by one run. */
export interface PlaceTools {
  readonly os: string;
  readonly arch: string;
  readonly user: string;
  readonly uid: number;
  readonly home: string;
  readonly launcher: Launcher;
  readonly setsid: string;
  readonly time: string;
  /** Absolute path of `sleep`, which a caller's PATH does not change. */
  readonly sleep: string;
  readonly fractionalSleep: boolean;
  readonly stat: "gnu" | "bsd" | "ls";
  readonly lsFullTime: boolean;
  readonly readlink: boolean;
  readonly headBytes: boolean;
  /** GNU's and BSD's read pax headers; that of busybox does not. */
  readonly tar: "gnu" | "bsd" | "other" | "none";
  /** GNU coreutils: `mv -T` (that of busybox refuses links to directories), `touch -d @SECONDS.FRACTION`. */
  readonly coreutils: boolean;
  /** `cp --attributes-only`: ACLs and extended attributes can be carried over. */
  readonly cpAttributes: boolean;
}

/** Prints one `name=value` a line. `shell` is the one that runs the scripts. */
export function probeScript(shell: string): string {
  const sh = shellQuote(shell);
  return `_bh() {
_bx=$(command -v "$1" 2>/dev/null) || _bx=
case $_bx in /*) return ;; esac
_by=$_bx
_bx=
IFS=:
for _bd in $PATH; do
if [ -f "$_bd/$1" ] && [ -x "$_bd/$1" ]; then _bx=$_bd/$1; break; fi
done
unset IFS
# A busybox without links runs its applets by name; bash has keywords that are called like tools.
[ -n "$_bx" ] || [ -n "\${BASH_VERSION:-}" ] || _bx=$_by
}
_bq() { "$@" </dev/null >/dev/null 2>&1; }
printf 'os=%s\\n' "$(uname -s 2>/dev/null)"
printf 'arch=%s\\n' "$(uname -m 2>/dev/null)"
printf 'user=%s\\n' "$(id -un 2>/dev/null)"
printf 'uid=%s\\n' "$(id -u 2>/dev/null)"
printf 'home=%s\\n' "\${HOME:-/}"
_bh sleep; printf 'sleep=%s\\n' "$_bx"
_bq "$_bx" 0.001 && echo fractionalSleep=1
_bh time; _bt=$_bx
_bh setsid; _bs=$_bx
printf 'setsid=%s\\ntime=%s\\n' "$_bs" "$_bt"
if [ -n "$_bs" ]; then
if _bq "$_bs" -f -w ${sh} -c 'exit 0'; then echo launcher=wait
else
case $([ -n "$_bt" ] && "$_bt" ${sh} -c 'kill -INT $$' 2>&1 </dev/null) in
*'terminated by signal 2'*) echo launcher=time ;;
*) echo launcher=plain ;;
esac
fi
elif [ "$( (set -m; ${sh} -c 'kill -0 -$$ && echo own' & wait "$!") 2>/dev/null)" = own ]; then echo launcher=monitor
else echo launcher=none
fi
if stat -c '%f %s %u %g %i %h %y' / >/dev/null 2>&1; then echo stat=gnu
elif stat -f '%p %z %u %g %i %l %Fm' / >/dev/null 2>&1; then echo stat=bsd
else echo stat=ls
fi
_bq ls -lind --full-time / && echo lsFullTime=1
_bh readlink; [ -n "$_bx" ] && echo readlink=1
[ "$(printf abc | head -c 2 2>/dev/null)" = ab ] && echo headBytes=1
_bh tar
if [ -n "$_bx" ]; then
case $("$_bx" --version 2>/dev/null </dev/null) in
*'GNU tar'*) echo tar=gnu ;;
*bsdtar*) echo tar=bsd ;;
*) echo tar=other ;;
esac
fi
case $(mv --version 2>/dev/null </dev/null) in *coreutils*) echo coreutils=1 ;; esac
cp --help 2>&1 </dev/null | grep -q -e --attributes-only && echo cpAttributes=1
:`;
}

const LAUNCHERS: readonly Launcher[] = ["wait", "time", "plain", "monitor", "none"];

const TARS = ["gnu", "bsd", "other"] as const;

/** What the probe printed. Lines that it does not know are left out: start-up files may print something. */
export function parseProbe(text: string): PlaceTools {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const equals = line.indexOf("=");
    if (equals > 0) values.set(line.slice(0, equals), line.slice(equals + 1));
  }
  const value = (name: string) => values.get(name) ?? "";
  const has = (name: string) => values.get(name) === "1";
  const stat = value("stat");
  return {
    os: value("os"),
    arch: value("arch"),
    user: value("user"),
    uid: value("uid") === "" ? -1 : Number(value("uid")),
    home: value("home") || "/",
    launcher: LAUNCHERS.find((launcher) => launcher === value("launcher")) ?? "none",
    setsid: value("setsid"),
    time: value("time"),
    sleep: value("sleep") || "sleep",
    fractionalSleep: has("fractionalSleep"),
    stat: stat === "gnu" || stat === "bsd" ? stat : "ls",
    lsFullTime: has("lsFullTime"),
    readlink: has("readlink"),
    headBytes: has("headBytes"),
    tar: TARS.find((tar) => tar === value("tar")) ?? "none",
    coreutils: has("coreutils"),
    cpAttributes: has("cpAttributes"),
  };
}
