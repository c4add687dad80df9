import { berthError, isBerthError } from "../../contract/errors.ts";
import type { GitPlace } from "./git-place.ts";
import { OBJECTS_AS_THEY_ARE } from "./objects.ts";
import { NOTHING_UNDER_WAY, stateArgv, stateProblem } from "./state-script.ts";

const EXIT_UNKNOWN = 66;

const FORMATS = {
  patch: ["-p", "--binary", "--full-index", "-M"],
  stat: ["--stat=120", "-M"],
  "name-status": ["--name-status", "-M"],
  /** For `git apply`, which then needs nothing but the files themselves. Submodules are no files. */
  apply: ["-p", "--binary", "--full-index", "--no-renames", "--ignore-submodules=all"],
} as const satisfies Record<string, readonly string[]>;

/** What a diff starts at. */
export type DiffBase =
  /** Where the branch left trunk: of the first of these commits that is there. */
  | { readonly kind: "left"; readonly trunks: readonly string[] }
  /** Only what is not committed. */
  | { readonly kind: "head" }
  /** A revision, in the words of the checkout. */
  | { readonly kind: "revision"; readonly revision: string };

export interface StateDiff {
  readonly path: string;
  readonly base: DiffBase;
  readonly format: keyof typeof FORMATS;
  /** Files and directories, relative to the checkout, as they are written. Default: everything. */
  readonly paths?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** Words: kind, number of revisions, these, number of options, these, paths. */
const DIFF = `
kind=$1 count=$2
shift 2
own_directory "diff-$$"
own_index
start=
while [ "$count" -gt 0 ]; do
  if [ -z "$start" ]; then
    start=$(git rev-parse --quiet --verify "$1^{commit}") || start=
    if [ "$kind" = left ] && [ -n "$start" ]; then start=$(git merge-base "$start" HEAD 2>/dev/null) || start=; fi
  fi
  shift
  count=$((count - 1))
done
if [ "$kind" = head ]; then start=$(git rev-parse --quiet --verify 'HEAD^{commit}') || start=$(git mktree < /dev/null); fi
if [ -z "$start" ] && [ "$kind" = left ] && ! git rev-parse --quiet --verify HEAD > /dev/null; then start=$(git mktree < /dev/null); fi
if [ -z "$start" ]; then exit ${EXIT_UNKNOWN}; fi
count=$1
shift
options=
while [ "$count" -gt 0 ]; do options="$options $1"; shift; count=$((count - 1)); done
case $options in *--no-renames*) take_working_tree whole ;; *) take_working_tree ;; esac
git --literal-pathspecs diff-index --cached --no-color --no-ext-diff $options "$start" -- "$@"
`;

/**
 * What a checkout has that a commit has not, uncommitted and untracked files included; as `git diff` writes it, piece by
 * piece. Nothing of the checkout changes.
 * @throws workspace.start_unknown: there is no such commit; workspace.missing, workspace.git_failed.
 *   Format "apply" also workspace.under_way: a merge or the like is
 */
export async function* diffOf(git: GitPlace, options: StateDiff): AsyncIterable<Uint8Array> {
  const { path, base, format } = options;
  const revisions = base.kind === "left" ? base.trunks : base.kind === "revision" ? [base.revision] : [];
  const unknown = berthError("workspace.start_unknown", {
    runtime: git.description,
    context: { start: base.kind === "left" ? "the project's trunk" : (revisions[0] ?? "") },
    ...(base.kind === "left" ? { message: "the branch and trunk have no commit in common" } : {}),
  });
  if (revisions.some((revision) => revision.startsWith("-"))) throw unknown;
  const argv = stateArgv(format === "apply" ? NOTHING_UNDER_WAY + DIFF : DIFF, path, [
    base.kind,
    String(revisions.length),
    ...revisions,
    String(FORMATS[format].length),
    ...FORMATS[format],
    ...(options.paths ?? []),
  ]);
  try {
    yield* git.stream(argv, { signal: options.signal, env: OBJECTS_AS_THEY_ARE });
  } catch (error) {
    if (!isBerthError(error, "workspace.git_failed")) throw error;
    const { exitCode, output } = error.context;
    if (exitCode === EXIT_UNKNOWN) throw unknown;
    throw stateProblem(git, path, Number(exitCode), Array.isArray(output) ? output.join("\n") : "") ?? error;
  }
}
