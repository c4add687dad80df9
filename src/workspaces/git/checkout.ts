import { berthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import { askCheckout, type CheckoutLocation } from "./checkout-script.ts";
import type { GitPlace } from "./git-place.ts";
import { checkBranchName } from "./names.ts";
import { KEEP_POINTERS } from "./submodule-checkout.ts";

export interface AddCheckout extends CheckoutLocation {
  readonly branch: string;
  /** What the branch starts at when it has to be made; null in an empty repository, where it is born by its first commit. */
  readonly commit: string | null;
  /** The branch must not be there at another commit. Otherwise an existing one, also of the remote, is taken as it is. */
  readonly newBranch: boolean;
  /** The repository is Berth's own: its copy of an existing branch is brought up to `commit`, and `hooksPath` is set. */
  readonly ownsBase: boolean;
  /** Name of the branch at the remote that `git pull` follows. Default: that of an existing branch of the remote. */
  readonly upstream?: string | undefined;
  /** Name of that remote in the repository. Default "origin". */
  readonly remote?: string | undefined;
  /** URL of origin, without credentials; undefined: the repository's own stays. */
  readonly origin?: string | undefined;
  /** The project is trusted: git's hooks run. */
  readonly hooks: boolean;
  /** core.hooksPath of the project. A relative one is that of its trusted workspaces too. */
  readonly hooksPath?: string | undefined;
  /** Who commits in a repository of Berth's own, unless git there knows: as git's user.name and user.email. */
  readonly identity?: { readonly name: string | undefined; readonly email: string | undefined };
  readonly signal?: AbortSignal | undefined;
}

export interface AddedCheckout {
  /** "present": it was there, complete, from an earlier attempt. */
  readonly checkout: "made" | "present";
  /** The branch was made by this call or by an earlier attempt of it. */
  readonly branchMade: boolean;
  /** Absolute path without links. */
  readonly path: string;
  /** Commit of the branch; null: not born yet. */
  readonly commit: string | null;
}

/**
 * Order: claim, what is there, note, branch, configuration, worktree. Each step finds out by itself whether it is done,
 * so that after a death anywhere the next call goes on there.
 */
const ADD = `
branch=$1 commit=$2 kind=$3 own=$4 upstream=$5 origin=$6 hooks=$7 hooksPath=$8 committer=$9 committerEmail=\${10} remote=\${11}
ref=refs/heads/$branch
g() { git --git-dir="$gitDir" "$@"; }
# Paths relative to each other, which newer versions of git can make, would not survive a move of either.
# A relative directory of hooks means that of the worktree, once git runs there.
add() {
  set -- ${KEEP_POINTERS.join(" ")} -c worktree.useRelativePaths=false worktree add --quiet "$@"
  if [ "$hooks" != yes ]; then g "$@"
  elif [ -n "$hooksPath" ]; then git_with_hooks --git-dir="$gitDir" -c core.hooksPath="$real/$hooksPath" "$@"
  else git_with_hooks --git-dir="$gitDir" "$@"; fi
}
# Nothing was made, and nothing says so.
refuse() {
  [ "$noted" = new ] || [ -e "$real" ] || rm -f -- "$marker"
  say "$@"
  exit 0
}
note() { noted=$1; printf '%s %s\\n' "$1" "$branch" > "$marker" || exit 1; }
# Sets a key of the configuration, or removes it; another script may do the same at this moment.
configure() {
  [ "$(g config --local --get "$1")" != "$2" ] || return 0
  if [ -n "$2" ]; then patiently g config "$1" "$2"; else patiently g config --unset-all "$1"; fi ||
    [ "$(g config --local --get "$1")" = "$2" ] || failed
}
locate_new || exit 1
[ -d "$gitDir/objects" ] || { say no_base; exit 0; }
claimed

checkout=made entry= noted= of=
[ -f "$marker" ] && { read -r noted of < "$marker" || :; }
if [ -e "$real" ] || [ -L "$real" ] || [ -n "$noted" ]; then
  entry_at "$real"
  text "$entry/locked"
  lock=$t
  if [ ! -e "$real" ] && [ ! -L "$real" ] || empty_directory "$real"; then
    if [ -n "$entry" ]; then
      [ -z "$lock" ] || [ "$lock" = initializing ] || { say taken "$lock"; exit 0; }
      rm -rf -- "$entry" || exit 1
    fi
  elif [ -L "$real" ] || [ -z "$noted" ] || ! belongs "$real"; then say taken; exit 0
  elif [ "$lock" = initializing ] || { [ ! -f "$entry/index" ] && [ -n "$commit" ]; }; then
    rm -rf -- "$real" "$entry" || exit 1
  elif [ "$of" != "$branch" ]; then say taken; exit 0
  else checkout=present; fi
fi
[ "$of" = "$branch" ] || noted=

# Where case does not count, another branch's file answers to this name.
if [ "$(g config --bool core.ignoreCase)" = true ]; then
  same=$(g for-each-ref --ignore-case --format='%(refname)' "$ref")
  case $newline$same$newline in
    *"$newline$ref$newline"* | "$newline$newline") ;;
    *) refuse exists "\${same#refs/heads/}" ;;
  esac
fi
look_up "$ref^{commit}"
if [ -z "$at" ]; then
  if [ "$kind" = existing ]; then
    theirs=$(g rev-parse --verify --quiet "refs/remotes/$remote/$branch^{commit}")
    [ -n "$theirs" ] && { commit=\${commit:-$theirs} upstream=\${upstream:-$branch}; }
  fi
  [ "$noted" = new ] || note new
  if [ -n "$commit" ]; then
    patiently g update-ref -m "berth: created" --no-deref "$ref" "$commit" '' || {
      above=$branch
      while case $above in */*) ;; *) false ;; esac; do
        above=\${above%/*}
        g show-ref --verify --quiet "refs/heads/$above" && noted= && refuse nested "$above"
      done
      below=$(g for-each-ref --count=1 --format='%(refname)' "$ref/")
      [ -n "$below" ] && noted= && refuse nested "\${below#refs/heads/}"
      failed
    }
  fi
else
  if [ "$kind" = new ] && [ "$at" != "$commit" ] && [ $checkout = made ]; then
    [ "$noted" = new ] || { branch_user && refuse used "$user"; refuse exists "$branch"; }
    # An earlier attempt started it before trunk moved on.
    patiently g update-ref -m "berth: created" --no-deref "$ref" "$commit" "$at" || failed
    at=$commit
  fi
  if [ "$own" = yes ] && [ "$kind" = existing ] && [ -n "$commit" ] && [ "$at" != "$commit" ] && [ $checkout = made ]; then
    if g merge-base --is-ancestor "$at" "$commit"; then
      branch_user && refuse used "$user"
      patiently g update-ref -m "berth: brought up to date" --no-deref "$ref" "$commit" "$at" || failed
      at=$commit
    elif ! g merge-base --is-ancestor "$commit" "$at"; then refuse diverged "$at"
    fi
  fi
  [ -n "$noted" ] || note found
fi

[ -z "$origin" ] || configure remote.origin.url "$origin"
if [ -n "$upstream" ] && ! g config --get "branch.$branch.merge" >/dev/null; then
  [ -n "$(g config --get "remote.$remote.fetch")" ] ||
    configure "remote.$remote.fetch" "+refs/heads/*:refs/remotes/$remote/*"
  configure "branch.$branch.remote" "$remote"
  configure "branch.$branch.merge" "refs/heads/$upstream"
fi
[ "$own" != yes ] || configure core.hooksPath "$hooksPath"
if [ "$own" = yes ]; then
  [ -z "$committer" ] || g config --get user.name >/dev/null || configure user.name "$committer"
  [ -z "$committerEmail" ] || g config --get user.email >/dev/null || configure user.email "$committerEmail"
fi

if [ $checkout = made ]; then
  entry=
  if [ -n "$at$commit" ]; then
    patiently add "$real" "$branch" || {
      entry_at "$real"
      branch_user && refuse used "$user"
      [ -n "$entry" ] && [ ! -e "$real" ] || failed
      # The directory of an earlier checkout at this path was removed by hand.
      rm -rf -- "$entry" && patiently add "$real" "$branch" || failed
    }
  else
    branch_user && refuse used "$user"
    # git before 2.42 makes no worktree without a commit: it gets an empty one, and leaves it for the branch to be born.
    tree=$(g hash-object -t tree -w --stdin </dev/null) || exit 1
    first=$(GIT_AUTHOR_NAME=berth GIT_AUTHOR_EMAIL=berth@localhost GIT_COMMITTER_NAME=berth GIT_COMMITTER_EMAIL=berth@localhost \\
      g commit-tree -m empty "$tree" </dev/null) || exit 1
    patiently add --detach "$real" "$first" || failed
  fi
fi
if [ -z "$at$commit" ]; then
  git -C "$real" symbolic-ref HEAD "$ref" || exit 1
  entry_at "$real" && rm -rf -- "$entry/logs"
fi
say ok "$checkout" "$noted" "$real" "\${at:-$commit}"
`;

const isRelative = (path: string | undefined): path is string => path !== undefined && !/^[/~]/.test(path);

/**
 * Makes a checkout: a worktree of a repository on its branch, in one round trip. Safe to repeat after a cut connection
 * or a death at any point: what an earlier attempt has made is taken or made anew, and nothing is made twice.
 * @throws workspace.branch_in_use, workspace.branch_exists, workspace.branch_invalid, workspace.diverged,
 *   workspace.path_taken, workspace.locked, workspace.busy, workspace.missing (the repository), workspace.git_failed
 */
export async function addCheckout(git: GitPlace, options: AddCheckout): Promise<AddedCheckout> {
  const { branch, path } = options;
  checkBranchName(branch);
  const words = [
    branch,
    options.commit ?? "",
    options.newBranch ? "new" : "existing",
    options.ownsBase ? "yes" : "",
    options.upstream ?? "",
    options.origin ?? "",
    options.hooks ? "yes" : "",
    options.hooks && isRelative(options.hooksPath) ? options.hooksPath : "",
    options.identity?.name ?? "",
    options.identity?.email ?? "",
    options.remote ?? "origin",
  ];
  const [answer, ...rest] = await askCheckout(git, options, ADD, words, { signal: options.signal });
  const [first = "", second = "", third = "", fourth = ""] = rest;
  const runtime = git.description;
  switch (answer) {
    case "ok":
      return {
        checkout: first === "present" ? "present" : "made",
        branchMade: second === "new",
        path: third,
        commit: fourth === "" ? null : fourth,
      };
    case "taken":
      if (first !== "") {
        throw berthError("workspace.path_taken", {
          message: `${path} ${located(runtime)} is kept for a worktree that is not there now: ${first}`,
          hint: `git worktree unlock ${path} lets it go.`,
          runtime,
          context: { path, runtime },
        });
      }
      throw berthError("workspace.path_taken", { runtime, context: { path, runtime } });
    case "used":
      throw berthError("workspace.branch_in_use", { runtime, context: { branch, path: first } });
    case "exists":
      if (first === branch && options.ownsBase) {
        throw berthError("workspace.branch_exists", {
          message: `the branch ${branch} exists already ${located(runtime)}, from an earlier workspace`,
          hint: `It is in ${options.gitDir} there: choose another name for the branch.`,
          runtime,
          context: { branch },
        });
      }
      if (first === branch) throw berthError("workspace.branch_exists", { runtime, context: { branch } });
      throw berthError("workspace.branch_exists", {
        message: `the branch ${first} exists already, and ${runtime} takes ${branch} for the same name`,
        hint: "Its file system ignores case: choose a name that differs by more.",
        runtime,
        context: { branch, existing: first },
      });
    case "nested":
      throw berthError("workspace.branch_exists", {
        message: `there is a branch ${first}, so that there can be none named ${branch}`,
        hint: "git keeps branches like files: a name can't be another one's directory. Choose another name.",
        runtime,
        context: { branch, existing: first },
      });
    case "diverged":
      throw berthError("workspace.diverged", {
        message: `${branch} has commits ${located(runtime)} that it lacks here, and lacks commits that it has here`,
        hint: `There it is at ${first}. Choose another branch, or bring both together first.`,
        runtime,
        context: { branch, ref: first },
      });
    default:
      throw berthError("workspace.missing", {
        message: `there is no git repository at ${options.gitDir} ${located(runtime)}`,
        hint: "Try again: it is made anew.",
        runtime,
        context: { path: options.gitDir },
      });
  }
}
