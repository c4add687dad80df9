import { berthError, isBerthError } from "../../contract/errors.ts";
import type { WorkspaceChanges } from "../../contract/workspace.ts";
import { ChangeReader } from "./change-reader.ts";
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

/** Words: kind, number of revisions, these, others. Finds what the diff starts at, and has an index of its own. */
const START = `
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
`;

/** Further words: number of options, these, paths. */
const DIFF = `
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
  const words = [String(FORMATS[format].length), ...FORMATS[format], ...(options.paths ?? [])];
  const script = START + DIFF;
  yield* fromStart(git, format === "apply" ? NOTHING_UNDER_WAY + script : script, {
    path,
    base,
    words,
    signal: options.signal,
  });
}

/**
 * What a script says that is put behind the beginning of a diff: it knows $start, and has the words.
 * @throws as `diffOf`
 */
async function* fromStart(
  git: GitPlace,
  script: string,
  options: Pick<StateDiff, "path" | "base" | "signal"> & { readonly words: readonly string[] },
): AsyncIterable<Uint8Array> {
  const { path, base, words } = options;
  const revisions = base.kind === "left" ? base.trunks : base.kind === "revision" ? [base.revision] : [];
  const unknown = berthError("workspace.start_unknown", {
    runtime: git.description,
    context: { start: base.kind === "left" ? "the project's trunk" : (revisions[0] ?? "") },
    ...(base.kind === "left" ? { message: "the branch and trunk have no commit in common" } : {}),
  });
  if (revisions.some((revision) => revision.startsWith("-"))) throw unknown;
  const argv = stateArgv(script, path, [base.kind, String(revisions.length), ...revisions, ...words]);
  try {
    yield* git.stream(argv, { signal: options.signal, env: OBJECTS_AS_THEY_ARE });
  } catch (error) {
    if (!isBerthError(error, "workspace.git_failed")) throw error;
    const { exitCode, output } = error.context;
    if (exitCode === EXIT_UNKNOWN) throw unknown;
    throw stateProblem(git, path, Number(exitCode), Array.isArray(output) ? output.join("\n") : "") ?? error;
  }
}

/** Answers: the commit that it starts at, unmerged entries, "", untracked paths, "", the diff as raw and as numbers. */
const CHANGES = `
say "$(git rev-parse --quiet --verify "$start^{commit}")"
git ls-files --unmerged -z
say ''
take_working_tree
cat "$own/new"
say ''
git diff-index --cached --raw --numstat -z -M --no-abbrev --no-ext-diff "$start" --
`;

/**
 * The files of the diff with the same base, with their numbers of lines, in one round trip. Nothing of the checkout
 * changes.
 * @throws workspace.start_unknown, workspace.missing, workspace.git_failed
 */
export async function readChanges(
  git: GitPlace,
  options: Pick<StateDiff, "path" | "base" | "signal">,
): Promise<WorkspaceChanges> {
  const found = new ChangeReader();
  for await (const chunk of fromStart(git, START + CHANGES, { ...options, words: [] })) found.push(chunk);
  return found.changes();
}
