import { berthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import { scriptArgv } from "./environment.ts";
import type { GitPlace, GitResult } from "./git-place.ts";
import { checkedObject, isObjectName, isRefName, OBJECTS_AS_THEY_ARE } from "./objects.ts";
import { gitFailed } from "./places.ts";
import { type Tag, tagsDigest } from "./tags.ts";

/**
 * Oldest git that Berth works with in a place, [major, minor]: `rev-parse --show-object-format` and worktrees that
 * survive being moved came with it (January 2020).
 */
export const NEEDED_GIT = [2, 25] as const;

/** A repository, by its common directory. */
export interface Repository {
  readonly git: GitPlace;
  readonly gitDir: string;
}

export interface LookOptions {
  /** Repository in the place, absolute or starting with "~/"; of a checkout that is there, its `.git`. */
  readonly base: string;
  /** A path in the place, absolute or starting with "~/", that is answered as the place has it. */
  readonly path?: string | undefined;
  /** URL that its remote "origin" gets, unless somebody there has set another one. Without credentials. */
  readonly origin?: string | undefined;
  /** Objects that are asked for. */
  readonly wanted: readonly string[];
  /** Refs that are told besides those under refs/heads and refs/berth. */
  readonly refs?: readonly string[] | undefined;
  /** Tags of the repository that is going to send (`listTags`): what is there of tags is told only where it may differ. */
  readonly tags?: readonly Tag[] | undefined;
  /** Makes the repository, bare, where there is nothing. */
  readonly create: boolean;
  /** Of a repository that is made. Default sha1. */
  readonly objectFormat?: "sha1" | "sha256" | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A worktree that git knows, also one whose directory is gone. */
export interface KnownWorktree {
  readonly path: string;
  /** null: a bare main repository, or nothing committed yet. */
  readonly head: string | null;
  readonly branch: string | null;
  readonly bare: boolean;
  readonly locked: boolean;
  readonly prunable: boolean;
}

/** What is in a place. */
export interface BaseLook {
  /** Absolute, with symbolic links resolved: git's common directory. */
  readonly gitDir: string;
  /** Absolute; its parent with symbolic links resolved where it exists. undefined when none was given. */
  readonly path: string | undefined;
  readonly home: string;
  /** "2.39.5" */
  readonly version: string;
  readonly objectFormat: "sha1" | "sha256";
  /** It was made by this look. */
  readonly made: boolean;
  /** Of `wanted`: not there, or not with all that they need. */
  readonly missing: readonly string[];
  readonly present: readonly string[];
  /** Under refs/heads and refs/berth, and those that were asked for. */
  readonly refs: ReadonlyMap<string, string>;
  /** Tags there; undefined: they are known to be those of the sender, as far as they belong there. */
  readonly tags: ReadonlyMap<string, string> | undefined;
  /** Commits there whose parents are not. */
  readonly shallow: readonly string[];
  readonly worktrees: readonly KnownWorktree[];
  /** What was asked, so that it can be asked again. */
  readonly asked: LookOptions;
}

const NO_GIT = 127;
const OLD_GIT = 98;
const NO_HOME = 95;
const NOT_MADE = 94;
const TAKEN = 93;
const NOT_THERE = 92;

/**
 * $1 base, $2 path, $3 "create" or "", $4 object format, $5 origin, $6 digest of tags, $7 a word of chance, then refs;
 * stdin: objects. A base is made under another name and renamed, so that it is whole or not there; of two that are made
 * at once the second is renamed into the first, and removed.
 */
const LOOK = `base=$1 path=$2 create=$3 format=$4 origin=$5 digest=$6 chance=$7; shift 7
version=$(git version) || exit ${NO_GIT}
version=\${version#git version }; major=\${version%%.*}; minor=\${version#*.}; minor=\${minor%%.*}
case $major:$minor in
  *[!0-9:]*|:*|*:) ;;
  *) if [ "$major" -lt ${NEEDED_GIT[0]} ] || { [ "$major" -eq ${NEEDED_GIT[0]} ] && [ "$minor" -lt ${NEEDED_GIT[1]} ]; }; then
    printf '%s' "$version"; exit ${OLD_GIT}
  fi ;;
esac
HOME=\${HOME-}
case $base$path in *'~/'*) [ -n "$HOME" ] || exit ${NO_HOME} ;; esac
case $base in '~/'*) base=$HOME/\${base#'~/'} ;; esac
case $path in '~/'*) path=$HOME/\${path#'~/'} ;; esac
made=
make() {
  new=\${base%/*}/.berth-new-$chance
  (umask 077; mkdir -p "\${base%/*}") || return
  find "\${base%/*}" -maxdepth 1 -name '.berth-new-*' -mmin +60 -exec rm -rf {} + 2>/dev/null
  trap 'rm -rf "$new"' EXIT; trap 'exit 129' HUP INT TERM
  git -c init.defaultBranch=main init -q --bare --template= \${format:+"--object-format=$format"} "$new" || return
  printf '[core]\\n\\tlogAllRefUpdates = true\\n[berth]\\n\\tbase = true\\n' >>"$new/config" || return
  point "$new"
  mv "$new" "$base" || return
  if [ -e "$base/\${new##*/}" ]; then rm -rf "$base/\${new##*/}"; else made=made; fi
}
point() {
  [ -n "$origin" ] || return 0
  url=$(git --git-dir="$1" config --local --get remote.origin.url)
  [ "$url" != "$origin" ] || return 0
  if [ -n "$url" ] && [ "$url" != "$(git --git-dir="$1" config --get berth.origin)" ]; then return 0; fi
  for try in 1 2 3; do
    git --git-dir="$1" config --replace-all remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*' &&
      git --git-dir="$1" config berth.origin "$origin" &&
      git --git-dir="$1" config --replace-all remote.origin.url "$origin" && return 0
  done
}
if [ -d "$base" ] && [ "$create" ]; then rmdir "$base" 2>/dev/null; fi
if ! [ -e "$base" ]; then
  [ "$create" ] || exit ${NOT_THERE}
  make || exit ${NOT_MADE}
fi
own=$(git config --file "$base/config" --get --bool berth.base 2>/dev/null)
common=$(git --git-dir="$base" rev-parse --git-common-dir 2>/dev/null && printf x)
if [ -z "$common" ] && [ "$own" = true ]; then
  git -c init.defaultBranch=main init -q --bare --template= "$base" >&2
  common=$(git --git-dir="$base" rev-parse --git-common-dir && printf x)
fi
[ -n "$common" ] || exit ${TAKEN}
common=$(cd "\${common%?x}" && pwd -P && printf x) || exit
GIT_DIR=\${common%?x}; export GIT_DIR
[ "$own" != true ] || [ "$made" ] || point "$GIT_DIR"
case $path in ?*/*)
  parent=$(cd "\${path%/*}" 2>/dev/null && pwd -P && printf x) && path=\${parent%?x}/\${path##*/} ;;
esac
printf '%s\\0' "$version" "$HOME" "$GIT_DIR" "$path" "$made" "$(git rev-parse --show-object-format)"
there=$(git cat-file --batch-check='%(objectname) %(objecttype)' | sed -n '/ missing$/d; s/^\\([0-9a-f]*\\) [a-z]*$/\\1/p')
whole() { git rev-list --objects --quiet --stdin --not --all >/dev/null 2>&1; }
if [ -n "$there" ] && ! printf '%s\\n' "$there" | whole; then
  all=$there there=
  for object in $all; do ! printf '%s\\n' "$object" | whole || there="$there$object
"; done
fi
printf '%s\\0' "$there"
if [ -s "$GIT_DIR/shallow" ]; then cat "$GIT_DIR/shallow"; fi
printf '\\0'
if [ -z "$digest" ] || [ "$digest" = "$(git config --get berth.tags)" ]; then printf 'same\\0'
else git for-each-ref --format='%(objectname) %(refname)' refs/tags; printf '\\0'
fi
git for-each-ref --format='%(objectname) %(refname)' refs/heads refs/berth "$@" || exit
printf '\\0'
if [ "$major" -eq 2 ] && [ "$minor" -lt 36 ]; then git worktree list --porcelain; else git worktree list --porcelain -z; fi
`;

/**
 * Looks at a repository in a place, and makes it where it is missing and that is asked for: one round trip. Safe beside
 * others that do the same.
 * @throws workspace.git_missing, workspace.git_too_old, workspace.path_taken (something else is there),
 *   workspace.missing (nothing is there, and `create` is false), workspace.unsupported (other object format),
 *   workspace.git_failed
 */
export async function lookAtBase(git: GitPlace, options: LookOptions): Promise<BaseLook> {
  const words = [
    options.base,
    options.path ?? "",
    options.create ? "create" : "",
    options.objectFormat === "sha256" ? "sha256" : "",
    options.origin ?? "",
    options.tags === undefined ? "" : tagsDigest(options.tags),
    crypto.randomUUID(),
    ...(options.refs ?? []).filter(isRefName),
  ];
  const wanted = [...new Set(options.wanted)].filter(isObjectName);
  const result = await git.run(scriptArgv(LOOK, words), {
    env: OBJECTS_AS_THEY_ARE,
    input: wanted.map((object) => `${object}\n`).join(""),
    signal: options.signal,
  });
  if (result.exitCode !== 0) throw refused(git, options, result);
  const parts = result.stdout.toString("utf8").split("\0");
  const [version = "", home = "", gitDir = "", path = "", made = "", format = "", there = ""] = parts;
  const [boundary = "", tags = "", refs = "", ...worktrees] = parts.slice(7);
  if (!gitDir.startsWith("/")) throw gitFailed(git.description, ["git", "rev-parse"], result);
  const objectFormat = format.trim() === "sha256" ? "sha256" : "sha1";
  if (options.objectFormat !== undefined && options.objectFormat !== objectFormat) {
    throw berthError("workspace.unsupported", {
      message: `the repository ${gitDir} ${located(git.description)} names objects by ${objectFormat}, the project by ${options.objectFormat}`,
      hint: "Move it away, or use another baseDir.",
      context: { operation: "synchronizing", path: gitDir },
    });
  }
  const asked = new Set(wanted);
  const present = there.split("\n").filter((object) => asked.has(object));
  const presentSet = new Set(present);
  return {
    gitDir,
    path: path === "" ? undefined : path,
    home,
    version: version.trim(),
    objectFormat,
    made: made !== "",
    missing: wanted.filter((object) => !presentSet.has(object)),
    present,
    refs: parseRefs(refs, git.description),
    tags: tags === "same" ? undefined : parseRefs(tags, git.description),
    shallow: boundary.split("\n").filter(isObjectName),
    worktrees: parseWorktrees(worktrees.length > 1 ? worktrees : (worktrees[0] ?? "").split("\n")),
    asked: options,
  };
}

function refused(git: GitPlace, options: LookOptions, result: GitResult) {
  const runtime = git.description;
  const said = result.stdout.toString("utf8").split("\0")[0]?.trim() ?? "";
  switch (result.exitCode) {
    case NO_GIT:
      return berthError("workspace.git_missing", { context: { runtime } });
    case OLD_GIT:
      return berthError("workspace.git_too_old", {
        context: { runtime, version: said.slice(0, 40), needed: NEEDED_GIT.join(".") },
      });
    case NO_HOME:
      return berthError("workspace.unsupported", {
        message: `${runtime} has no HOME, so ${options.base} is no place there`,
        hint: "Give an absolute baseDir.",
        context: { runtime, path: options.base },
      });
    case TAKEN:
      return berthError("workspace.path_taken", {
        message: `${options.base} exists already ${located(runtime)}, and is no git repository`,
        hint: "Move it away, or use another baseDir.",
        context: { runtime, path: options.base },
      });
    case NOT_THERE:
      return berthError("workspace.missing", {
        message: `there is no repository ${options.base} ${located(runtime)} any more`,
        hint: "Bring it back there, or forget its workspaces: berth workspace delete --force",
        context: { runtime, path: options.base },
      });
    default:
      return gitFailed(runtime, ["git", "init"], result);
  }
}

/** Lines of "object ref". What is neither is no answer of git's. */
export function parseRefs(text: string, description: string): Map<string, string> {
  const refs = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const blank = line.indexOf(" ");
    const name = line.slice(blank + 1);
    if (isRefName(name)) refs.set(name, checkedObject(line.slice(0, Math.max(0, blank)), description));
  }
  return refs;
}

/** Attributes of `git worktree list --porcelain`, an empty one behind every worktree. */
function parseWorktrees(attributes: readonly string[]): KnownWorktree[] {
  const worktrees: KnownWorktree[] = [];
  for (const attribute of attributes) {
    const [, key = "", value = ""] = /^(\S+)(?: (.*))?$/s.exec(attribute) ?? [];
    const current = worktrees.at(-1);
    if (key === "worktree") {
      const path = value;
      worktrees.push({ path, head: null, branch: null, bare: false, locked: false, prunable: false });
    } else if (current !== undefined) {
      const known: Partial<KnownWorktree> =
        key === "HEAD" && isObjectName(value) && !/^0+$/.test(value)
          ? { head: value }
          : key === "branch" && value.startsWith("refs/heads/")
            ? { branch: value.slice("refs/heads/".length) }
            : key === "bare" || key === "locked" || key === "prunable"
              ? { [key]: true }
              : {};
      worktrees[worktrees.length - 1] = { ...current, ...known };
    }
  }
  return worktrees;
}
