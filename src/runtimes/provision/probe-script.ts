import { shellQuote } from "../../transports/shell-quote.ts";
import { MINIMUM_NODE_MAJOR } from "../payload-launch.ts";
import { SUMS_FILE } from "../payload-manifest.ts";
import { sharedScript } from "./isolation.ts";

/** Starts every line that the probe answers with: whatever else the place prints is not an answer. */
export const PROBE_MARK = "berth-probe";
/** The line after which the stream is the daemon's. */
export const DIAL_MARK = "berth-dial";

export interface ProbeRequest {
  /** Name of this place among those that may share its state directory; default: its host name. */
  readonly instance?: string | undefined;
  /** Only this directory is tried; default: those of the design, in order. */
  readonly stateDir?: string | undefined;
  readonly protocol: number;
  /** KiB that an installation takes where a usable Node is, and where it is not. */
  readonly neededKib: { readonly bundle: number; readonly withNode: number };
  /** A daemon that runs is dialled at once, on the same stream. */
  readonly dial: boolean;
  /** Id of this machine's boot: what a place of the same kernel shares with it is said. */
  readonly ownBootId?: string | undefined;
}

/**
 * Finds out in one round trip what the place is and what is there, with nothing but a POSIX shell (busybox's
 * too); each tool that is used may be missing. Values are one line each.
 */
export function probeScript(request: ProbeRequest): string {
  return `export LC_ALL=C
umask 077
say() { printf '${PROBE_MARK} %s %s\\n' "$1" "$2"; }
search=$PATH
PATH=\${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
${IDENTITY}
${STATE_DIRECTORIES}
instance=${shellQuote(request.instance ?? "")}
${INSTANCE_AND_BOOT}
key=\${instance:-place}-\${boot%%-*}/p${request.protocol}
${sharedScript(request.ownBootId ?? "")}
given=${shellQuote(request.stateDir ?? "")}
if [ -n "$given" ]; then set -- "$given"
else
  set --
  [ -n "$home" ] && set -- "\${XDG_STATE_HOME:-$home/.local/state}/berth"
  set -- "$@" /var/lib/berth "/var/tmp/berth-$uid" "/tmp/berth-$uid"
fi
for state in "$@"; do
  run=$state/run/$key
  short_run
  if mine "$state" && [ -S "$run/sock" ] && [ -f "$run/token" ]; then
    token=; bridge=
    read -r token 2>/dev/null <"$run/token"
    { read -r bridge <"$run/bridge"; } 2>/dev/null
    [ -n "$token" ] || continue
    say state "$state"
    say bridge "$bridge"
    say token "$token"
    say running "$run"
    ${request.dial ? `if [ -n "$bridge" ]; then echo ${DIAL_MARK}; PATH=$search; eval "exec $bridge \\"\\$run/sock\\""; fi` : ""}
    break
  fi
done
${LIBC_AND_NODE}
for tool in tar sha256sum nohup setsid; do command -v "$tool" >/dev/null 2>&1 && say tool "$tool"; done
needed=${request.neededKib.withNode}
[ -n "$node" ] && needed=${request.neededKib.bundle}
for state in "$@"; do
  try_state "$state"
  [ "$verdict" = ok ] && break
done
say end ok
`;
}

/**
 * What tells a place from others with which it may share a home directory, and from itself before it was started anew.
 * Of a long name both ends count, as hosts of a cluster may differ in either. Systems without /proc tell when they
 * were started, or (macOS) name each start.
 */
export const INSTANCE_AND_BOOT = `[ -n "$instance" ] || { read -r instance </proc/sys/kernel/hostname || instance=$(hostname); } 2>/dev/null
case $instance in ?????????????*)
  sum=$(printf %s "$instance" | cksum 2>/dev/null) || sum=\${instance#"\${instance%??????}"}
  instance=$(printf %.6s "$instance")\${sum%% *} ;;
esac
instance=$(printf %.16s "$instance" | tr -c 'A-Za-z0-9.' - 2>/dev/null)
{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null || boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null) ||
  { boot=$(sysctl -n kern.boottime 2>/dev/null | cksum 2>/dev/null) && boot=\${boot%% *}; } || boot=
boot=\${boot:-unknown}`;

/** What the place and its user are. */
export const IDENTITY = `os=$(uname -s 2>/dev/null) || { read -r os </proc/sys/kernel/ostype; } 2>/dev/null || os=unknown
arch=$(uname -m 2>/dev/null) || { read -r arch </proc/sys/kernel/arch; } 2>/dev/null || arch=unknown
uid= gid=
if [ -r /proc/self/status ]; then
  while read -r field first rest; do
    case $field in Uid:) uid=\${rest%%[!0-9]*} ;; Gid:) gid=\${rest%%[!0-9]*} ;; esac
  done </proc/self/status
fi
[ -n "$uid" ] || { uid=$(id -u) gid=$(id -g); } 2>/dev/null
account= home=$HOME shell=
if [ -r /etc/passwd ]; then
  while IFS=: read -r a_name _ a_uid _ _ a_home a_shell; do
    [ "$a_uid" = "$uid" ] || continue
    account=$a_name shell=$a_shell
    [ -n "$home" ] || home=$a_home
    break
  done </etc/passwd
fi
[ -n "$account" ] || account=$(id -un 2>/dev/null)
[ -n "$shell" ] || shell=$SHELL
say os "$os"
say arch "$arch"
say uid "$uid"
say gid "$gid"
say account "$account"
say home "$home"
say shell "$shell"`;

/** A directory of this user, and no link where anybody may have made one. */
export const MINE = `mine() {
  case $1 in /tmp/*|/var/tmp/*) [ ! -h "$1" ] || return 1 ;; esac
  [ -d "$1" ] && [ -O "$1" ]
}`;

/**
 * `try_state`: makes a directory, and tells whether the daemon can live there.
 * `short_run`: a unix socket's path is limited, so that a long one is reached through a link in a short directory.
 */
const STATE_DIRECTORIES = `${MINE}
short_run() {
  [ \${#run} -gt 90 ] || return 0
  link=/tmp/berth-$uid-s
  mkdir -m 700 "$link" 2>/dev/null
  if mine "$link"; then
    sum=$(printf '%s' "$run" | cksum 2>/dev/null)
    link=$link/\${sum%% *}
    [ -h "$link" ] || ln -s "$run" "$link" 2>/dev/null
    run=$link
  fi
}
try_state() {
  verdict=unwritable free=
  made=; [ -d "$1" ] || made=1
  if mkdir -p "$1" 2>/dev/null && mine "$1" && chmod 700 "$1" 2>/dev/null; then
    test=$1/.exec-$$
    if printf '#!/bin/sh\\nexit 0\\n' 2>/dev/null >"$test"; then
      verdict=noexec
      if chmod 700 "$test" 2>/dev/null && "$test" 2>/dev/null; then verdict=ok; fi
      rm -f "$test"
      free=$(df -Pk "$1" 2>/dev/null | { while read -r _ _ _ f _; do last=$f; done; printf %s "$last"; })
      case $free in *[!0-9]*) free= ;; esac
      if [ "$verdict" = ok ] && [ -n "$free" ] && [ "$free" -lt "$needed" ]; then verdict=full; fi
    fi
    for sums in "$1"/payload/*/${SUMS_FILE}; do
      [ -f "$sums" ] || continue
      part=\${sums%/*}; say installed "\${part##*/}"
      verdict=ok
    done
  fi
  [ "$verdict" = ok ] || [ -z "$made" ] || rmdir "$1" 2>/dev/null
  say directory "$verdict \${free:--} $1"
  if [ "$verdict" = ok ]; then
    run=$1/run/$key
    mkdir -p "$run" 2>/dev/null
    short_run
    say place "$run"
  fi
}`;

/**
 * A Node counts when it starts and is new enough. Behind the PATH come the places of version managers, whose
 * start-up files put them there only for people; musl or glibc is for people to read.
 */
const LIBC_AND_NODE = `libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=
if [ -z "$libc" ]; then
  for loader in /lib/ld-musl-*.so.1; do [ -e "$loader" ] && libc=musl; done
  [ -n "$libc" ] || for loader in /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.*; do [ -e "$loader" ] && libc=glibc; done
fi
say libc "\${libc:-none}"
node=
try_node() {
  version=$(unset NODE_OPTIONS LD_PRELOAD; "$1" -p process.versions.node </dev/null 2>/dev/null) || version=
  case $version in *.*.*) major=\${version%%.*} ;; *) major=0 ;; esac
  say node-version "\${version:-unusable}"
  if [ "$major" -ge ${MINIMUM_NODE_MAJOR} ] 2>/dev/null; then node=$1; say node "$node"; fi
}
found=$(command -v node 2>/dev/null) && try_node "$found"
if [ -z "$node" ]; then
  newest=0 found=
  for path in \
    "\${NVM_DIR:-$home/.nvm}"/versions/node/v*/bin/node \
    "$home"/.local/share/fnm/node-versions/v*/installation/bin/node \
    "$home"/.fnm/node-versions/v*/installation/bin/node \
    "$home/Library/Application Support/fnm"/node-versions/v*/installation/bin/node \
    "$home"/.volta/tools/image/node/*/bin/node \
    "$home"/.asdf/installs/nodejs/*/bin/node \
    "$home"/.local/share/mise/installs/node/*/bin/node \
    "$home"/.nodenv/versions/*/bin/node /usr/local/n/versions/node/*/bin/node; do
    major=\${path%/bin/node} major=\${major%/installation}
    major=\${major##*/} major=\${major#v} major=\${major%%.*}
    case $major in ''|*[!0-9]*) continue ;; esac
    if [ "$major" -ge ${MINIMUM_NODE_MAJOR} ] && [ "$major" -ge "$newest" ] && [ -x "$path" ]; then newest=$major found=$path; fi
  done
  for path in "$found" /usr/local/bin/node /opt/homebrew/bin/node /usr/pkg/bin/node /snap/bin/node; do
    [ -n "$node" ] || [ ! -x "$path" ] || try_node "$path"
  done
fi`;
