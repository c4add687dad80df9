import { scriptArgv } from "../git/environment.ts";
import type { GitPlace } from "../git/git-place.ts";
import { succeed } from "../git/places.ts";

/** Keeps what a workspace starts at in a repository, until its branch does. */
export function startRef(id: string): string {
  return `refs/berth/start/${id}`;
}

/** Keeps what was pushed into a workspace, until its branch has it. */
export function pushedRef(id: string): string {
  return `refs/berth/pushed/${id}`;
}

/** Keeps what came home from a workspace, until the branch here has it. People may have to type it. */
export function pulledRef(name: string): string {
  return `refs/berth/pulled/${name}`;
}

const DROP = `
[ -d "$1" ] || exit 0
gitDir=$1; shift
for ref; do git --git-dir="$gitDir" update-ref --no-deref -d "$ref" || exit; done
`;

/** Lets go of what kept commits in a repository. Idempotent; one round trip. */
export async function dropRefs(
  git: GitPlace,
  gitDir: string,
  refs: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  if (refs.length > 0) await succeed(git, scriptArgv(DROP, [gitDir, ...refs]), { signal });
}
