import { scriptArgv } from "../git/environment.ts";
import type { GitPlace } from "../git/git-place.ts";
import { succeed } from "../git/places.ts";

const LOOK = `
cd -P -- "$1" 2>/dev/null || exit 0
[ -e .git ] || exit 0
printf '%s\\n' "$(git rev-parse --verify --quiet 'HEAD^{commit}')"
state=
{ read -r state < "$(git rev-parse --absolute-git-dir)/berth-restored"; } 2>/dev/null
# Changes that were being brought along are nobody's work there yet.
case $state in begun*) ;; *) git status --porcelain | head -n 1 ;; esac
`;

/** Why a checkout is not removed unasked, in words: somebody has worked in it. */
export async function reasonToKeep(
  git: GitPlace,
  path: string,
  commit: string | null,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<string | undefined> {
  const said = await succeed(git, scriptArgv(LOOK, [path]), { signal: options.signal });
  if (said === "") return undefined;
  const [head = "", changed = ""] = said.split("\n");
  if (head !== "" && head !== commit) return "there are commits in it";
  return changed === "" ? undefined : "there are changes in it";
}
