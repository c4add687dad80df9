import { scriptArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";
import { gitFailed } from "./places.ts";
import type { Submodule } from "./submodules.ts";

/**
 * Settings that keep Git LFS's pointers as they are, also where its filters are configured and required and it is not
 * installed.
 */
export const KEEP_POINTERS = [
  "-c",
  "filter.lfs.smudge=",
  "-c",
  "filter.lfs.process=",
  "-c",
  "filter.lfs.required=false",
] as const;

export interface SubmoduleCheckoutOptions {
  /** Absolute path of the checkout that they are of. */
  readonly path: string;
  /** As they are in this place, outer ones first; those without a repository are left out. */
  readonly submodules: readonly Submodule[];
  /** git's hooks of the project may run. */
  readonly hooks?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * $1 checkout, $2 "hooks" or "", then six words a submodule. Its repository is made under another name and renamed. A
 * clone within a file system links the objects; only a shallow one has to be fetched. Configuration that is there stays:
 * it may be the user's own.
 */
const CHECK_OUT = `top=$1 hooks=$2; shift 2
top=$(cd "$top" && pwd -P && printf x) || exit; top=\${top%?x}
keep() { if [ "$hooks" ]; then git_with_hooks ${KEEP_POINTERS.join(" ")} "$@"; else git ${KEEP_POINTERS.join(" ")} "$@"; fi; }
fill() { # key value: set where nothing is
  for try in 1 2 3 4 5; do
    git config --get "$1" >/dev/null 2>&1 && return
    git config "$1" "$2" 2>/dev/null && return
  done
  git config --get "$1" >/dev/null
}
fetched() {
  git init -q --bare --template= "$2" &&
    git --git-dir="$2" fetch -q --no-tags --update-shallow \\
      --upload-pack='git -c uploadpack.allowAnySHA1InWant=true upload-pack' "$1" "$3:refs/berth/at/$3"
}
while [ $# -ge 6 ]; do
  within=$1 name=$2 path=$3 commit=$4 source=$5 url=$6; shift 6
  cd "$top\${within:+/$within}" || exit
  [ "$(git rev-parse --show-cdup)" = '' ] || exit
  modules=$(git rev-parse --absolute-git-dir && printf x) || exit
  modules=\${modules%?x}/modules
  dir=$modules/$name
  if ! [ -e "$dir" ]; then
    mkdir -p "\${dir%/*}" || exit
    new=$modules/.berth-new-$$
    rm -rf "$modules"/.berth-new-*
    if [ -s "$source/shallow" ]; then fetched "$source" "$new" "$commit"
    else git clone -q --bare --local --template= "$source" "$new" 2>"$modules/.berth-said" || { cat "$modules/.berth-said" >&2; false; }
    fi || { rm -rf "$new" "$modules/.berth-said"; exit 1; }
    rm -f "$modules/.berth-said"
    git --git-dir="$new" config core.bare false || exit
    git --git-dir="$new" config --remove-section remote.origin 2>/dev/null
    if [ -n "$url" ]; then
      git --git-dir="$new" config remote.origin.url "$url" &&
        git --git-dir="$new" config remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*' || exit
    fi
    mv "$new" "$dir" || exit
  elif ! git --git-dir="$dir" cat-file -e "$commit^{commit}" 2>/dev/null; then
    git --git-dir="$dir" fetch -q --no-tags --update-shallow \\
      --upload-pack='git -c uploadpack.allowAnySHA1InWant=true upload-pack' "$source" "$commit" || exit
  fi
  fill "submodule.$name.active" true || exit
  fill "submodule.$name.url" "\${url:-$source}" || exit
  GIT_LITERAL_PATHSPECS=1; export GIT_LITERAL_PATHSPECS
  keep submodule --quiet update --no-fetch --checkout -- "$path" || exit
done
`;

/**
 * Checks submodules out of repositories in the same place: no network and no credentials are used, and what they were
 * taken from stands in no configuration afterwards, but where a submodule has no URL at all. Idempotent. One round trip.
 * @throws workspace.git_failed
 */
export async function checkOutSubmodules(git: GitPlace, options: SubmoduleCheckoutOptions): Promise<void> {
  const words = options.submodules.flatMap(({ within, name, path, commit, gitDir, url }) =>
    gitDir === undefined
      ? []
      : [within, name, within === "" ? path : path.slice(within.length + 1), commit, gitDir, url ?? ""],
  );
  if (words.length === 0) return;
  const argv = scriptArgv(CHECK_OUT, [options.path, options.hooks ? "hooks" : "", ...words]);
  // git's own list of what may be used beats every setting, the user's included.
  const env = { GIT_ALLOW_PROTOCOL: "file" };
  const result = await git.run(argv, { env, signal: options.signal });
  if (result.exitCode !== 0) throw gitFailed(git.description, ["git", "submodule"], result);
}
