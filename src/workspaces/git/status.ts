import { berthError } from "../../contract/errors.ts";
import { scriptArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";
import { checkedObject, isObjectName, OBJECTS_AS_THEY_ARE } from "./objects.ts";
import { gitFailed } from "./places.ts";
import { STATE_FUNCTIONS, shown } from "./state-script.ts";

/** Paths of a kind that are listed; the counts are of all. */
const MAX_PATHS = 1000;
/** Commits that are listed. Who has more that nobody else has, loses more than can be looked at. */
const MAX_COMMITS = 5000;
const MAX_STASHES = 500;
/** Commits that are listed of each repository within. */
const MAX_INNER_COMMITS = 200;

/** Nothing that a user may have set to see more, or in other letters. */
const PLAIN = "--no-show-signature --encoding=UTF-8";

export interface Commit {
  readonly commit: string;
  readonly parents: readonly string[];
  readonly subject: string;
}

/** What one look at a workspace's checkout and repository tells. */
export interface RawStatus {
  /** Why the checkout can't be used; then only `branchCommit` and `candidates` mean anything. */
  readonly problem: string | undefined;
  /** The directory is not there at all. */
  readonly missing: boolean;
  readonly head: string | null;
  /** Checked out; null: detached. */
  readonly branch: string | null;
  /** Commit of the workspace's branch, wherever HEAD is. */
  readonly branchCommit: string | null;
  /** The first 1000 each, and how many there are. */
  readonly changed: readonly string[];
  readonly changedCount: number;
  readonly untracked: readonly string[];
  readonly untrackedCount: number;
  /** Subjects of stashes that were made in this checkout, newest first. */
  readonly stashes: readonly string[];
  readonly underWay: string | undefined;
  /** Commits that HEAD and trunk lack of each other; undefined: there is no trunk here. */
  readonly ahead: number | undefined;
  readonly behind: number | undefined;
  /** Commits of HEAD and the branch that are on no other branch of this repository and on no remote one, newest first. */
  readonly candidates: readonly Commit[];
  /** There are more of them than are listed. */
  readonly moreCandidates: boolean;
  /** Repositories within that git knows (submodules, also such as nobody has declared), with commits that are on no remote. */
  readonly submodules: readonly { readonly path: string; readonly commits: readonly Commit[] }[];
}

/**
 * Words: path, base, branch, trunk, "alone" when the repository goes with the workspace, so that its other branches are
 * the workspace's too, or "visited" when those count that were checked out here, remote-tracking branch that proves nothing
 * or "", branches that prove nothing.
 *
 * Lists are cut by awk, which reads them to their end to count them. Every answer starts with a letter of its kind.
 */
const STATUS = `
path=$1 base=$2 branch=$3 trunk=$4 alone=$5 sent=$6
visited=
case $alone in visited) alone= visited=yes ;; esac
shift 6
ref=refs/heads/$branch
GIT_OPTIONAL_LOCKS=0
export GIT_OPTIONAL_LOCKS
first_line() { head -n 1 | tr -d '\\000'; }
state=ok problem= head= current= busy= lock=
if ! cd -- "$path" 2>/dev/null; then
  state=missing
  [ ! -e "$path" ] && [ ! -L "$path" ] || { state=broken; problem='it is no directory that can be entered'; }
elif [ ! -e .git ]; then state=broken problem='there is no .git in it'
elif ! gitdir=$(git rev-parse --absolute-git-dir 2>/dev/null && printf x); then
  state=broken problem=$(git rev-parse --absolute-git-dir 2>&1 | first_line)
else
  gitdir=\${gitdir%?x}
  if [ -n "$base" ]; then
    mine=$(cd -- "$(git rev-parse --git-common-dir)" && pwd -P)
    if [ "$mine" != "$(cd -- "$base" 2>/dev/null && pwd -P)" ]; then
      state=broken problem="it is a checkout of another repository, $mine"
    fi
  fi
fi
if [ $state = ok ]; then
  repository() { git "$@"; }
  head=$(git rev-parse --quiet --verify 'HEAD^{commit}') || head=
  current=$(git symbolic-ref --quiet HEAD) || current=
  busy=$(under_way)
  if [ -z "$busy" ] && [ -n "$(git ls-files --unmerged 2>/dev/null | head -n 1)" ]; then busy=merge; fi
  [ -z "$(find "$gitdir/index.lock" -prune -mmin +1 2>/dev/null)" ] || lock=$gitdir/index.lock
elif [ -n "$base" ] && [ -d "$base/objects" ]; then
  repository() { git --git-dir="$base" "$@"; }
  # HEAD of a checkout that is gone is still noted in its repository.
  head=$(git --git-dir="$base" worktree list --porcelain 2>/dev/null | {
    here=
    while IFS= read -r line; do
      case $line in
        "worktree $path") here=yes ;;
        "worktree "*) here= ;;
        "HEAD "*) if [ -n "$here" ]; then printf '%s' "\${line#HEAD }"; break; fi ;;
      esac
    done
  })
  git --git-dir="$base" cat-file -e "$head^{commit}" 2>/dev/null || head=
else
  say "s$state" "p$problem"
  exit 0
fi
at=$(repository rev-parse --quiet --verify "$ref^{commit}") || at=
say "s$state" "p$problem" "h$head" "b$current" "a$at" "w$busy" "l$lock"

# Changes of files that git was told not to look at (assume-unchanged, skip-worktree), as lines of its status.
hidden() (
  flagged=$(git ls-files -v | sed -n '/^[a-zS] /{p;q;}')
  [ -n "$flagged" ] || exit 0
  own_directory "status-$$"
  own_index
  git ls-files -v -z | to_lines | sed -n 's/^[a-zS] //p' | from_lines > "$own/flagged"
  for flag in --no-skip-worktree --no-assume-unchanged; do git update-index "$flag" -z --stdin < "$own/flagged" || exit 1; done
  git update-index -q --refresh > /dev/null 2>&1
  git diff-files --name-only --diff-filter=d --ignore-submodules=all -z | to_lines | sed 's/^/1 .M N... 0 0 0 0 0 /' | from_lines
)
# Checkouts of the same repository that go with this one, a line each: agents make them, in directories that are ignored.
nested() {
  case $gitdir in */worktrees/*) ;; *) return 0 ;; esac
  physical=$(pwd -P)
  { git worktree list --porcelain -z 2>/dev/null || git worktree list --porcelain | tr '\\n' '\\000'; } |
    to_lines | sed -n 's/^worktree //p' | while IFS= read -r line; do
      inside=$(printf '%sx' "$line" | from_lines)
      inside=\${inside%x}
      case $inside in "$physical") continue ;; "$physical"/*) ;; *) [ -n "$alone" ] || continue ;; esac
      [ ! -e "$inside/.git" ] || printf '%s\\n' "$line"
    done
}
nested_changes() {
  nested | while IFS= read -r line; do
    inside=$(printf '%sx' "$line" | from_lines)
    git -C "\${inside%x}" status --porcelain -z --no-renames --untracked-files=all --ignore-submodules=none |
      to_lines | within="\${line#"$(pwd -P)"/}/" awk '{ print "? " ENVIRON["within"] substr($0, 4) }' | from_lines
  done
}
if [ $state = ok ]; then
  {
    git status --porcelain=v2 -z --no-renames --untracked-files=all --ignore-submodules=none
    exit_code=$?
    hidden || exit_code=$?
    nested_changes
    printf '! %s\\000' "$exit_code"
  } |
    to_lines | awk -v max=${MAX_PATHS} '
      /^[1u] / { if (changed++ < max) print; next }
      /^[?] / { if (untracked++ < max) print; next }
      /^! / { exit_code = $2 }
      END { printf "! %d %d %d\\n", changed, untracked, exit_code }' | from_lines
fi
if [ $state = ok ] && repository rev-parse --quiet --verify refs/stash > /dev/null; then
  [ ! -f "$gitdir/logs/HEAD" ] || sed -n 's/^.*	checkout: moving from \\(.*\\) to .*$/N\\1/p' "$gitdir/logs/HEAD" | sort -u | tr '\\n' '\\000'
  repository log --walk-reflogs ${PLAIN} -z --max-count=${MAX_STASHES} --format='S%gs' refs/stash --
fi
if [ -n "$trunk" ] && ! repository cat-file -e "$trunk^{commit}" 2>/dev/null; then trunk=; fi
if [ -n "$trunk" ] && [ -n "$head" ]; then
  printf 'A%s\\000' "$(repository rev-list --left-right --count "$trunk...$head")"
fi
# Repositories within $1, whose path here is $2. Each has a number ($3 and its own), as no format can hold a path.
inner() {
  git -C "$1" ls-files --stage -z | to_lines | sed -n 's/^160000 [^	]*	//p' | (
    own=0
    while IFS= read -r line; do
      own=$((own + 1))
      name=$(printf '%sx' "$line" | from_lines)
      name=\${name%x}
      [ -e "$1/$name/.git" ] || continue
      known=
      [ -z "$trunk" ] || [ -n "$2" ] || known=$(git rev-parse --quiet --verify "$trunk:$name") || known=
      git -C "$1/$name" cat-file -e "$known^{commit}" 2>/dev/null || known=
      say "M$3$own $2$name"
      stash=$(git -C "$1/$name" rev-parse --quiet --verify refs/stash) || stash=
      git -C "$1/$name" log ${PLAIN} -z --max-count=${MAX_INNER_COMMITS} --format="m$3$own %H %P%x09%s" HEAD $stash --branches --not --remotes $known -- 2>/dev/null
      (inner "$1/$name" "$2$name/" "$3$own.")
    done
  )
}
# Repositories of submodules that are not checked out now: git keeps them, and they go with a worktree.
put_away() {
  case $gitdir in */worktrees/*) ;; *) return 0 ;; esac
  own=0
  find "$gitdir/modules" -type f -name config 2>/dev/null | while IFS= read -r line; do
    within=\${line%/config}
    [ -d "$within/objects" ] || continue
    tree=$(git config --file "$line" core.worktree) || tree=
    [ -z "$tree" ] || ! (cd -- "$within" && [ -e "$tree/.git" ]) || continue
    own=$((own + 1))
    name=\${within#"$gitdir/modules/"}
    known=
    [ -z "$trunk" ] || known=$(git rev-parse --quiet --verify "$trunk:$name") || known=
    git --git-dir="$within" cat-file -e "$known^{commit}" 2>/dev/null || known=
    stash=$(git --git-dir="$within" rev-parse --quiet --verify refs/stash) || stash=
    say "Mx$own $name"
    git --git-dir="$within" log ${PLAIN} -z --max-count=${MAX_INNER_COMMITS} --format="mx$own %H %P%x09%s" $stash --branches --not --remotes $known -- 2>/dev/null
  done
}
if [ $state = ok ]; then
  inner . '' ''
  put_away
fi
tips=
if [ -n "$visited" ] && [ $state = ok ] && [ -f "$gitdir/logs/HEAD" ]; then
  used=$(git worktree list --porcelain)
  while IFS= read -r one; do
    # One that is checked out in another checkout is that one's.
    printf '%s\\n' "$used" | grep -qxF -- "branch refs/heads/$one" && continue
    tip=$(git rev-parse --quiet --verify "refs/heads/$one^{commit}") || continue
    tips="$tips $tip"
    set -- "$@" "$one"
  done <<VISITED
$(sed -n 's/^.*	checkout: moving from \\(.*\\) to .*$/\\1/p' "$gitdir/logs/HEAD" | sort -u)
VISITED
fi
count=$#
[ -z "$head" ] || set -- "$@" "$head"
[ -z "$at" ] || set -- "$@" "$at"
[ -z "$alone" ] || set -- "$@" --branches --tags
if [ $state = ok ]; then
  heads=$(nested | while IFS= read -r line; do
    inside=$(printf '%sx' "$line" | from_lines)
    git -C "\${inside%x}" rev-parse --quiet --verify 'HEAD^{commit}'
  done)
  for one in $heads; do set -- "$@" "$one"; done
fi
for one in $tips; do set -- "$@" "$one"; done
if [ $# -gt "$count" ]; then
  set -- "$@" --not \${sent:+"--exclude=$sent"} --remotes
  # Behind what is looked for come the branches that the first words named.
  while [ "$count" -gt 0 ]; do
    one=$1
    shift
    count=$((count - 1))
    [ -n "$alone" ] || set -- "$@" --exclude="$one"
  done
  [ -n "$alone" ] || set -- "$@" --exclude="$branch" --exclude="\${current#refs/heads/}" --branches
  [ -z "$trunk" ] || set -- "$@" "$trunk"
  repository log ${PLAIN} -z --topo-order --max-count=$((${MAX_COMMITS} + 1)) --format='C%H %P%x09%s' "$@" -- || exit 1
fi
`;

/**
 * Where a workspace stands, in one round trip that changes nothing. A checkout that is damaged or gone is no error, but
 * `problem`; the commits of its branch are found all the same when the repository is known.
 * @throws workspace.git_failed
 */
export async function readStatus(
  git: GitPlace,
  options: {
    readonly path: string;
    /** The repository that the checkout is a worktree of; null: a clone of its own. */
    readonly base: string | null;
    readonly branch: string;
    readonly trunk?: string | undefined;
    /** The repository goes with the workspace: all of its branches and tags count as the workspace's. */
    readonly alone?: boolean;
    /** Branches that were checked out in the checkout, and are in none now, count as the workspace's. */
    readonly visited?: boolean;
    /** Remote-tracking branch that Berth has set, as "origin/main", and that proves nothing. */
    readonly sent?: string | undefined;
    /** Branches besides its own that prove nothing. */
    readonly doomed?: readonly string[];
    readonly signal?: AbortSignal | undefined;
  },
): Promise<RawStatus> {
  const { path, base, branch } = options;
  const words = [
    path,
    base ?? "",
    branch,
    options.trunk ?? "",
    options.alone ? "yes" : options.visited ? "visited" : "",
    options.sent ?? "",
  ];
  words.push(...(options.doomed ?? []));
  const argv = scriptArgv(STATE_FUNCTIONS + STATUS, words);
  const result = await git.run(argv, { signal: options.signal, env: OBJECTS_AS_THEY_ARE });
  if (result.exitCode !== 0) throw gitFailed(git.description, argv, result);
  return new Answer(git, result.stdout).status(options, result.stderr);
}

/** Records by their first letter, in the order in which they came. */
class Answer {
  readonly #git: GitPlace;
  readonly #records = new Map<string, string[]>();

  constructor(git: GitPlace, bytes: Buffer) {
    this.#git = git;
    for (const record of bytes.toString("utf8").split("\0").slice(0, -1)) {
      const kind = record.slice(0, 1);
      const known = this.#records.get(kind);
      if (known === undefined) this.#records.set(kind, [record.slice(1)]);
      else known.push(record.slice(1));
    }
  }

  status(
    options: { readonly base: string | null; readonly branch: string; readonly alone?: boolean },
    stderr: string,
  ): RawStatus {
    const state = this.#one("s");
    if (!["ok", "missing", "broken"].includes(state)) {
      throw berthError("workspace.git_failed", {
        message: `${this.#git.description} gave no status that can be understood`,
      });
    }
    const [changedCount = 0, untrackedCount = 0, exitCode = 0] = this.#numbers("!");
    const [behind, ahead] = this.#numbers("A");
    const ref = this.#one("b");
    const branch = ref.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : null;
    const commits = this.#all("C");
    const lock = this.#one("l");
    const problem =
      state === "missing"
        ? "the directory is not there"
        : state === "broken"
          ? shown(this.#one("p"))
          : exitCode !== 0
            ? `git status: ${shown(stderr.trim().split("\n").at(-1) ?? "")}`
            : lock !== ""
              ? `git's lock ${shown(lock)} has been held for more than a minute`
              : undefined;
    return {
      problem,
      missing: state === "missing",
      head: this.#object("h"),
      branch,
      branchCommit: this.#object("a"),
      changed: ["1", "u"].flatMap((kind) => this.#all(kind).map((rest) => pathOf(kind, rest))),
      changedCount,
      untracked: this.#all("?").map((rest) => rest.slice(1)),
      untrackedCount,
      stashes: this.#stashes(options, branch),
      underWay: this.#one("w") === "" ? undefined : shown(this.#one("w")),
      ahead,
      behind,
      candidates: commits.slice(0, MAX_COMMITS).map((line) => this.#commit(line)),
      moreCandidates: commits.length > MAX_COMMITS,
      submodules: this.#submodules(),
    };
  }

  /**
   * All worktrees of a repository share its stashes. One belongs here when its subject names a branch that is or was
   * checked out here, or none, and HEAD is or was detached here.
   */
  #stashes(
    options: { readonly base: string | null; readonly branch: string; readonly alone?: boolean },
    current: string | null,
  ): string[] {
    const subjects = this.#all("S").map(shown);
    if (options.base === null || options.alone) return subjects;
    const names = new Set([...this.#all("N"), options.branch, ...(current === null ? [] : [current])]);
    const detached = (current === null && this.#one("h") !== "") || [...names].some(isObjectName);
    return subjects.filter((subject) => {
      const name = /^(?:WIP on|On) ([^:]+):/.exec(subject)?.[1];
      return name === "(no branch)" ? detached : name !== undefined && names.has(name);
    });
  }

  #submodules(): RawStatus["submodules"] {
    const found = new Map<string, { path: string; commits: Commit[] }>();
    for (const line of this.#all("M")) {
      const [number = ""] = line.split(" ", 1);
      found.set(number, { path: line.slice(number.length + 1), commits: [] });
    }
    for (const line of this.#all("m")) {
      const [number = ""] = line.split(" ", 1);
      found.get(number)?.commits.push(this.#commit(line.slice(number.length + 1)));
    }
    return [...found.values()].filter(({ commits }) => commits.length > 0);
  }

  #commit(line: string): Commit {
    const at = line.indexOf("\t");
    const [commit = "", ...parents] = line.slice(0, at).trim().split(" ");
    return {
      commit: checkedObject(commit, this.#git.description),
      parents: parents.filter(isObjectName),
      subject: shown(line.slice(at + 1)),
    };
  }

  #all(kind: string): readonly string[] {
    return this.#records.get(kind) ?? [];
  }

  #one(kind: string): string {
    return this.#all(kind)[0] ?? "";
  }

  #numbers(kind: string): number[] {
    const words = this.#one(kind).trim().split(/\s+/);
    return words.filter((word) => /^\d{1,15}$/.test(word)).map(Number);
  }

  #object(kind: string): string | null {
    const word = this.#one(kind);
    return word === "" ? null : checkedObject(word, this.#git.description);
  }
}

/** The path of a line of `git status --porcelain=v2`: behind 8 fields, of an unmerged one behind 10. */
function pathOf(kind: string, rest: string): string {
  const fields = kind === "u" ? 10 : 8;
  let at = 0;
  for (let field = 0; field < fields; field += 1) at = rest.indexOf(" ", at) + 1;
  return rest.slice(at);
}
