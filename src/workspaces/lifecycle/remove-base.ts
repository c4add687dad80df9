import { scriptArgv } from "../git/environment.ts";
import type { GitPlace } from "../git/git-place.ts";
import { succeed } from "../git/places.ts";

/** $1: base repository. It goes when Berth made it and nothing is in it but what can be sent again. */
const REMOVE = `
base=$1
[ -d "$base" ] && [ "$(git config --file "$base/config" --get --bool berth.base)" = true ] || exit 0
[ -z "$(ls -A "$base/worktrees" 2>/dev/null)" ] || exit 0
[ -z "$(git --git-dir="$base" for-each-ref --count=1 --format=any refs/heads refs/stash)" ] || exit 0
old=\${base%/*}/.berth-old-$$
mv -- "$base" "$old" && rm -rf -- "$old" "\${base%/*}/.modules" && echo removed
rmdir -- "\${base%/*}" "\${base%/*/*}" 2>/dev/null
:
`;

/**
 * Removes a project's base repository from a place, with the directories above it that are empty then, when Berth made
 * it and no checkout or branch is in it. Idempotent.
 */
export async function removeBase(
  git: GitPlace,
  options: { readonly gitDir: string; readonly signal?: AbortSignal | undefined },
): Promise<boolean> {
  const said = await succeed(git, scriptArgv(REMOVE, [options.gitDir]), { signal: options.signal });
  return said.trim() === "removed";
}
