import { berthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import { askCheckout, type CheckoutLocation, checkoutKey } from "./checkout-script.ts";
import type { GitPlace } from "./git-place.ts";

export interface MoveCheckout extends CheckoutLocation {
  /** Absolute path; its parent is made where it is missing. */
  readonly to: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What `git worktree move` does, which refuses worktrees with submodules: the directory is renamed, then the entry of
 * the repository and the submodules learn of its new path. Each submodule's `.git` file names its repository relative to
 * itself, and that one names the working tree; both become absolute.
 */
const MOVE = `
to=$1 toKey=$2
[ -d "$gitDir/objects" ] || { say missing; exit 0; }
claimed
locate 2>/dev/null || { say missing; exit 0; }
from=$real
entry_at "$from"
path=$to
locate_new || exit 1
if [ -e "$from" ] || [ -L "$from" ]; then
  [ ! -L "$from" ] && belongs "$from" || { say damaged; exit 0; }
  if [ -e "$entry/locked" ]; then text "$entry/locked"; say locked "$t"; exit 0; fi
  [ "$from" = "$real" ] && { say ok "$real"; exit 0; }
  if [ -e "$real" ] || [ -L "$real" ]; then
    empty_directory "$real" && rmdir -- "$real" || { say taken; exit 0; }
  fi
  mv -- "$from" "$real" || { locate_new && mv -- "$from" "$real"; } || exit 1
elif [ -z "$entry" ]; then
  entry_at "$real" || { say missing; exit 0; }
fi
belongs "$real" || { say missing; exit 0; }
printf '%s/.git\\n' "$real" > "$entry/gitdir.new" && mv -f -- "$entry/gitdir.new" "$entry/gitdir" || exit 1
if [ -d "$entry/modules" ]; then
  find "$real" -name .git -type f ! -path "$real/.git" -exec sh -c '
    for file do
      tree=\${file%/.git}
      where=$(cat -- "$file")
      module=$(cd -P -- "$tree" && cd -P -- "\${where#gitdir: }" && pwd) || continue
      git config -f "$module/config" core.worktree "$tree" || exit 1
      printf "gitdir: %s\\n" "$module" > "$file" || exit 1
    done' sh {} + || exit 1
fi
[ ! -f "$marker" ] || mv -f -- "$marker" "$state/$toKey" || exit 1
say ok "$real"
`;

/**
 * Moves a checkout, with its submodules and all that is in it. Processes that run there go on. Safe to repeat. Returns
 * its new path, without links.
 * @throws workspace.path_taken, workspace.missing, workspace.locked (by `git worktree lock`), workspace.busy,
 *   workspace.git_failed
 */
export async function moveCheckout(git: GitPlace, options: MoveCheckout): Promise<string> {
  const { path, to, signal } = options;
  const runtime = git.description;
  const [answer, first = ""] = await askCheckout(git, options, MOVE, [to, checkoutKey(to)], { signal });
  if (answer === "ok") return first;
  if (answer === "taken")
    throw berthError("workspace.path_taken", { runtime, context: { path: to, runtime } });
  if (answer === "locked") {
    throw berthError("workspace.locked", {
      message: `the worktree ${path} is locked${first === "" ? "" : `: ${first}`}`,
      hint: `git worktree unlock ${path} lets it go.`,
      runtime,
      context: { path },
    });
  }
  throw berthError("workspace.missing", {
    message:
      answer === "damaged"
        ? `${path} ${located(runtime)} is not the worktree that the repository knows there`
        : `there is no checkout at ${path} ${located(runtime)} any more`,
    hint: "berth doctor tells what has happened to it.",
    runtime,
    context: { path },
  });
}
