import { berthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import { lockHeld } from "./checkout-script.ts";
import { scriptArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";
import { checkBranchName } from "./names.ts";
import { checkedObject } from "./objects.ts";
import { gitFailed } from "./places.ts";
import { STATE_FUNCTIONS, shown } from "./state-script.ts";

export interface PublishOptions {
  readonly git: GitPlace;
  /** Absolute path of the repository (its common directory) whose branch moves. */
  readonly gitDir: string;
  readonly branch: string;
  /** Where the branch goes. The repository has it. */
  readonly commit: string;
  /** The ref that keeps the commit: it is named when the branch can't move. */
  readonly keptAt: string;
  /** `keptAt` is removed when the branch has the commit. Default false. */
  readonly dropKept?: boolean;
  /** The project is trusted: git's hooks run. */
  readonly hooks: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Published {
  /** What the branch was at; null: it was made. */
  readonly from: string | null;
  readonly to: string;
  /** Commits that the branch has got; of a new one those that no other branch or tag had. */
  readonly commits: number;
  /** Absolute path of the checkout that was moved along. */
  readonly checkout: string | undefined;
}

/**
 * Words: repository, branch's ref, commit, ref to drop or "", "hooks" or "".
 *
 * A worktree whose directory is gone has nothing to move along, unless it is locked: then it is on a disk that will be
 * back. git before 2.36 lists worktrees by lines only.
 */
const PUBLISH = `
gitDir=$1 ref=$2 commit=$3 drop=$4 hooks=$5
repository() { git --git-dir="$gitDir" "$@"; }
list=$(repository worktree list --porcelain -z 2>/dev/null | to_lines)
[ -n "$list" ] || list=$(repository worktree list --porcelain) || exit 1
here= where= locked=
finish_entry() { if [ -n "$here" ] && [ -n "$match" ]; then where=$here locked=$lock; fi; }
match= lock=
while IFS= read -r line; do
  case $line in
    "worktree "*) finish_entry; here=$(printf '%sx' "\${line#worktree }" | from_lines); here=\${here%x}; match= lock= ;;
    "branch $ref") match=yes ;;
    locked*) lock=yes ;;
  esac
done <<LIST
$list
LIST
finish_entry

# A rebase sets the branch when it is done, to what comes of what it was.
for file in "$gitDir"/rebase-*/head-name "$gitDir"/worktrees/*/rebase-*/head-name; do
  if [ -f "$file" ] && [ "$(cat "$file")" = "$ref" ]; then
    place=\${file%/rebase-*}
    if [ -f "$place/gitdir" ]; then place=$(cat "$place/gitdir"); fi
    say busy "\${place%/.git}" rebase
    exit 0
  fi
done

attempt=0
while :; do
  attempt=$((attempt + 1))
  from=$(repository rev-parse --quiet --verify "$ref^{commit}") || from=
  if [ -n "$from" ]; then count=$(repository rev-list --count "$commit" "^$from") || exit 1
  else count=$(repository rev-list --count "$commit" --not --branches --tags --remotes) || exit 1
  fi
  if [ "$from" = "$commit" ]; then break; fi
  if [ -n "$from" ]; then
    if repository merge-base --is-ancestor "$commit" "$from"; then say newer "$from"; exit 0; fi
    if ! repository merge-base --is-ancestor "$from" "$commit"; then say diverged "$from"; exit 0; fi
  fi
  if [ -n "$where" ] && [ ! -d "$where" ] && [ -n "$locked" ]; then say away "$where"; exit 0; fi
  if [ -n "$where" ] && [ -d "$where" ]; then
    cd -- "$where" || exit 1
    if [ "$(git symbolic-ref --quiet HEAD)" != "$ref" ]; then say moved "$where"; exit 0; fi
    gitdir=$(git rev-parse --absolute-git-dir && printf x) || exit 1
    gitdir=\${gitdir%?x}
    busy=$(under_way)
    if [ -n "$busy" ]; then say busy "$where" "$busy"; exit 0; fi
    GIT_REFLOG_ACTION='berth'
    export GIT_REFLOG_ACTION
    merge=git
    [ -z "$hooks" ] || merge=git_with_hooks
    if said=$($merge -c merge.autoStash=false -c submodule.recurse=false merge --ff-only --no-stat --quiet "$commit" 2>&1 < /dev/null); then break; fi
    case $said in *.lock*"File exists"*) printf '%s\\n' "$said" >&2; exit 1 ;; esac
    say refused "$where" "$said"
    exit 0
  fi
  # Only from what it was when that was looked at.
  repository update-ref -m 'berth: fast-forward' --no-deref "$ref" "$commit" "$from" && break
  [ $attempt -lt 3 ] || exit 1
done
[ -z "$drop" ] || repository update-ref --no-deref -d "$drop" || exit 1
say ok "$from" "$count" "$where"
`;

/**
 * Moves a branch of a repository to a commit that it has already, together with the checkout that it is checked out in,
 * when that is a clean fast-forward; makes it when it is new. Nothing is ever lost: otherwise nothing changes, and the
 * commit stays at `keptAt`. A branch that is ahead of the commit stays where it is. One round trip.
 *
 * Pull is this in the project's repository, push is this in the place.
 * @throws workspace.diverged; workspace.apply_conflict: uncommitted changes in the checkout are in the way;
 *   workspace.under_way, workspace.locked, workspace.branch_invalid, workspace.branch_in_use, workspace.git_failed
 */
export async function publish(options: PublishOptions): Promise<Published> {
  const { git, branch, commit, keptAt } = options;
  checkBranchName(branch);
  const runtime = git.description;
  const words = [
    options.gitDir,
    `refs/heads/${branch}`,
    commit,
    options.dropKept ? keptAt : "",
    options.hooks ? "yes" : "",
  ];
  const argv = scriptArgv(STATE_FUNCTIONS + PUBLISH, words);
  const result = await git.run(argv, { signal: options.signal });
  if (result.exitCode !== 0) {
    throw (
      nested(branch, keptAt, result.stderr) ??
      lockHeld(git, result.stderr) ??
      gitFailed(runtime, argv, result)
    );
  }
  const [answer, first = "", second = "", third = ""] = result.stdout.toString("utf8").split("\0");
  const path = shown(first);
  switch (answer) {
    case "ok":
      return {
        from: first === "" ? null : checkedObject(first, runtime),
        to: commit,
        commits: Number(second) || 0,
        checkout: third === "" ? undefined : third,
      };
    case "newer": {
      const at = checkedObject(first, runtime);
      return { from: at, to: at, commits: 0, checkout: undefined };
    }
    case "diverged":
      throw berthError("workspace.diverged", { runtime, context: { branch, ref: keptAt, at: path } });
    case "refused":
      throw refused(git, branch, keptAt, first, second);
    case "busy":
      throw berthError("workspace.under_way", {
        hint: `Finish or abort it there first. The commits are at ${keptAt}.`,
        runtime,
        context: { operation: shown(second), path, ref: keptAt },
      });
    case "away":
    case "moved":
      throw berthError("workspace.branch_in_use", {
        message:
          answer === "away"
            ? `the branch ${branch} is checked out in ${path} ${located(runtime)}, which is locked and not there now`
            : `the checkout ${path} ${located(runtime)} was just switched to another branch`,
        hint: `The commits are at ${keptAt}. Try again when it is there.`,
        runtime,
        context: { branch, path, ref: keptAt },
      });
    default:
      throw gitFailed(runtime, argv, { exitCode: 0, stderr: "the answer can't be understood" });
  }
}

/** Refs are like files: none can be in the place of a directory. */
function nested(branch: string, keptAt: string, stderr: string) {
  const existing = /'refs\/heads\/([^']+)' exists; cannot create/.exec(stderr)?.[1];
  if (existing === undefined) return undefined;
  return berthError("workspace.branch_exists", {
    message: `there is a branch ${existing}, so that there can be none named ${branch}`,
    hint: `Rename one of them. The commits are at ${keptAt}.`,
    context: { branch, existing, ref: keptAt },
  });
}

/** git lists the files that are in the way, indented by a tab. */
function refused(git: GitPlace, branch: string, keptAt: string, path: string, said: string) {
  const files = said
    .split("\n")
    .filter((line) => line.startsWith("\t"))
    .map(shown);
  const reason =
    files.length === 0 ? shown(said.split("\n")[0] ?? "") : `changes in ${files.slice(0, 5).join(", ")}`;
  return berthError("workspace.apply_conflict", {
    message: `${branch} is checked out in ${shown(path)} ${located(git.description)}, which can't follow: ${reason}`,
    hint: `Nothing was changed; the commits are at ${keptAt}. Commit or stash what is there, and try again.`,
    runtime: git.description,
    context: { branch, path: shown(path), ref: keptAt, files },
  });
}
