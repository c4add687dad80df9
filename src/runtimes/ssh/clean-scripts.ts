import type { SshConfig } from "../../contract/config.ts";
import { shellQuote } from "../../transports/shell-quote.ts";
import { LOCK } from "../payload-scripts.ts";
import { USED_PAYLOAD_FILE } from "../payload-sweep-script.ts";
import { IDENTITY, INSTANCE_AND_BOOT, MINE } from "../provision/probe-script.ts";

const MARK = "berth-clean";

/** A directory or file there, with what it takes. */
export interface FoundPath {
  readonly path: string;
  readonly bytes: number;
}

/** Directory of a daemon. */
export interface FoundDaemon extends FoundPath {
  /** "own": of this host since it was started; "before": of this host before that; "other": of another host. */
  readonly of: "own" | "before" | "other";
  readonly socket: boolean;
  readonly token: string;
  readonly bridge: string;
  /** Directories of the payload that it was started from; undefined when it does not say. */
  readonly uses: readonly string[] | undefined;
  /** Processes that serve it, of those that can be seen. */
  readonly pids: readonly number[];
}

export interface FoundState {
  readonly states: readonly string[];
  readonly payload: readonly FoundPath[];
  readonly daemons: readonly FoundDaemon[];
  /** Leftovers of Berth's own outside of both. */
  readonly leftovers: readonly FoundPath[];
  /** What lies beside and is not a place's: Berth's own state of somebody who uses it there. */
  readonly others: readonly string[];
  readonly workspaces: readonly string[];
  /** Repositories of projects that have no workspace there now. */
  readonly bases: readonly string[];
  /** Base directories in which a payload is being installed now. */
  readonly installing: readonly string[];
}

/**
 * Lists what Berth has put there, workspaces in `~/berth` and in the configuration's base directory too. Follows no link
 * below the state directories, and changes nothing.
 */
export function listScript({ stateDir, baseDir }: Pick<SshConfig, "stateDir" | "baseDir">): string {
  return `export LC_ALL=C
# A name with a newline would be read as an answer of its own, and what it names removed: other users choose some.
newline='
'
say() { case $2 in *"$newline"*) ;; *) printf '${MARK} %s %s\\n' "$1" "$2" ;; esac; }
${IDENTITY}
instance=
${INSTANCE_AND_BOOT}
${MINE}
size() {
  kib=$(du -sk "$2" 2>/dev/null) || kib=\${kib:-0}
  say "$1" "\${kib%%[!0-9]*} $2"
}
there() {
  case $1 in *"$newline"*) return 1 ;; esac
  [ -e "$1" ] || [ -h "$1" ]
}
inside() { [ -d "$1" ] && [ ! -h "$1" ]; }
daemon() {
  key=\${1%/*} key=\${key##*/} of=other
  case $key in "\${instance:-place}-\${boot%%-*}") of=own ;; "\${instance:-place}"-*) of=before ;; esac
  size "daemon-$of" "$1"
  inside "$1" || return 0
  [ ! -S "$1/sock" ] || say socket "$1"
  [ ! -f "$1/${USED_PAYLOAD_FILE}" ] || while IFS= read -r line; do say uses "$line"; done <"$1/${USED_PAYLOAD_FILE}"
  [ ! -f "$1/${USED_PAYLOAD_FILE}" ] || say uses-known "$1"
  if [ "$of" = own ]; then
    token= bridge=
    { read -r token <"$1/token"; } 2>/dev/null
    { read -r bridge <"$1/bridge"; } 2>/dev/null
    say token "$token"
    say bridge "$bridge"
  fi
}
given=${shellQuote(stateDir ?? "")}
if [ -n "$given" ]; then set -- "$given"
else set -- \${home:+"\${XDG_STATE_HOME:-$home/.local/state}/berth"} /var/lib/berth "/var/tmp/berth-$uid" "/tmp/berth-$uid"
fi
short=/tmp/berth-$uid-s
for state in "$@"; do
  mine "$state" || continue
  say state "$state"
  for path in "$state"/* "$state"/.[!.]*; do
    there "$path" || continue
    case \${path##*/} in
      payload)
        if inside "$path"; then
          [ ! -d "$path/${LOCK}" ] || say installing "$path"
          for part in "$path"/* "$path"/.[!.]*; do ! there "$part" || size payload "$part"; done
        else say other "$path"; fi ;;
      run)
        if inside "$path"; then
          for key in "$path"/*; do
            if inside "$key"; then for dir in "$key"/*; do ! there "$dir" || daemon "$dir"; done
            else ! there "$key" || say other "$key"; fi
          done
        else say other "$path"; fi ;;
      .exec-*) size leftover "$path" ;;
      *) say other "$path" ;;
    esac
  done
done
for file in $(grep -lsF -e serve /proc/[0-9]*/cmdline 2>/dev/null); do
  pid=\${file%/cmdline} before=
  tr '\\0' '\\n' <"$file" 2>/dev/null | while IFS= read -r word; do
    if [ "$before" = --dir ]; then
      [ ! -h "$word" ] || word=$(readlink "$word")
      say process "\${pid##*/} $word"
    fi
    before=$word
  done
done
# A project's directory has its base repository, and one directory for each of its workspaces.
project() {
  set -- "$1" "$1"/* "$1"/.[!.]*
  project=$1 any=
  shift
  for path do
    case \${path##*/} in .base.git) continue ;; esac
    ! there "$path" || { any=1; say workspace "$path"; }
  done
  [ -n "$any" ] || say base "$project/.base.git"
}
workspaces() {
  for found in "$1"/* "$1"/.[!.]*; do
    there "$found" || continue
    if inside "$found" && inside "$found/.base.git"; then project "$found"; else say workspace "$found"; fi
  done
}
[ -z "$home" ] || workspaces "$home/berth"
base=${shellQuote(baseDir ?? "")}
case $base in "~/"*) base=\${home:+"$home/\${base#"~/"}"} ;; esac
[ -z "$base" ] || [ "$base" = "$home/berth" ] || workspaces "$base"
say end ok
`;
}

/** Reads the list; undefined when it is not whole. */
export function parseList(stdout: string): FoundState | undefined {
  type Building = { -readonly [Name in keyof FoundDaemon]: FoundDaemon[Name] };
  const daemons: Building[] = [];
  const payload: FoundPath[] = [];
  const leftovers: FoundPath[] = [];
  const lists = { state: [], installing: [], other: [], workspace: [], base: [] } as Record<string, string[]>;
  let uses: string[] = [];
  let whole = false;
  for (const line of stdout.split("\n")) {
    const match = /^(\S+) (\S+) (.*)$/.exec(line);
    if (match?.[1] !== MARK) continue;
    const [, , key = "", value = ""] = match;
    const last = daemons.at(-1);
    const [, number = "", rest = ""] = /^(\d*) (.*)$/.exec(value) ?? [];
    const sized = { path: rest, bytes: Number(number) * 1024 };
    const of = /^daemon-(own|before|other)$/.exec(key)?.[1] as FoundDaemon["of"] | undefined;
    if (of !== undefined) {
      const none = { socket: false, token: "", bridge: "", uses: undefined, pids: [] };
      daemons.push({ ...sized, of, ...none });
      uses = [];
    } else if (key === "payload") payload.push(sized);
    else if (key === "leftover") leftovers.push(sized);
    else if (Object.hasOwn(lists, key)) lists[key]?.push(value);
    else if (key === "uses") uses.push(value);
    else if (key === "process") {
      const served = daemons.find(({ path }) => path === rest);
      if (served !== undefined) served.pids = [...served.pids, Number(number)];
    } else if (key === "end") whole = true;
    else if (last === undefined) continue;
    else if (key === "socket") last.socket = true;
    else if (key === "uses-known") last.uses = uses;
    else if (key === "token") last.token = value;
    else if (key === "bridge") last.bridge = value;
  }
  if (!whole) return undefined;
  const { state: states = [], installing = [], other: others = [] } = lists;
  const { workspace: workspaces = [], base: bases = [] } = lists;
  return { states, installing, others, workspaces, bases, daemons, payload, leftovers };
}

export interface RemovalRequest {
  readonly states: readonly string[];
  readonly paths: readonly string[];
  /** Daemons that were asked to end, and are waited for. */
  readonly ending: readonly number[];
  /** Daemons that are ended. */
  readonly kill: readonly number[];
}

/** Removes exactly these paths, links themselves and not what they lead to, and directories that are empty then. */
export function removeScript(request: RemovalRequest): string {
  const quoted = (words: readonly string[]) => words.map(shellQuote).join(" ");
  return `say() { printf '${MARK} %s %s\\n' "$1" "$2"; }
pause() { sleep 0.05 2>/dev/null || sleep 1; }
gone() {
  tries=0
  while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 100 ]; do tries=$((tries + 1)); pause; done
}
for pid in ${request.ending.join(" ")}; do gone "$pid"; done
for pid in ${request.kill.join(" ")}; do
  kill -TERM "$pid" 2>/dev/null && kill -CONT "$pid" 2>/dev/null && gone "$pid"
  kill -KILL "$pid" 2>/dev/null && gone "$pid"
done
for path in ${quoted(request.paths)}; do
  if reason=$(rm -rf "$path" 2>&1); then say removed "$path"; else say failed "$path"; say reason "$reason"; fi
done
uid=$(id -u)
for link in "/tmp/berth-$uid-s"/*; do
  if [ -h "$link" ] && [ ! -e "$link" ]; then rm -f "$link"; fi
done
rmdir "/tmp/berth-$uid-s" 2>/dev/null
for state in ${quoted(request.states)}; do
  rmdir "$state"/run/* "$state/run" "$state/payload" "$state" 2>/dev/null
done
say end ok
`;
}

export interface Removed {
  readonly removed: readonly string[];
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
}

/** Reads what was removed; undefined when the script did not come to its end. */
export function parseRemoved(stdout: string): Removed | undefined {
  const removed: string[] = [];
  const failed: { path: string; reason: string }[] = [];
  for (const line of stdout.split("\n")) {
    const match = /^(\S+) (\S+) (.*)$/.exec(line);
    if (match?.[1] !== MARK) continue;
    const [, , key, value = ""] = match;
    const last = failed.at(-1);
    if (key === "removed") removed.push(value);
    else if (key === "failed") failed.push({ path: value, reason: "it can't be removed" });
    else if (key === "reason" && last !== undefined) last.reason = value;
    else if (key === "end") return { removed, failed };
  }
  return undefined;
}
