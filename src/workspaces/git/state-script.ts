import { berthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import { lockHeld } from "./checkout-script.ts";
import { scriptArgv } from "./environment.ts";
import type { GitPlace, GitRunOptions } from "./git-place.ts";
import { OBJECTS_AS_THEY_ARE } from "./objects.ts";
import { gitFailed } from "./places.ts";

/** Tenths of a second that the index's lock is waited for. */
const LOCK_TRIES = 50;

/** Characters of a path or a subject in a message. */
const MAX_SHOWN = 500;

/** Exits of the scripts about a checkout's state. */
const EXIT_MISSING = 61;
const EXIT_BROKEN = 62;
const EXIT_UNDER_WAY = 63;

/** Files of Git LFS are taken as they are, and not made pointers. */
const KEEP_FILES = [
  "-c",
  "filter.lfs.clean=",
  "-c",
  "filter.lfs.process=",
  "-c",
  "filter.lfs.required=false",
] as const;

/**
 * What the scripts about a checkout's state share. They work in its root, and know its git directory as $gitdir.
 *
 * Lists of git end with NUL, which sed, awk and the shell can't hold: `to_lines` swaps NUL, newline and \001 in a circle,
 * so that any path is one line, and `from_lines` swaps them back.
 */
export const STATE_FUNCTIONS = `
to_lines() { tr '\\n\\000\\001' '\\001\\n\\000'; }
from_lines() { tr '\\001\\n\\000' '\\n\\000\\001'; }
say() { printf '%s\\000' "$@"; }
# A directory in $gitdir that is this script's own, removed with its end; and those of scripts that were killed.
own_directory() {
  own=$gitdir/berth-state-$1
  find "$gitdir" -maxdepth 1 -name 'berth-state-*' -mmin +1440 -exec rm -rf -- {} + 2>/dev/null
  rm -rf -- "$own" && (umask 077 && mkdir -- "$own") || exit 1
  trap 'rm -rf -- "$own"' EXIT
  trap 'exit 129' HUP INT TERM PIPE
}
# A copy of the index, of its own modification time: git compares files with that to know which it has to read.
own_index() {
  if [ -f "$gitdir/index" ]; then cp -p -- "$gitdir/index" "$own/index" || exit 1; fi
  GIT_INDEX_FILE=$own/index
  export GIT_INDEX_FILE
}
# A command that takes the lock of the index: tried again while another one has it, such as one whose client has gone.
patiently() {
  tries=0
  until said=$("$@" 2>&1 < /dev/null); do
    tries=$((tries + 1))
    case $said in *index.lock*"File exists"*) [ $tries -lt ${LOCK_TRIES} ] || { printf '%s\\n' "$said" >&2; return 1; } ;;
      *) printf '%s\\n' "$said" >&2; return 1 ;;
    esac
    sleep 0.1 2>/dev/null || sleep 1
  done
}
# What git is in the middle of.
under_way() {
  if [ -d "$gitdir/rebase-merge" ]; then echo rebase
  elif [ -f "$gitdir/rebase-apply/applying" ]; then echo am
  elif [ -d "$gitdir/rebase-apply" ]; then echo rebase
  elif [ -f "$gitdir/MERGE_HEAD" ]; then echo merge
  elif [ -f "$gitdir/CHERRY_PICK_HEAD" ]; then echo cherry-pick
  elif [ -f "$gitdir/REVERT_HEAD" ]; then echo revert
  elif [ -f "$gitdir/sequencer/todo" ]; then
    case $(head -n 1 "$gitdir/sequencer/todo") in revert*) echo revert ;; *) echo cherry-pick ;; esac
  elif [ -f "$gitdir/BISECT_LOG" ]; then echo bisect
  fi
}
# Brings the index that GIT_INDEX_FILE names to the working tree: changed, removed and untracked files. Submodules and
# repositories within stay as they are. Leaves in $own: changed (raw), untracked, and what git said (said).
#
# With $1 = whole, files that Git LFS keeps are taken whole where they differ from HEAD: their content is nowhere but in
# this checkout, and a pointer to it would be of no use elsewhere.
take_working_tree() {
  whole=
  if [ "\${1-}" = whole ] && git config --get-regexp '^filter\\.lfs\\.(clean|process)$' > /dev/null; then whole=yes; fi
  git update-index -q --refresh > /dev/null 2>&1
  git diff-files -z --raw --no-renames --ignore-submodules=none > "$own/changed" || exit 1
  to_lines < "$own/changed" > "$own/lines"
  sed -n 'h;n;x;/^:160000/d;/ D$/{x;p;}' "$own/lines" | from_lines > "$own/removed"
  sed -n 'h;n;x;/^:160000/d;/^:[0-7]* 160000/d;/ D$/d;x;p' "$own/lines" | from_lines > "$own/edited"
  git ls-files -z --others --exclude-standard > "$own/untracked" 2> "$own/said" || { cat "$own/said" >&2; exit 1; }
  to_lines < "$own/untracked" | sed '/\\/$/d' | from_lines > "$own/new"
  if [ -n "$whole" ]; then
    start=$(git rev-parse --quiet --verify 'HEAD^{tree}') || start=$(git mktree < /dev/null)
    git diff-index --cached --name-only --diff-filter=d --no-renames --ignore-submodules=all -z "$start" > "$own/staged" || exit 1
    git check-attr -z --stdin filter < "$own/staged" | to_lines | sed -n 'h;n;n;/^lfs$/{x;p;}' > "$own/pointers"
    sed -n 'h;n;x;/ D$/{x;p;}' "$own/lines" > "$own/gone"
    if [ -s "$own/gone" ]; then grep -vxF -f "$own/gone" "$own/pointers"; else cat "$own/pointers"; fi | from_lines > "$own/pointed"
    # What is unchanged by its times is not read again.
    cat "$own/pointed" >> "$own/removed"
    cat "$own/pointed" >> "$own/edited"
  fi
  if [ -s "$own/removed" ]; then git update-index --force-remove -z --stdin < "$own/removed" || exit 1; fi
  put edited
  put new
}
put() {
  [ -s "$own/$1" ] || return 0
  git -c core.safecrlf=false \${whole:+${KEEP_FILES.join(" ")}} update-index --add --remove -z --stdin < "$own/$1" 2>> "$own/said" || { cat "$own/said" >&2; exit 1; }
}
`;

/** Enters the checkout at $1, and shifts it away. */
const ENTER = `
cd -- "$1" 2>/dev/null || exit ${EXIT_MISSING}
# Without this, git would look for a repository in the directories above.
if [ ! -e .git ]; then echo "there is no .git in it" >&2; exit ${EXIT_BROKEN}; fi
gitdir=$(git rev-parse --absolute-git-dir && printf x) || exit ${EXIT_BROKEN}
gitdir=\${gitdir%?x}
shift
`;

/** For scripts that make no sense while a merge or the like is under way: they end here. */
export const NOTHING_UNDER_WAY = `
busy=$(under_way)
if [ "$busy" = bisect ]; then busy=; fi
if [ -z "$busy" ] && [ -n "$(git ls-files --unmerged | head -n 1)" ]; then busy=merge; fi
if [ -n "$busy" ]; then printf '%s\\n' "$busy" >&2; exit ${EXIT_UNDER_WAY}; fi
`;

/** Words of a place in a message: on one line, not too long, and without anything that steers a terminal. */
export function shown(text: string): string {
  const line = text
    .slice(0, 2 * MAX_SHOWN)
    .replace(/\p{Cc}+/gu, " ")
    .trim();
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN)}…` : line;
}

/** Argv of a script about the checkout at `path`. */
export function stateArgv(script: string, path: string, words: readonly string[] = []): string[] {
  return scriptArgv(STATE_FUNCTIONS + ENTER + script, [path, ...words]);
}

/**
 * Runs a script about the checkout at `path`, in one round trip, and returns the words (each ends with NUL) that it says.
 * @throws workspace.missing, workspace.under_way, workspace.locked, workspace.git_failed
 */
export async function askState(
  git: GitPlace,
  path: string,
  script: string,
  words: readonly string[],
  options: GitRunOptions = {},
): Promise<string[]> {
  const argv = stateArgv(script, path, words);
  const result = await git.run(argv, { ...options, env: { ...OBJECTS_AS_THEY_ARE, ...options.env } });
  const problem = stateProblem(git, path, result.exitCode, result.stderr);
  if (problem !== undefined) throw problem;
  if (result.exitCode !== 0) throw lockHeld(git, result.stderr) ?? gitFailed(git.description, argv, result);
  return result.stdout.toString("utf8").split("\0").slice(0, -1);
}

/** The error that an exit of a script about a checkout's state stands for. */
export function stateProblem(git: GitPlace, path: string, exitCode: number, stderr: string) {
  const runtime = git.description;
  const said = shown(stderr.trim().split("\n").at(-1) ?? "");
  switch (exitCode) {
    case EXIT_MISSING:
      return berthError("workspace.missing", {
        message: `there is no directory ${path} ${located(runtime)}`,
        runtime,
        context: { path },
      });
    case EXIT_BROKEN:
      return berthError("workspace.missing", {
        message: `${path} ${located(runtime)} is no checkout any more: ${said}`,
        runtime,
        context: { path },
      });
    case EXIT_UNDER_WAY:
      return berthError("workspace.under_way", { runtime, context: { operation: said, path } });
    default:
      return undefined;
  }
}
