import { basename, dirname, isAbsolute, resolve } from "node:path";
import { berthError } from "../../contract/errors.ts";
import { scriptArgv } from "./environment.ts";
import type { GitPlace, GitResult } from "./git-place.ts";
import { isObjectName, OBJECTS_AS_THEY_ARE } from "./objects.ts";
import { expandShorthand, portableUrl } from "./origin.ts";
import { gitFailed } from "./places.ts";

/** What a new workspace starts at unless it is told otherwise. */
export interface Trunk {
  /** Its name, without "refs/heads/". */
  readonly branch: string;
  readonly commit: string;
  /** The ref that was newer: `refs/heads/…` or `refs/remotes/…`. */
  readonly ref: string;
}

/** A project as it is now. */
export interface ProjectFacts {
  /** Absolute: the working tree that the directory is in; of a bare repository, or inside of a `.git`, as `mainRoot`. */
  readonly root: string;
  /** Absolute: the main working tree, which names the project; of a bare repository, of that. */
  readonly mainRoot: string;
  /** Absolute: git's common directory, the same from all of its working trees. */
  readonly gitDir: string;
  readonly bare: boolean;
  readonly objectFormat: "sha1" | "sha256";
  /** null where no commit is checked out yet. */
  readonly head: string | null;
  /** Checked out at `root`, also one without a commit; null: detached. */
  readonly branch: string | null;
  /** Not a single ref. */
  readonly isEmpty: boolean;
  /** Name of the remote that the rest is about. */
  readonly remote: string;
  /** Its URL for other places, without any credentials. */
  readonly origin: string | undefined;
  /** Why there is a URL, but none for other places; in words. */
  readonly originLeftOut: string | undefined;
  readonly trunk: Trunk | undefined;
  /** Commits whose parents are not here. */
  readonly shallow: readonly string[];
  /** A clone with `--filter`, whose objects may be missing. */
  readonly partial: boolean;
  /** `core.hooksPath`, as it is written. */
  readonly hooksPath: string | undefined;
  /** git's configuration as it applies here: keys in git's own case, all values in order. May hold secrets. */
  readonly config: ReadonlyMap<string, readonly string[]>;
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ReadProjectOptions extends ReadOptions {
  /** Name of the branch that is trunk, before all that is guessed. */
  readonly trunk?: string | undefined;
}

const NO_DIRECTORY = 96;
/** What a shell ends with when there is no such command. */
const NO_GIT = 127;

/** $1: directory. Answers, each ended by NUL: flags and common directory, top, HEAD, branch, boundary; then the configuration. */
const LOOK = `cd "$1" 2>/dev/null || exit ${NO_DIRECTORY}
flags=$(git rev-parse --is-bare-repository --is-inside-work-tree --is-shallow-repository --show-object-format --git-common-dir && printf x) || exit
rest=\${flags#*
}; rest=\${rest#*
}; rest=\${rest#*
}; common=\${rest#*
}; common=\${common%?x}
common=$(cd "$common" && pwd -P && printf x) || exit
printf '%s\\0%s\\0' "\${flags%x}" "\${common%?x}"
top=$(git rev-parse --show-toplevel 2>/dev/null && printf x); printf '%s\\0' "\${top%?x}"
printf '%s\\0' "$(git rev-parse -q --verify 'HEAD^{commit}' 2>/dev/null)" "$(git symbolic-ref -q HEAD)"
if [ -s "\${common%?x}/shallow" ]; then cat "\${common%?x}/shallow"; fi
printf '\\0'
git config --list -z
`;

/** $1: directory, $2: remote, $3: "empty?" or "", others: branches that may be trunk. Answers: target of the remote's HEAD, NUL, refs. */
const REFS = `cd "$1" || exit
remote=$2 unborn=$3; shift 3
head=$(git symbolic-ref -q "refs/remotes/$remote/HEAD")
case $head in "refs/remotes/$remote/"*) set -- "\${head#"refs/remotes/$remote/"}" "$@" ;; esac
printf '%s\\0' "$head"
if [ -n "$unborn" ]; then git for-each-ref --count=1 --format='any' || exit; fi
for branch; do shift; set -- "$@" "refs/heads/$branch" "refs/remotes/$remote/$branch"; done
[ $# -eq 0 ] || git for-each-ref --format='%(objectname) %(refname)' "$@"
`;

const USUAL_TRUNKS = ["main", "master", "trunk", "develop"];

/**
 * Facts of the project that a directory is in: any directory of a working tree, of a linked one, or of a bare
 * repository. Two scripts with a handful of short git calls; a third only where a local trunk and its remote-tracking
 * branch differ.
 * @throws workspace.not_a_project, workspace.git_missing, workspace.git_failed
 */
export async function readProject(
  git: GitPlace,
  directory: string,
  options: ReadProjectOptions = {},
): Promise<ProjectFacts> {
  const settings = { env: OBJECTS_AS_THEY_ARE, signal: options.signal };
  const looked = await git.run(scriptArgv(LOOK, [directory]), settings);
  if (looked.exitCode !== 0) throw refused(git, directory, looked);
  const answer = looked.stdout.toString("utf8");
  const [flags = "", gitDir = "", top = "", head = "", headRef = "", boundary = "", ...rest] =
    answer.split("\0");
  const [bare, , , format] = flags.split("\n");
  const config = parseConfig(rest);
  const remote = remoteOf(config);
  const mainRoot = mainRootOf(gitDir, bare === "true", last(config, "core.worktree"));
  const branch = branchOf(headRef);

  const candidates = [options.trunk, ...USUAL_TRUNKS, last(config, "init.defaultbranch"), branch];
  const names = [...new Set(candidates)].filter((name) => name !== undefined && name !== null && name !== "");
  const refsWords = [directory, remote, head === "" ? "empty?" : "", ...(names as string[])];
  const listed = await git.run(scriptArgv(REFS, refsWords), settings);
  if (listed.exitCode !== 0) throw gitFailed(git.description, ["git", "for-each-ref"], listed);
  const [remoteHead = "", lines = ""] = listed.stdout.toString("utf8").split("\0");
  const refs = new Map<string, string>();
  for (const line of lines.split("\n")) {
    const blank = line.indexOf(" ");
    if (blank > 0 && isObjectName(line.slice(0, blank)))
      refs.set(line.slice(blank + 1), line.slice(0, blank));
  }
  const prefix = `refs/remotes/${remote}/`;
  const followed = remoteHead.startsWith(prefix) ? [remoteHead.slice(prefix.length)] : [];
  const named = options.trunk === undefined ? [] : [options.trunk];
  const inOrder = [...named, ...followed, ...(names as string[])];
  const trunk = await findTrunk(git, directory, inOrder, refs, prefix, options);

  const url = last(config, `remote.${remote}.url`);
  const portable = url === undefined ? undefined : portableUrl(expandShorthand(url, config));
  return {
    root: top === "" ? mainRoot : top,
    mainRoot: top !== "" && gitDir === resolve(top, ".git") ? top : mainRoot,
    gitDir,
    bare: bare === "true",
    objectFormat: format === "sha256" ? "sha256" : "sha1",
    head: isObjectName(head) ? head : null,
    branch,
    isEmpty: head === "" && refs.size === 0 && !lines.startsWith("any\n"),
    remote,
    origin: portable?.url,
    originLeftOut: portable?.leftOut,
    trunk,
    shallow: boundary.split("\n").filter(isObjectName),
    partial: [...config].some(
      ([key, values]) =>
        key === "extensions.partialclone" ||
        (/^remote\..*\.promisor$/s.test(key) && values.at(-1)?.toLowerCase() !== "false"),
    ),
    // The last one is Berth's own.
    hooksPath: config.get("core.hookspath")?.at(-2),
    config,
  };
}

/**
 * The commit that a revision means, as a user would say it: a branch that only the remote has is found, too.
 * @param directory of the working tree, whose HEAD counts, or of the repository
 * @throws workspace.start_unknown
 */
export async function resolveCommit(
  git: GitPlace,
  directory: string,
  revision: string,
  options: ReadOptions & { readonly remote?: string } = {},
): Promise<string> {
  const unknown = () => berthError("workspace.start_unknown", { context: { start: revision } });
  // What starts with a dash would be an option.
  if (revision === "" || revision.startsWith("-") || revision.includes("\0")) throw unknown();
  const script = `cd "$1" || exit
git rev-parse -q --verify "$2^{commit}" || git rev-parse -q --verify "refs/remotes/$3/$2^{commit}"`;
  const result = await git.run(scriptArgv(script, [directory, revision, options.remote ?? "origin"]), {
    env: OBJECTS_AS_THEY_ARE,
    signal: options.signal,
  });
  const commit = result.stdout.toString("utf8").trim();
  if (result.exitCode !== 0 || !isObjectName(commit)) throw unknown();
  return commit;
}

async function findTrunk(
  git: GitPlace,
  directory: string,
  names: readonly string[],
  refs: ReadonlyMap<string, string>,
  prefix: string,
  options: ReadOptions,
): Promise<Trunk | undefined> {
  for (const branch of names) {
    const localRef = `refs/heads/${branch}`;
    const remoteRef = `${prefix}${branch}`;
    const local = refs.get(localRef);
    const tracking = refs.get(remoteRef);
    if (local === undefined && tracking === undefined) continue;
    if (tracking === undefined) return { branch, commit: local as string, ref: localRef };
    if (local === undefined || local === tracking) return { branch, commit: tracking, ref: remoteRef };
    const argv = scriptArgv(`cd "$1" && git merge-base --is-ancestor "$2" "$3"`, [
      directory,
      tracking,
      local,
    ]);
    const contained = await git.run(argv, { env: OBJECTS_AS_THEY_ARE, signal: options.signal });
    return contained.exitCode === 0
      ? { branch, commit: local, ref: localRef }
      : { branch, commit: tracking, ref: remoteRef };
  }
  return undefined;
}

function refused(git: GitPlace, directory: string, result: GitResult) {
  const context = { path: directory, runtime: git.description };
  const said = result.stderr;
  if (result.exitCode === NO_GIT) return berthError("workspace.git_missing", { context });
  if (result.exitCode === NO_DIRECTORY) {
    return berthError("workspace.not_a_project", {
      message: `${directory} is no directory that can be entered`,
      context,
    });
  }
  if (said.includes("dubious ownership") || said.includes("unsafe repository")) {
    const path = /safe\.directory\s+(.+)/.exec(said)?.[1]?.trim() ?? directory;
    return berthError("workspace.not_a_project", {
      message: `${directory} belongs to somebody else, and git does not work in it`,
      hint: `When you trust its files: git config --global --add safe.directory ${path}`,
      context,
    });
  }
  if (said.includes("safe.bareRepository")) {
    return berthError("workspace.not_a_project", {
      message: `${directory} is in a bare repository, which git's setting safe.bareRepository keeps it from using`,
      hint: "Use one of its working trees, or unset safe.bareRepository.",
      context,
    });
  }
  if (/not a git repository/i.test(said)) return berthError("workspace.not_a_project", { context });
  return gitFailed(git.description, ["git", "rev-parse"], result);
}

/** `git config --list -z`: key, newline, value; a key without newline is a bare "true". */
function parseConfig(entries: readonly string[]): Map<string, string[]> {
  const config = new Map<string, string[]>();
  for (const entry of entries) {
    if (entry === "") continue;
    const end = entry.indexOf("\n");
    const key = end < 0 ? entry : entry.slice(0, end);
    const values = config.get(key) ?? [];
    values.push(end < 0 ? "true" : entry.slice(end + 1));
    config.set(key, values);
  }
  return config;
}

function last(config: ReadonlyMap<string, readonly string[]>, key: string): string | undefined {
  return config.get(key)?.at(-1);
}

/** "origin", or the only remote that there is under another name. */
function remoteOf(config: ReadonlyMap<string, readonly string[]>): string {
  const names = [...config.keys()].flatMap((key) => /^remote\.(.*)\.url$/s.exec(key)?.[1] ?? []);
  const only = names.length === 1 ? (names[0] as string) : "origin";
  return names.includes("origin") ? "origin" : only;
}

function branchOf(headRef: string): string | null {
  return headRef.startsWith("refs/heads/") ? headRef.slice("refs/heads/".length) : null;
}

/** Where git itself looks for the main working tree. */
function mainRootOf(gitDir: string, bare: boolean, worktree: string | undefined): string {
  if (worktree !== undefined) return isAbsolute(worktree) ? worktree : resolve(gitDir, worktree);
  return !bare && basename(gitDir) === ".git" ? dirname(gitDir) : gitDir;
}
