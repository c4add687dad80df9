import { berthError } from "../../contract/errors.ts";
import { askCheckout, type CheckoutLocation } from "./checkout-script.ts";
import type { GitPlace } from "./git-place.ts";
import { isProtected, type Protection } from "./names.ts";

export interface RemoveCheckout extends CheckoutLocation {
  /** Deleted too, if it still is at `branchCommit` and not protected. Default: no branch is. */
  readonly branch?: string | undefined;
  readonly branchCommit?: string | undefined;
  readonly protection?: Protection | undefined;
  /** Also a worktree that somebody has locked, or whose repository has gone. Default false. */
  readonly force?: boolean | undefined;
  /** Parents of the checkout below this directory are removed when they are empty. Default: none is. */
  readonly below?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RemovedCheckout {
  /** What was removed now: "checkout", "entry" (of the repository), "branch". Empty: nothing was there any more. */
  readonly removed: readonly ("checkout" | "entry" | "branch")[];
  /** What is still there, and why. */
  readonly kept: readonly { readonly what: "checkout" | "branch"; readonly reason: string }[];
}

/**
 * Order: the directory is renamed in one step, then emptied, then the repository's entry goes, the branch, and last the
 * note that says that all this is Berth's. So a death anywhere leaves something that the next call continues with.
 */
const REMOVE = `
branch=$1 commit=$2 force=$3 below=$4
g() { git --git-dir="$gitDir" "$@"; }
forget_branch() {
  g config --get-regexp '^branch\\.' 2>/dev/null | grep -qF -- "branch.$branch." &&
    patiently g config --remove-section "branch.$branch"
}
if [ -d "$gitDir" ]; then claimed; base=yes; else base=; fi
entry= real=
if ! locate 2>/dev/null && { [ ! -e "$parent" ] || ! locate; }; then
  [ ! -e "$parent" ] || exit 1
  # Where its parent has gone too, there are no links to be told from directories.
  real=$path
  entry_at "$real"
else
  trash=\${real%/*}/.berth-removed-$key
  entry_at "$real"
  if [ -e "$real" ] || [ -L "$real" ]; then
    mine=
    if [ -L "$real" ]; then say kept checkout "it is a link, and nothing of Berth"
    elif [ ! -d "$real" ]; then say kept checkout "it is no directory, and nothing of Berth"
    elif belongs "$real"; then
      text "$entry/locked"
      if [ -e "$entry/locked" ] && [ "$t" != initializing ] && [ "$force" != yes ]; then say locked "$t"; exit 0; fi
      mine=yes
    elif [ -f "$marker" ] && empty_directory "$real"; then mine=yes
    else
      text "$real/.git"
      case $t in
        "gitdir: $gitDir/worktrees/"*) if [ -z "$base" ] && [ "$force" = yes ]; then mine=yes; else say kept checkout "its .git names an entry that the repository has not, or that is of another directory"; fi ;;
        *) say kept checkout "it is not the worktree that the repository knows at this path" ;;
      esac
    fi
    if [ -n "$mine" ]; then
      rm -rf -- "$trash" 2>/dev/null
      if [ ! -e "$trash" ] && mv -- "$real" "$trash" 2>/dev/null; then say removed checkout; else trash=$real; fi
      emptied=yes
    fi
  fi
  if [ -d "$trash" ] && [ ! -L "$trash" ]; then
    rm -rf -- "$trash" 2>/dev/null || {
      # Directories without the owner's permission to write or search: every build cache of Go is made of them.
      find "$trash" -type d ! -perm -u=rwx -exec chmod u+rwx -- {} + 2>/dev/null
      rm -rf -- "$trash" 2>/dev/null || rm -rf -- "$trash"
    }
    if [ -e "$trash" ]; then
      left=$(find "$trash" ! -type d ! -user "$(id -u)" 2>/dev/null | head -n 1)
      [ -n "$left" ] || left=$(find "$trash" ! -user "$(id -u)" 2>/dev/null | head -n 1)
      [ -n "$left" ] || left=$(find "$trash" -depth 2>/dev/null | head -n 1)
      say left "$trash" "$left" "$(ls -ld -- "$left" 2>/dev/null | awk '{ print $3; exit }')"
    elif [ "$trash" = "$real" ]; then say removed checkout
    fi
  fi
fi
if [ -n "$base" ] && [ ! -e "$real" ] && [ ! -L "$real" ]; then
  if [ -n "$entry" ]; then
    text "$entry/locked"
    if [ -e "$entry/locked" ] && [ "$t" != initializing ] && [ "$force" != yes ] && [ -z "\${emptied-}" ]; then say locked "$t"; exit 0; fi
    rm -rf -- "$entry" && say removed entry
    entry=
  fi
  rmdir -- "$gitDir/worktrees" 2>/dev/null
fi
if [ -n "$base" ] && [ -n "$branch" ]; then
  look_up "refs/heads/$branch"
  if [ -z "$at" ]; then forget_branch
  elif branch_user || { [ -n "$entry" ] && [ -e "$real" ] && user=$real; }; then say kept branch "it is checked out in $user"
  elif [ -n "$commit" ] && [ "$at" != "$commit" ]; then say kept branch "it is at $at, and not at $commit any more"
  elif patiently g update-ref --no-deref -d "refs/heads/$branch" "$at"; then
    say removed branch
    forget_branch
  elif [ "$(g rev-parse --verify --quiet "refs/heads/$branch")" != "$at" ]; then say kept branch "it has just moved"
  else failed
  fi
fi
if [ ! -e "$real" ] && [ ! -L "$real" ]; then
  [ -z "$base" ] || rm -f -- "$marker"
  up=\${real%/*}
  root=$([ -n "$below" ] && cd -P -- "$below" 2>/dev/null && printf '%s' "$PWD")
  while [ -n "$root" ] && [ "\${up#"$root"/}" != "$up" ]; do
    rmdir -- "$up" 2>/dev/null || [ ! -e "$up" ] || break
    up=\${up%/*}
  done
fi
say done
`;

/**
 * Removes a checkout that addCheckout has made, and its branch where asked. Safe to repeat; nothing there is a success.
 * A directory goes only when its `.git` names an entry of the repository, and that entry names the directory; links are
 * removed, not followed. What can't go is in `kept`.
 * @throws workspace.locked: somebody has locked the worktree; workspace.busy, workspace.git_failed
 */
export async function removeCheckout(git: GitPlace, options: RemoveCheckout): Promise<RemovedCheckout> {
  const { branch } = options;
  const protectedBranch = branch !== undefined && isProtected(branch, options.protection);
  const said = await askCheckout(
    git,
    options,
    REMOVE,
    [
      protectedBranch ? "" : (branch ?? ""),
      options.branchCommit ?? "",
      options.force ? "yes" : "",
      options.below ?? "",
    ],
    { signal: options.signal },
  );
  const removed = new Set<RemovedCheckout["removed"][number]>();
  const kept: { what: "checkout" | "branch"; reason: string }[] = [];
  if (protectedBranch) kept.push({ what: "branch", reason: `${branch} is a protected branch` });
  for (let at = 0; at < said.length; ) {
    const [kind, first = "", second = "", third = ""] = said.slice(at, at + 4);
    if (kind === "removed") {
      removed.add(first as RemovedCheckout["removed"][number]);
      at += 2;
    } else if (kind === "kept") {
      kept.push({ what: first as "checkout" | "branch", reason: second });
      at += 3;
    } else if (kind === "left") {
      const owner = third === "" ? "" : `, of user ${third},`;
      kept.push({
        what: "checkout",
        reason: `${second}${owner} could not be removed; the rest of it is in ${first}`,
      });
      at += 4;
    } else if (kind === "locked") {
      throw berthError("workspace.locked", {
        message: `the worktree ${options.path} is locked${first === "" ? "" : `: ${first}`}`,
        hint: `git worktree unlock ${options.path} lets it go, or give --force.`,
        runtime: git.description,
        context: { path: options.path },
      });
    } else at += 1;
  }
  return { removed: [...removed], kept };
}
