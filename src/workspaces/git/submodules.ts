import { createHash } from "node:crypto";
import { posix } from "node:path";
import { berthError } from "../../contract/errors.ts";
import { lookAtBase, type Repository } from "./base.ts";
import { gitArgv, scriptArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";
import { isObjectName, OBJECTS_AS_THEY_ARE } from "./objects.ts";
import { portableUrl } from "./origin.ts";
import { succeed } from "./places.ts";
import { transfer } from "./transfer.ts";

/** A submodule that a commit records. */
export interface Submodule {
  /** From the top of the checkout: "libs/outer/inner". */
  readonly path: string;
  /** Its name in .gitmodules of `within`. */
  readonly name: string;
  /** Path of the submodule that holds it; "": the project itself. */
  readonly within: string;
  readonly commit: string;
  /** Where it comes from, for other places; without credentials. */
  readonly url: string | undefined;
  /** A repository that has the commit; undefined: none was found, and what is within it is not known. */
  readonly gitDir: string | undefined;
}

export interface FindOptions {
  /** Git's common directory of the project. */
  readonly gitDir: string;
  /** A working tree, where submodules may be checked out. */
  readonly root?: string | undefined;
  readonly commit: string;
  /** Bases that an earlier `sendSubmodules` filled, beside the project's base. */
  readonly base?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** More than that are somebody's mistake, or a trap: a repository may hold itself. */
const MOST_SUBMODULES = 1_000;
const MOST_DEEP = 16;
/** Submodules that are sent at the same time. */
const AT_ONCE = 4;

/**
 * $1 the working tree's path of the submodule or "", $2 commit, then directories that may be its repository. Answers
 * the first that has the commit, and its remote's URL.
 */
const LOCATE = `path=$1 commit=$2; shift 2
if [ -n "$path" ] && [ -e "$path/.git" ]; then
  own=$(cd "$path" && git rev-parse --absolute-git-dir && printf x) && set -- "\${own%?x}" "$@"
fi
for dir; do
  [ -d "$dir" ] || continue
  kind=$(git --git-dir="$dir" cat-file -t "$commit" 2>/dev/null) || continue
  [ "$kind" = commit ] || continue
  printf '%s\\0%s\\0' "$dir" "$(git --git-dir="$dir" config --get remote.origin.url)"
  exit
done
`;

/**
 * Submodules of a commit, those within submodules included, outer ones first; and where their commits are in the same
 * place. No network is used.
 * @throws workspace.git_failed, workspace.unsupported (more than 1,000, or more than 16 deep)
 */
export async function findSubmodules(git: GitPlace, options: FindOptions): Promise<Submodule[]> {
  const { gitDir, root, commit, base, signal } = options;
  const ownGitDir = async (directory: string) => {
    const argv = scriptArgv('cd "$1" && git rev-parse --absolute-git-dir', [directory]);
    return (await succeed(git, argv, { signal })).replace(/\n$/, "");
  };
  const found: Submodule[] = [];
  const visit = async (
    repository: string,
    directories: () => Promise<readonly string[]>,
    within: string,
    at: string,
    depth: number,
  ) => {
    const records = await recorded(git, repository, at, signal);
    if (records.length === 0) return;
    const modulesOf = await directories();
    if (depth > MOST_DEEP) throw tooMany();
    for (const record of records) {
      if (found.length >= MOST_SUBMODULES) throw tooMany();
      const path = within === "" ? record.path : `${within}/${record.path}`;
      const candidates = modulesOf.map((directory) => `${directory}/modules/${record.name}`);
      if (base !== undefined) candidates.push(baseOfSubmodule(base, path, record.name));
      const checkout = root === undefined ? "" : posix.join(root, path);
      const argv = scriptArgv(LOCATE, [checkout, record.commit, ...candidates]);
      const answer = await succeed(git, argv, { env: OBJECTS_AS_THEY_ARE, signal });
      const [located = "", remote = ""] = answer.split("\0");
      const url = [remote, record.url]
        .map((text) => portableUrl(text).url)
        .find((text) => text !== undefined);
      const { name } = record;
      const placed = located === "" ? undefined : located;
      found.push({ path, name, within, commit: record.commit, url, gitDir: placed });
      if (placed !== undefined) await visit(placed, async () => [placed], path, record.commit, depth + 1);
    }
  };
  // A linked worktree has submodules of its own.
  const directories = async () => [
    ...new Set([...(root === undefined ? [] : [await ownGitDir(root)]), gitDir]),
  ];
  await visit(gitDir, directories, "", commit, 1);
  return found;
}

export interface SendSubmodulesOptions {
  /** Where the submodules were found. */
  readonly from: GitPlace;
  readonly to: GitPlace;
  /** The project's base in the place (BaseLook.gitDir): theirs stand beside it. */
  readonly base: string;
  readonly submodules: readonly Submodule[];
  /** Leaves those out that are not here, with what is within them. Default false: workspace.submodule_missing. */
  readonly optional?: boolean | undefined;
  readonly onProgress?: ((bytesDone: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends the commits of submodules to bases of their own in a place. Returns them as they are there, to be checked out.
 * @throws workspace.submodule_missing, and what `transfer` throws
 */
export async function sendSubmodules(options: SendSubmodulesOptions): Promise<Submodule[]> {
  const { from, to, base, submodules } = options;
  const missing = submodules.find(({ gitDir }) => gitDir === undefined);
  if (missing !== undefined && !options.optional) {
    throw berthError("workspace.submodule_missing", {
      context: { path: missing.path, commit: missing.commit },
    });
  }
  // The first that fails ends the others.
  const failed = new AbortController();
  const signal =
    options.signal === undefined ? failed.signal : AbortSignal.any([options.signal, failed.signal]);
  const waiting = submodules.filter(({ gitDir }) => gitDir !== undefined);
  const placed = new Map<Submodule, Submodule>();
  const bytes = new Map<Submodule, number>();
  const sendNext = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const submodule = next;
      const source: Repository = { git: from, gitDir: submodule.gitDir as string };
      const target = baseOfSubmodule(base, submodule.path, submodule.name);
      const refs = [{ name: `refs/berth/at/${submodule.commit}`, commit: submodule.commit }];
      const look = await lookAtBase(to, {
        base: target,
        origin: submodule.url,
        wanted: [submodule.commit],
        create: true,
        objectFormat: submodule.commit.length === 64 ? "sha256" : "sha1",
        signal,
      });
      const onProgress = (done: number) => {
        bytes.set(submodule, done);
        options.onProgress?.([...bytes.values()].reduce((sum, part) => sum + part, 0));
      };
      await transfer({ from: source, to: { git: to, gitDir: look.gitDir }, look, refs, onProgress, signal });
      placed.set(submodule, { ...submodule, gitDir: look.gitDir });
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, sendNext));
  } finally {
    failed.abort();
  }
  return submodules.flatMap((submodule) => placed.get(submodule) ?? []);
}

/** Beside the project's base, under a name that no text of the project can lead elsewhere. */
function baseOfSubmodule(base: string, path: string, name: string): string {
  const hash = createHash("sha256").update(`${path}\0${name}`).digest("hex");
  return `${posix.dirname(base)}/.modules/${hash.slice(0, 16)}.git`;
}

interface Recorded {
  readonly name: string;
  readonly path: string;
  readonly url: string;
  readonly commit: string;
}

/** What .gitmodules of a commit names, as far as the commit has it. */
async function recorded(
  git: GitPlace,
  gitDir: string,
  commit: string,
  signal: AbortSignal | undefined,
): Promise<Recorded[]> {
  const settings = { env: { ...OBJECTS_AS_THEY_ARE, GIT_LITERAL_PATHSPECS: "1" }, signal };
  const listArgv = ["config", `--blob=${commit}:.gitmodules`, "--no-includes", "-z", "--list"];
  const listed = await git.run(gitArgv([`--git-dir=${gitDir}`, ...listArgv]), settings);
  // There is none, or nobody can read it: git itself knows no submodules then.
  if (listed.exitCode !== 0) return [];
  const named = new Map<string, { path: string; url: string }>();
  for (const entry of listed.stdout.toString("utf8").split("\0")) {
    const [, name = "", key = "", value = ""] = /^submodule\.(.*)\.(path|url)\n(.*)$/s.exec(entry) ?? [];
    if (!isSubmoduleName(name)) continue;
    const known = named.get(name) ?? { path: "", url: "" };
    named.set(name, { ...known, [key]: value });
  }
  const modules = [...named].filter(([, { path }]) => isInside(path));
  if (modules.length === 0) return [];
  if (modules.length > MOST_SUBMODULES) throw tooMany();
  const treeArgv = ["ls-tree", "-z", "--full-tree", commit, "--", ...modules.map(([, { path }]) => path)];
  const tree = await succeed(git, gitArgv([`--git-dir=${gitDir}`, ...treeArgv]), settings);
  const links = new Map<string, string>();
  for (const entry of tree.split("\0")) {
    const [, object = "", path = ""] = /^160000 commit ([0-9a-f]+)\t(.*)$/s.exec(entry) ?? [];
    if (isObjectName(object)) links.set(path, object);
  }
  return modules.flatMap(([name, { path, url }]) => {
    const link = links.get(path);
    return link === undefined ? [] : [{ name, path, url, commit: link }];
  });
}

/** git's own rule for names, which become directories, and none that no configuration could hold. */
function isSubmoduleName(name: string): boolean {
  return name !== "" && !/[\n\0]/.test(name) && !name.split(/[/\\]/).includes("..") && !name.startsWith("/");
}

function isInside(path: string): boolean {
  return (
    path !== "" &&
    !path.startsWith("-") &&
    path
      .split("/")
      .every((part) => part !== "" && part !== "." && part !== ".." && part.toLowerCase() !== ".git")
  );
}

function tooMany() {
  return berthError("workspace.unsupported", {
    message: `the project has more than ${MOST_SUBMODULES} submodules, or they are more than ${MOST_DEEP} deep`,
    context: { operation: "checking out submodules" },
  });
}
