import { located } from "../../contract/located.ts";
import { askCheckout, type CheckoutLocation } from "./checkout-script.ts";
import type { GitPlace } from "./git-place.ts";

/** Seconds that a lock without a holder has to be old before it counts as left behind: git holds none for so long. */
const STALE_SECONDS = 60;

export type CheckoutProblem =
  | "base_missing"
  | "missing"
  | "not_a_directory"
  | "not_a_worktree"
  | "half_made"
  | "git_file_damaged"
  | "moved"
  | "copied"
  | "entry_missing"
  | "head_damaged"
  | "index_damaged"
  | "locked"
  | "lock_held"
  | "lock_stale";

export interface CheckoutFinding {
  readonly kind: CheckoutProblem;
  /** What is wrong, and what to do, for people; NAME stands for the name of the workspace. */
  readonly problem: string;
  readonly remedy: string;
  /** repairCheckout sets it right. */
  readonly repairable: boolean;
}

export interface InspectCheckout extends CheckoutLocation {
  readonly branch: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `look` says each finding as three words: kind, and two facts about it. `holder` looks for whoever has a lock: a
 * process that has it open, or a git that works in the checkout or the repository. Without /proc any git of this user
 * counts.
 */
const LOOK = `
branch=$1
g() { git -C "$real" "$@"; }
problems=0
tell() { problems=$((problems + 1)); say "$@"; }
holder() {
  held=
  if [ -r /proc/self/stat ]; then
    for fd in /proc/[0-9]*/fd/*; do
      [ "$fd" -ef "$1" ] || continue
      held=\${fd#/proc/}
      held=\${held%%/*}
      return 0
    done
    for process in /proc/[0-9]*; do
      { read -r name < "$process/comm"; } 2>/dev/null || continue
      case $name in git | git-*) ;; *) continue ;; esac
      at=$(readlink "$process/cwd" 2>/dev/null; printf x)
      at=\${at%x}
      at=\${at%"$newline"}
      # The directory of another user's process is not told; a lock of ours is not its.
      [ -n "$at" ] || { [ -O "$1" ] || held=\${process#/proc/}; continue; }
      case $at/ in "$real/"* | "$gitDir/"*) held=\${process#/proc/}; return 0 ;; esac
    done
  else held=$(ps -U "$(id -u)" -o pid= -o comm= 2>/dev/null | awk '$2 ~ /(^|\\/)git(-|$)/ { print $1; exit }'); fi
  [ -n "$held" ]
}
age_of() {
  now=$(date +%s)
  since=$(stat -c %Y -- "$1" 2>/dev/null || stat -f %m -- "$1" 2>/dev/null || echo "$now")
  age=$((now - since))
}
locks() {
  for lock in "$entry/index.lock" "$entry/HEAD.lock" "$gitDir/config.lock" "$gitDir/packed-refs.lock" \\
    "$gitDir/shallow.lock" "$gitDir/refs/heads/$branch.lock"; do
    [ -f "$lock" ] || continue
    age_of "$lock"
    if holder "$lock"; then tell lock_held "$lock" "$held"
    elif [ $age -lt ${STALE_SECONDS} ]; then tell lock_held "$lock" ""
    elif [ -n "\${repairing-}" ]; then rm -f -- "$lock" && say repaired lock_stale "$lock"
    else tell lock_stale "$lock" "$age"; fi
  done
}
# What .git says: the entry that it names, whether that exists or not.
names() {
  named=
  [ -f "$real/.git" ] && [ ! -L "$real/.git" ] || return 1
  text "$real/.git"
  case $t in "gitdir: "/*) named=\${t#gitdir: } ;; *) return 1 ;; esac
}
look() {
  real=$path entry= named=
  [ -f "$gitDir/HEAD" ] && [ -d "$gitDir/objects" ] || { tell base_missing "" ""; return; }
  if ! locate 2>/dev/null; then tell missing "" ""; return; fi
  entry_at "$real"
  if [ -L "$real" ]; then tell not_a_directory link ""; return; fi
  if [ ! -e "$real" ]; then tell missing "" ""; return; fi
  if [ ! -d "$real" ]; then tell not_a_directory file ""; return; fi
  if [ -n "$entry" ]; then
    text "$entry/locked"
    [ "$t" = initializing ] && { tell half_made "" ""; return; }
  fi
  if ! belongs "$real"; then
    if [ -d "$real/.git" ]; then tell not_a_worktree "" ""; return; fi
    if [ -n "$entry" ]; then tell git_file_damaged "$entry" ""; return; fi
    if names && [ "\${named%/*}" = "$gitDir/worktrees" ]; then
      if [ ! -d "$named" ]; then tell entry_missing "$named" ""; return; fi
      text "$named/gitdir"
      other=\${t%/.git}
      entry=$named
      if [ "$other" != "$real" ] && belongs "$other"; then tell copied "$other" ""; else tell moved "$other" "$named"; fi
      return
    fi
    if [ -f "$marker" ] && [ -z "$named" ]; then tell entry_missing "" ""; else tell not_a_worktree "$named" ""; fi
    return
  fi
  [ -e "$entry/locked" ] && { text "$entry/locked"; tell locked "$t" ""; }
  text "$entry/HEAD"
  case $t in
    "ref: refs/"?*) ;;
    *[!0-9a-f]* | "") tell head_damaged "$entry" ""; return ;;
  esac
  locks
  if [ ! -f "$entry/index" ] && g rev-parse --verify --quiet HEAD >/dev/null; then tell index_damaged "$entry" ""
  elif ! g ls-files -s >/dev/null 2>&1; then tell index_damaged "$entry" ""; fi
}
`;

const INSPECT = `${LOOK}
look
`;

/**
 * Sets right what `look` has found, in its order, until nothing more can be. A new entry gets its HEAD, and the index of
 * that commit: what was staged is a change of the working tree afterwards.
 */
const REPAIR = `${LOOK}
repair() {
  kind=$1 first=$2 second=$3
  case $kind in
    git_file_damaged) rm -f -- "$real/.git" && printf 'gitdir: %s\\n' "$first" > "$real/.git" ;;
    moved) printf '%s/.git\\n' "$real" > "$second/gitdir" ;;
    head_damaged) ! branch_user && printf 'ref: refs/heads/%s\\n' "$branch" > "$first/HEAD" ;;
    index_damaged) rm -f -- "$first/index" && g reset --quiet >/dev/null 2>&1 ;;
    entry_missing)
      entry=
      branch_user && return 1
      entry=$first
      if [ -z "$entry" ]; then
        entry=$gitDir/worktrees/\${real##*/} n=1
        while [ -e "$entry" ]; do entry=$gitDir/worktrees/\${real##*/}$n n=$((n + 1)); done
      fi
      mkdir -p -- "$entry" && printf '../..\\n' > "$entry/commondir" &&
        printf 'ref: refs/heads/%s\\n' "$branch" > "$entry/HEAD" && printf '%s/.git\\n' "$real" > "$entry/gitdir" &&
        rm -f -- "$real/.git" && printf 'gitdir: %s\\n' "$entry" > "$real/.git" && g reset --quiet >/dev/null 2>&1 ;;
    *) return 1 ;;
  esac
}
[ ! -d "$gitDir" ] || claimed
repairing=yes rounds=0
tell() { found="$found$1"; f1=$1 f2=$2 f3=$3; [ $final = no ] || say "$@"; }
final=no
while [ $rounds -lt 6 ]; do
  rounds=$((rounds + 1))
  found=
  look
  [ -n "$found" ] && repair "$f1" "$f2" "$f3" || break
  say repaired "$f1" "$f2"
done
final=yes
look
`;

/**
 * What is wrong with a checkout, in words; empty when nothing is. Changes nothing.
 * @throws what the way to the place throws
 */
export async function inspectCheckout(git: GitPlace, options: InspectCheckout): Promise<CheckoutFinding[]> {
  const said = await askCheckout(git, options, INSPECT, [options.branch], { signal: options.signal });
  return findings(said, options, git.description);
}

export interface RepairedCheckout {
  /** What was set right, in words. */
  readonly repaired: readonly string[];
  /** What is still wrong. */
  readonly left: readonly CheckoutFinding[];
}

/**
 * Sets right what can be without a decision: a lost `.git` file or entry, a directory that was moved by hand, a damaged
 * HEAD or index, locks that nobody holds. Files of the working tree stay as they are.
 * @throws workspace.busy; what the way to the place throws
 */
export async function repairCheckout(git: GitPlace, options: InspectCheckout): Promise<RepairedCheckout> {
  const said = await askCheckout(git, options, REPAIR, [options.branch], { signal: options.signal });
  const repaired: string[] = [];
  const rest: string[] = [];
  for (let at = 0; at < said.length; at += 3) {
    if (said[at] === "repaired")
      repaired.push(describeRepair(said[at + 1] as CheckoutProblem, said[at + 2] ?? ""));
    else rest.push(...said.slice(at, at + 3));
  }
  return { repaired, left: findings(rest, options, git.description) };
}

function findings(said: readonly string[], options: InspectCheckout, runtime: string): CheckoutFinding[] {
  const found: CheckoutFinding[] = [];
  for (let at = 0; at + 2 < said.length; at += 3) {
    const [kind = "", first = "", second = ""] = said.slice(at, at + 3);
    found.push(describe(kind as CheckoutProblem, { first, second, options, runtime }));
  }
  return found;
}

interface Facts {
  readonly first: string;
  readonly second: string;
  readonly options: InspectCheckout;
  readonly runtime: string;
}

function describe(kind: CheckoutProblem, { first, second, options, runtime }: Facts): CheckoutFinding {
  const { path, gitDir } = options;
  const finding = (problem: string, remedy: string, repairable = false) => ({
    kind,
    problem,
    remedy,
    repairable,
  });
  const repair = "berth gc repairs it.";
  switch (kind) {
    case "base_missing":
      return finding(
        `the repository ${gitDir} is not ${located(runtime)} any more`,
        "Bring it back (a volume, a moved directory), or forget the workspace: berth workspace delete --force NAME",
      );
    case "missing":
      return finding(
        `the directory ${path} is not ${located(runtime)} any more`,
        "Bring it back there, or forget the workspace: berth workspace delete --force NAME",
      );
    case "not_a_directory":
      return finding(
        `${path} ${located(runtime)} is ${first === "link" ? "a link" : "a file"}, and no checkout`,
        "Move it away and bring the checkout back, or forget the workspace: berth workspace delete --force NAME",
      );
    case "not_a_worktree":
      return finding(
        `${path} ${located(runtime)} is a checkout of another repository${first === "" ? "" : ` (${first})`}`,
        "Move it away, or forget the workspace: berth workspace delete --force NAME",
      );
    case "half_made":
      return finding(
        `the checkout ${path} ${located(runtime)} has not been made completely`,
        "berth gc completes or removes it.",
      );
    case "git_file_damaged":
      return finding(`${path}/.git does not name the checkout's entry in ${gitDir}`, repair, true);
    case "moved":
      return finding(
        `the repository looks for the checkout in ${first}, from where it was moved`,
        repair,
        true,
      );
    case "copied":
      return finding(
        `${path} is a copy of the checkout ${first}, and shares its index and HEAD`,
        "Remove the copy; git worktree add makes another checkout.",
      );
    case "entry_missing":
      return finding(
        `the repository ${gitDir} has forgotten the checkout ${path} (git worktree prune)`,
        `${repair} What was staged is a change that is not, then.`,
        true,
      );
    case "head_damaged":
      return finding(`HEAD of the checkout ${path} can't be read`, repair, true);
    case "index_damaged":
      return finding(
        `the index of the checkout ${path} can't be read`,
        `${repair} What was staged is a change that is not, then.`,
        true,
      );
    case "locked":
      return finding(
        `the worktree ${path} is locked${first === "" ? "" : `: ${first}`}`,
        `git worktree unlock ${path} lets it go.`,
      );
    case "lock_held":
      return finding(
        second === ""
          ? `git's lock ${first} is held, though no git works there`
          : `git's lock ${first} is held, most likely by process ${second}`,
        second === ""
          ? `It can be removed when it is older than ${STALE_SECONDS} s.`
          : "Wait until it is done, or end it.",
      );
    case "lock_stale":
      return finding(
        `git's lock ${first} is ${second} s old, and no git works there: its process has died`,
        `It can be removed: rm ${first}. ${repair}`,
        true,
      );
  }
}

function describeRepair(kind: CheckoutProblem, first: string): string {
  switch (kind) {
    case "git_file_damaged":
      return "the checkout's .git names its entry again";
    case "moved":
      return `the repository knows that the checkout was moved from ${first}`;
    case "entry_missing":
      return "the repository knows the checkout again; nothing is staged";
    case "head_damaged":
      return "HEAD is on the workspace's branch again";
    case "index_damaged":
      return "the index is that of HEAD again; nothing is staged";
    default:
      return `the lock ${first}, which nobody held, was removed`;
  }
}
