import { berthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import { gitArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";
import { checkedObject } from "./objects.ts";
import { succeed } from "./places.ts";
import { askState, NOTHING_UNDER_WAY, shown } from "./state-script.ts";
import { KEEP_POINTERS } from "./submodule-checkout.ts";

/** Uncommitted state of a checkout as two commits; sending `tree` sends both. */
export interface Changes {
  /** Commit that it is based on; null: the branch is not born. */
  readonly head: string | null;
  /** Commit whose tree is the index. */
  readonly index: string;
  /** Commit whose tree is the working tree, untracked files included; a child of `head` and `index`. */
  readonly tree: string;
  /** The ref that keeps them until dropChanges. */
  readonly ref: string;
  /** Ignored files that `.berth/include` names, and their size in bytes. */
  readonly included: { readonly files: number; readonly bytes: number };
  /** What could not be taken along, for people: repositories within the checkout, changes in submodules. */
  readonly leftBehind: readonly string[];
}

/** Things left behind that are named. */
const MAX_LEFT_BEHIND = 50;

/** Commits of the same state are the same commits: sending them twice sends nothing. */
const IDENTITY = `
GIT_AUTHOR_NAME=berth GIT_AUTHOR_EMAIL=berth@localhost GIT_AUTHOR_DATE='1000000000 +0000'
GIT_COMMITTER_NAME=berth GIT_COMMITTER_EMAIL=berth@localhost GIT_COMMITTER_DATE='1000000000 +0000'
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE
`;

/**
 * Paths that were only announced (git add -N) are in no tree: a third parent lists them. diff-files calls them "A".
 * What is untracked after everything was taken could not be.
 */
const CAPTURE = `${NOTHING_UNDER_WAY}${IDENTITY}
ref=$1 include=$2
own_directory "changes-\${ref##*/}"
own_index
head=$(git rev-parse --quiet --verify 'HEAD^{commit}') || head=
index=$(git write-tree --missing-ok) || exit 1
take_working_tree whole
tree=$(git write-tree --missing-ok) || exit 1
before=$tree files=0 bytes=0
if [ "$include" = yes ] && [ -f .berth/include ] && [ ! -L .berth/include ] && [ ! -L .berth ]; then
  git ls-files -z --others --ignored --exclude-from=.berth/include > "$own/ignored" || exit 1
  to_lines < "$own/ignored" | sed '/\\/$/d' | from_lines > "$own/included"
  put included
  tree=$(git write-tree --missing-ok) || exit 1
  if [ "$tree" != "$before" ]; then
    git diff-tree -r --raw --no-renames "$before" "$tree" > "$own/raw" || exit 1
    set -- $(cut -d ' ' -f 4 "$own/raw" | git cat-file --batch-check='%(objectsize)' | awk '{ sum += $1 } END { printf "%d %.0f", NR, sum }')
    files=$1 bytes=$2
  fi
fi
if [ -s "$own/untracked" ]; then git ls-files -z --others --exclude-standard > "$own/rest" 2>/dev/null || exit 1; else : > "$own/rest"; fi
sed -n 'h;n;x;/^:160000/{x;p;};/^:[0-7]* 160000/{x;p;}' "$own/lines" > "$own/modules"
sed -n 's/^warning: could not open directory/wthe directory/p' "$own/said" > "$own/unread"
sed -n 'h;n;x;/ A$/{x;p;}' "$own/lines" | from_lines > "$own/announced"

start=$(git rev-parse --quiet --verify 'HEAD^{tree}') || start=$(git mktree < /dev/null)
if [ "$start" = "$index" ] && [ "$index" = "$tree" ] && ! [ -s "$own/announced" ] && ! [ -s "$own/rest" ] && ! [ -s "$own/modules" ] && ! [ -s "$own/unread" ]; then
  say clean
  exit 0
fi
set --
if [ -n "$head" ]; then set -- -p "$head"; fi
index=$(git commit-tree "$@" -m 'berth: index' "$index") || exit 1
set -- "$@" -p "$index"
if [ -s "$own/announced" ]; then
  blob=$(git hash-object -w --no-filters -- "$own/announced") || exit 1
  list=$(printf '100644 blob %s\\tannounced\\n' "$blob" | git mktree) || exit 1
  list=$(git commit-tree -m 'berth: announced' "$list") || exit 1
  set -- "$@" -p "$list"
fi
tree=$(git commit-tree "$@" -m 'berth: working tree' "$tree") || exit 1
git -c core.logAllRefUpdates=false update-ref --no-deref "$ref" "$tree" || exit 1
say captured "$head" "$index" "$tree" "$files" "$bytes"
sed 's/^/m/' "$own/modules" | from_lines
to_lines < "$own/rest" | sed 's/^/u/' | from_lines
from_lines < "$own/unread"
`;

/**
 * Takes down the uncommitted state of a checkout (index, working tree, untracked files) without touching its index,
 * files, stash or reflogs: one round trip, and nothing but objects and a ref are written. Ignored files only as
 * `.berth/include` names them (gitignore syntax). undefined: there is nothing.
 *
 * Flags of the index stay: what is assumed unchanged or outside a sparse checkout counts as git counts it.
 * @throws workspace.under_way: a merge or the like is, or the index is unmerged; workspace.missing, workspace.git_failed
 */
export async function captureChanges(
  git: GitPlace,
  path: string,
  options: {
    /** Name of the state in its repository, one at a time. */
    readonly id: string;
    /** Ignored files that `.berth/include` names are taken too. Default true. */
    readonly includeFile?: boolean;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Changes | undefined> {
  const ref = changesRef(options.id);
  const words = [ref, options.includeFile === false ? "" : "yes"];
  const [answer, head, index, tree, files, bytes, ...rest] = await askState(git, path, CAPTURE, words, {
    signal: options.signal,
  });
  if (answer !== "captured") return undefined;
  return {
    head: head === "" ? null : checkedObject(head ?? "", git.description),
    index: checkedObject(index ?? "", git.description),
    tree: checkedObject(tree ?? "", git.description),
    ref,
    included: { files: count(files), bytes: count(bytes) },
    leftBehind: [
      ...rest.slice(0, MAX_LEFT_BEHIND).map(leftBehind),
      ...(rest.length > MAX_LEFT_BEHIND ? [`and ${rest.length - MAX_LEFT_BEHIND} more`] : []),
    ],
  };
}

function count(word = ""): number {
  return /^\d{1,15}$/.test(word) ? Number(word) : 0;
}

function leftBehind(word: string): string {
  const what = shown(word.slice(1));
  if (word.startsWith("m")) return `changes in the submodule ${what}`;
  if (word.startsWith("w")) return what;
  return word.endsWith("/") ? `the repository ${what}` : `${what}, a name that git does not take`;
}

/**
 * "begun" lets the next attempt overwrite what a cut one has left, or still does: both end with the same steps; "done" makes it do nothing, unless it was all undone.
 * Sparse patterns must not
 * keep a file from being written here: it would be missing from the working tree and then from everything.
 */
const RESTORE = `
head=$1 index=$2 tree=$3 mark=$gitdir/berth-restored
was=
{ read -r was < "$mark"; } 2>/dev/null
changed() { [ -n "$(git status --porcelain --ignore-submodules=all --untracked-files=normal | head -n 1)" ]; }
put_tree() { patiently git ${KEEP_POINTERS.join(" ")} read-tree --no-sparse-checkout --no-recurse-submodules "$@"; }
now=$(git rev-parse --quiet --verify 'HEAD^{commit}') || now=
if [ "$now" != "$head" ]; then say elsewhere "$now"; exit 0; fi
if [ "$was" = "begun $tree" ]; then put_tree --reset -u "$tree" || exit 1
elif changed; then
  if [ "$was" = "done $tree" ]; then say ok; else say dirty; fi
  exit 0
else
  start=$(git rev-parse --quiet --verify 'HEAD^{tree}') || start=$(git mktree < /dev/null)
  printf 'begun %s\\n' "$tree" > "$mark" || exit 1
  put_tree -m -u "$start" "$tree" || { changed || rm -f -- "$mark"; exit 1; }
fi
put_tree -m "$index" || exit 1
if list=$(git rev-parse --quiet --verify "$tree^3") || { [ -z "$head" ] && list=$(git rev-parse --quiet --verify "$tree^2"); }; then
  git cat-file blob "$list:announced" > "$gitdir/berth-announced" || exit 1
  patiently git --literal-pathspecs add --intent-to-add --force --pathspec-from-file="$gitdir/berth-announced" --pathspec-file-nul || exit 1
  rm -f -- "$gitdir/berth-announced"
fi
git update-index -q --refresh > /dev/null
printf 'done %s\\n' "$tree" > "$mark" || exit 1
say ok
`;

/**
 * Brings captured state into a clean checkout of the same commit, in one round trip: staged stays staged, unstaged
 * unstaged, untracked untracked. The commits have to be in its repository. Safe to repeat after a cut connection.
 * @throws workspace.apply_conflict: the checkout is at another commit, or has changes of its own; nothing was changed.
 *   workspace.missing, workspace.locked, workspace.git_failed
 */
export async function restoreChanges(
  git: GitPlace,
  path: string,
  changes: Pick<Changes, "head" | "index" | "tree">,
  signal?: AbortSignal,
): Promise<void> {
  const words = [changes.head ?? "", changes.index, changes.tree];
  const [answer, now] = await askState(git, path, RESTORE, words, { signal });
  if (answer === "ok") return;
  const at = now === undefined || now === "" ? "no commit" : shown(now).slice(0, 12);
  throw berthError("workspace.apply_conflict", {
    message:
      answer === "elsewhere"
        ? `the checkout ${located(git.description)} is at ${at}, and the uncommitted changes belong on ${changes.head ?? "an empty branch"}`
        : `the checkout ${located(git.description)} has uncommitted changes of its own`,
    runtime: git.description,
    context: { path },
  });
}

/** Lets go of captured state. Idempotent. `directory` is in its repository, or is its git directory. */
export async function dropChanges(
  git: GitPlace,
  directory: string,
  id: string,
  signal?: AbortSignal,
): Promise<void> {
  const argv = gitArgv(["-C", directory, "update-ref", "--no-deref", "-d", changesRef(id)]);
  await succeed(git, argv, { signal });
}

/** The ref that keeps the captured state of that name. */
export function changesRef(id: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(id)) throw new RangeError(`not an id of changes: ${id}`);
  return `refs/berth/changes/${id}`;
}
