import { createHash } from "node:crypto";
import { berthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import { scriptArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";
import { gitFailed } from "./places.ts";

/** What every call about one checkout says. */
export interface CheckoutLocation {
  /** Absolute path of the repository (its common directory) that the checkout is a worktree of. */
  readonly gitDir: string;
  /** Absolute path of the checkout. */
  readonly path: string;
}

/** Seconds that a script waits for another one about the same checkout, such as one whose client has gone. */
const CLAIM_WAIT_SECONDS = 120;
/** Seconds that a lock of git is waited for: its holders are done in milliseconds, unless they are dead. */
const LOCK_WAIT_SECONDS = 5;

/**
 * What the scripts about a checkout share. Words: $1 the repository, $2 the checkout, $3 its key.
 *
 * `$gitDir/berth/KEY` says that Berth makes or has made a checkout at that path; its one line is "new" when the branch
 * is Berth's too. `KEY.claim` is held by the script that works on it: "PID START", where START tells a process from a
 * later one of the same number, and in a second line the git that it runs, which may outlive it. A script whose client
 * has gone may still run, so the next one waits for it; of several that wait, only the newest goes on (`KEY.next`).
 *
 * Answers are words that end with NUL, so that paths may hold anything else.
 */
const SHARED = `
exec 3>&1 1>&2
say() { printf '%s\\000' "$@" >&3; }
pause() { sleep 0.05 2>/dev/null || sleep 1; }
text() { t=$(cat -- "$1" 2>/dev/null; printf x); t=\${t%x}; t=\${t%"$newline"}; }
started_of() {
  started=0
  { read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 0
  set -- \${stat##*) }
  # A zombie has ended; not every init of a container reaps them.
  if [ "$1" = Z ]; then started=; else started=\${20-}; fi
}
alive() {
  kill -0 "\${1%% *}" 2>/dev/null || return 1
  started_of "\${1%% *}"
  [ "$1" = "\${1%% *} $started" ]
}
newline='
'
gitDir=$1 path=$2 key=$3
shift 3
state=$gitDir/berth marker=$gitDir/berth/$key claim=$gitDir/berth/$key.claim next=$gitDir/berth/$key.next output=$gitDir/berth/$key.output
claimed() {
  started_of $$
  me="$$ $started"
  tries=0 empty=0
  # Another one may remove the directory, which is empty until the next line.
  until { mkdir -p -- "$state" && printf '%s\\n' "$me" > "$next"; } 2>/dev/null; do
    [ $tries -lt 5 ] || { mkdir -p -- "$state" && : > "$next"; exit 1; }
    tries=$((tries + 1))
  done
  until (set -C; printf '%s\\n' "$me" > "$claim") 2>/dev/null; do
    holder= worker=
    { read -r holder && read -r worker; } 2>/dev/null < "$claim"
    pid=\${holder%% *}
    if [ -z "$holder" ]; then
      empty=$((empty + 1))
      [ $empty -gt 20 ] && rm -f -- "$claim"
    elif alive "$holder"; then empty=0
    elif [ -n "$worker" ] && alive "$worker"; then pid=\${worker%% *}
    else rm -f -- "$claim"; continue
    fi
    [ $tries -ge ${CLAIM_WAIT_SECONDS * 20} ] && { say busy "$pid"; exit 0; }
    tries=$((tries + 1))
    pause
    newest=
    { read -r newest < "$next"; } 2>/dev/null
    [ -z "$newest" ] || [ "$newest" = "$me" ] || { say superseded; exit 0; }
  done
  trap 'released' EXIT
}
released() {
  newest=
  { read -r newest < "$next"; } 2>/dev/null
  [ "$newest" = "$me" ] && rm -f -- "$next"
  rm -f -- "$claim" "$output"
  rmdir -- "$state" 2>/dev/null
}
# The real path of the checkout; of its last part only the name counts, so that a link there is not followed. Nothing
# runs in its parent, which goes with the last checkout in it.
locate() {
  parent=\${path%/*}
  cd -P -- "\${parent:-/}" || return 1
  real=\${PWD%/}/\${path##*/}
  cd /
}
# The same, with a parent that is made, though another script removes it as empty at this moment.
locate_new() {
  for attempt in 1 2 3 4 5; do
    mkdir -p -- "\${path%/*}/" || return 1
    locate 2>/dev/null && return 0
  done
  locate
}
# The repository's entry whose worktree is at $1.
entry_at() {
  for file in "$gitDir"/worktrees/*/gitdir; do
    [ -f "$file" ] || continue
    text "$file"
    case $t in
      /*) ;;
      *) t=$(cd -P -- "\${file%/*}" 2>/dev/null && cd -P -- "\${t%/.git}" 2>/dev/null && printf '%s/.git' "$PWD") ;;
    esac
    if [ "$t" = "$1/.git" ]; then entry=\${file%/gitdir}; return 0; fi
  done
  entry=
  return 1
}
# Whether the worktree at $1 says that it is that entry's.
belongs() {
  [ -n "$entry" ] && [ -f "$1/.git" ] && [ ! -L "$1/.git" ] || return 1
  text "$1/.git"
  case $t in "gitdir: "*) t=\${t#gitdir: } ;; *) return 1 ;; esac
  t=$(cd -P -- "$1" && cd -P -- "$t" 2>/dev/null && printf '%s' "$PWD") || return 1
  [ "$t" = "$(cd -P -- "$entry" && printf '%s' "$PWD")" ]
}
empty_directory() { [ -d "$1" ] && [ ! -L "$1" ] && [ -z "$(ls -A -- "$1")" ]; }
# Where the branch is checked out (or being rebased), this checkout apart.
branch_user() {
  user=
  text "$gitDir/HEAD"
  if [ "$t" = "ref: refs/heads/$branch" ] && [ "$(git --git-dir="$gitDir" config --bool core.bare)" != true ]; then
    user=\${gitDir%/.git}
    # The repository of a submodule, or one apart from its checkout, says where that is.
    tree=$(git --git-dir="$gitDir" config core.worktree) &&
      user=$(cd -P -- "$gitDir" && cd -P -- "$tree" && printf '%s' "$PWD")
    return 0
  fi
  for file in "$gitDir"/worktrees/*/HEAD; do
    [ -f "$file" ] && [ "\${file%/HEAD}" != "$entry" ] || continue
    for name in "$file" "\${file%HEAD}rebase-merge/head-name" "\${file%HEAD}rebase-apply/head-name"; do
      [ -f "$name" ] || continue
      text "$name"
      case $t in "ref: refs/heads/$branch" | "refs/heads/$branch")
        text "\${file%HEAD}gitdir"
        user=\${t%/.git}
        return 0 ;;
      esac
    done
  done
  return 1
}
# A command that takes a lock of git: tried again while another one has it. What a hook leaves running holds no pipe.
patiently() {
  waited=0
  until
    "$@" </dev/null >"$output" 2>&1 3>&- &
    started_of $!
    printf '%s\\n' "$me" "$! $started" > "$claim"
    wait $!
  do
    said=$(cat -- "$output")
    case $said in
      *.lock*"File exists"* | *"could not lock config file"* | *commondir* | *worktrees/*/gitdir* | *worktrees/*/HEAD* | *"could not create directory of"*) ;;
      *) return 1 ;;
    esac
    [ $waited -ge ${LOCK_WAIT_SECONDS * 20} ] && return 1
    waited=$((waited + 1))
    pause
  done
}
# What a name means, and nothing where it means nothing; a git that can't tell is a failure.
look_up() {
  at=$(g rev-parse --verify --quiet "$1")
  [ $? -le 1 ] || exit 1
}
failed() { printf '%s\\n' "$said" >&2; exit 1; }
`;

/** Key of a checkout's files in its repository: its path, in a form that is a name. */
export function checkoutKey(path: string): string {
  return createHash("sha256").update(path).digest("hex").slice(0, 16);
}

/** Runs a script about a checkout, and returns the words that it says. */
export async function askCheckout(
  git: GitPlace,
  location: CheckoutLocation,
  script: string,
  words: readonly string[],
  options: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number } = {},
): Promise<string[]> {
  const argv = scriptArgv(SHARED + script, [
    location.gitDir,
    location.path,
    checkoutKey(location.path),
    ...words,
  ]);
  const result = await git.run(argv, options);
  const said = result.stdout.toString("utf8").split("\0").slice(0, -1);
  if (result.exitCode !== 0) throw lockHeld(git, result.stderr) ?? gitFailed(git.description, argv, result);
  if (said[0] === "busy" || said[0] === "superseded") {
    throw berthError("workspace.busy", {
      message: `${said[0] === "busy" ? `process ${said[1]}` : "a later command"} works on ${location.path} ${located(git.description)}`,
      context: { path: location.path, ...(said[1] === undefined ? {} : { pid: said[1] }) },
    });
  }
  return said;
}

/** The error of a lock of git that was held for longer than anything holds one. */
export function lockHeld(git: GitPlace, stderr: string) {
  const file = /Unable to create '([\s\S]+?\.lock)': File exists/.exec(stderr)?.[1];
  const config = /could not lock config file ([\s\S]+?): File exists/.exec(stderr)?.[1];
  const path = file ?? (config === undefined ? undefined : `${config}.lock`);
  if (path === undefined) return undefined;
  return berthError("workspace.locked", { runtime: git.description, context: { path } });
}
