import { gitArgv, scriptArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";
import { OBJECTS_AS_THEY_ARE } from "./objects.ts";
import { gitFailed, succeed } from "./places.ts";

/**
 * Bounds of what is looked at. Beyond them work counts as not merged, which never loses any.
 */
const MAX_PREFIXES = 50;
const MAX_COMMITS = 500;
const MAX_TRUNK_COMMITS = 300;
const MAX_PATHSPECS = 500;
const MAX_MERGES = 500;
const MAX_BYTES = 256 * 1024 * 1024;

/** Mode and object of a path; "" where it is not. */
type Entry = string;
/** Paths that differ between two commits: before and after. */
type Difference = ReadonlyMap<string, { readonly before: Entry; readonly after: Entry }>;

/** A commit of trunk, and what a path was in it; undefined: not known, as trunk never changed it. */
interface TrunkState {
  readonly commit: string;
  readonly entry: (path: string) => Entry | undefined;
}

/** What a commit changed, or a branch up to that commit; and the commit of trunk that it has grown from. */
interface Change {
  readonly commit: string;
  readonly before: string;
  readonly left: string;
  readonly whole: boolean;
}

interface Line {
  readonly commit: string;
  readonly parents: readonly string[];
}

/**
 * The commits of a branch whose content trunk has, or has had, although not as these commits: it was rebased, squashed
 * or cherry-picked there. Content is contained in a commit of trunk when merging it there would change nothing: asked for
 * the branch as a whole and for its beginnings (squash), then for each commit (rebase). Lines count as they are, white
 * space too, and no merge driver has a say. When in doubt a commit is not merged.
 * @throws workspace.git_failed
 */
export async function mergedByContent(
  repository: { readonly git: GitPlace; readonly gitDir: string },
  options: {
    readonly tip: string;
    /** The same trunk, as it is known here and at origin. */
    readonly trunks: readonly string[];
    readonly signal?: AbortSignal | undefined;
  },
): Promise<ReadonlySet<string>> {
  return await new Comparison(repository.git, repository.gitDir, options).run();
}

class Comparison {
  readonly #git: GitPlace;
  readonly #gitDir: string;
  readonly #tip: string;
  readonly #trunks: readonly string[];
  readonly #signal: AbortSignal | undefined;
  readonly #merges = new Map<string, boolean>();
  readonly #since = new Map<string, ReadonlySet<string>>();

  constructor(
    git: GitPlace,
    gitDir: string,
    options: {
      readonly tip: string;
      readonly trunks: readonly string[];
      readonly signal?: AbortSignal | undefined;
    },
  ) {
    this.#git = git;
    this.#gitDir = gitDir;
    this.#tip = options.tip;
    this.#trunks = options.trunks;
    this.#signal = options.signal;
  }

  async run(): Promise<ReadonlySet<string>> {
    const merged = new Set<string>();
    const own = await this.#ownCommits();
    const chain = firstParents(own, this.#tip);
    const oldest = chain.at(-1);
    if (oldest === undefined || this.#trunks.length === 0) return merged;
    const left = await this.#mergeBase(oldest.commit);
    if (left === undefined) return merged;

    // With merges in between, trunk among them, every commit has left it elsewhere.
    const leftOf = async (commit: string) =>
      own.length === chain.length ? left : await this.#mergeBase(commit);
    const changes: Change[] = [];
    for (const { commit } of chain.slice(0, MAX_PREFIXES)) {
      const base = await leftOf(commit);
      if (base !== undefined) changes.push({ commit, before: base, left: base, whole: true });
    }
    for (const { commit, parents } of own.slice(0, MAX_COMMITS)) {
      const base = await leftOf(commit);
      if (base === undefined || parents.length !== 1) continue;
      changes.push({ commit, before: parents[0] ?? "", left: base, whole: false });
    }
    const differences = await this.#differences(changes.map(({ commit, before }) => [commit, before]));
    const paths = new Set(differences.flatMap((difference) => [...difference.keys()]));
    const trunk = await this.#trunkStates(left, paths);

    let whole = false;
    for (const [at, change] of changes.entries()) {
      if (merged.has(change.commit) || (whole && change.whole)) continue;
      if (
        !(await this.#contained(
          differences[at],
          change.left === left ? trunk : await this.#newer(trunk, change.left),
        ))
      )
        continue;
      if (!change.whole) merged.add(change.commit);
      else for (const commit of reachable(own, change.commit)) merged.add(commit);
      whole ||= change.whole;
    }
    for (const { commit, parents } of own.slice(0, MAX_COMMITS)) {
      if (parents.length > 1 && !merged.has(commit) && (await this.#addsNothing(commit))) merged.add(commit);
    }
    return merged;
  }

  /** Commits that trunk does not have, children before parents. */
  async #ownCommits(): Promise<Line[]> {
    const args = ["rev-list", "--parents", "--topo-order", this.#tip, "--not", ...this.#trunks, "--"];
    const text = await this.#say(args);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [commit = "", ...parents] = line.split(" ");
        return { commit, parents };
      });
  }

  async #mergeBase(commit: string): Promise<string | undefined> {
    const argv = this.#argv(["merge-base", commit, ...this.#trunks]);
    const result = await this.#git.run(argv, { signal: this.#signal, env: OBJECTS_AS_THEY_ARE });
    if (result.exitCode === 1) return undefined;
    if (result.exitCode !== 0) throw gitFailed(this.#git.description, argv, result);
    return result.stdout.toString("utf8").trim();
  }

  /** What differs between each pair of commits (after, before). */
  async #differences(
    pairs: readonly (readonly [string, string])[],
    paths: readonly string[] = [],
  ): Promise<Difference[]> {
    if (pairs.length === 0) return [];
    // A commit and another id: git takes the second for its parent.
    const text = await this.#say(
      [
        "--literal-pathspecs",
        "diff-tree",
        "--stdin",
        "--always",
        "-r",
        "-z",
        "--raw",
        "--no-renames",
        "--full-index",
        "--ignore-submodules=none",
        "--",
        ...paths,
      ],
      pairs.map((pair) => `${pair.join(" ")}\n`).join(""),
    );
    const found: Map<string, { before: Entry; after: Entry }>[] = [];
    const words = text.split("\0");
    for (let at = 0; at < words.length - 1; at += 1) {
      const word = words[at] ?? "";
      if (!word.startsWith(":")) {
        found.push(new Map());
        continue;
      }
      const [oldMode = "", newMode = "", oldObject = "", newObject = ""] = word.slice(1).split(" ");
      at += 1;
      found
        .at(-1)
        ?.set(words[at] ?? "", { before: entry(oldMode, oldObject), after: entry(newMode, newObject) });
    }
    return found;
  }

  /** What the paths were in the commits of trunk since `left` that changed any of them, newest first. */
  async #trunkStates(left: string, paths: ReadonlySet<string>): Promise<TrunkState[]> {
    if (paths.size === 0) return [];
    const specs = paths.size > MAX_PATHSPECS ? [] : [...paths];
    const range = [`--max-count=${MAX_TRUNK_COMMITS}`, ...this.#trunks, "--not", left, "--", ...specs];
    const text = await this.#say(["--literal-pathspecs", "rev-list", ...range]);
    const commits = text.split("\n").filter((line) => line !== "");
    const differences = await this.#differences(
      commits.map((commit) => [commit, left]),
      specs,
    );
    const before = new Map(
      differences.flatMap((one) => [...one].map(([path, entries]) => [path, entries.before])),
    );
    return commits.map((commit, at) => ({
      commit,
      entry: (path) => differences[at]?.get(path)?.after ?? before.get(path),
    }));
  }

  /** Those of trunk's commits that came after `left`. What the branch takes back to an older state is not merged. */
  async #newer(trunk: readonly TrunkState[], left: string): Promise<TrunkState[]> {
    let since = this.#since.get(left);
    if (since === undefined) {
      since = new Set((await this.#say(["rev-list", ...this.#trunks, "--not", left, "--"])).split("\n"));
      this.#since.set(left, since);
    }
    return trunk.filter(({ commit }) => since.has(commit));
  }

  async #contained(difference: Difference | undefined, trunk: readonly TrunkState[]): Promise<boolean> {
    // Nothing that can be seen: also what was made and undone again, which trunk never had.
    if (difference === undefined || difference.size === 0) return false;
    for (const state of trunk) if (await this.#containedIn(difference, state)) return true;
    return false;
  }

  async #containedIn(difference: Difference, state: TrunkState): Promise<boolean> {
    const open: [string, string, string][] = [];
    for (const [path, { before, after }] of difference) {
      const there = state.entry(path);
      if (there === after) continue;
      if (there === undefined || there === before) return false;
      const [oldMode, oldBlob] = file(before);
      const [newMode, newBlob] = file(after);
      const [trunkMode, trunkBlob] = file(there);
      if (oldBlob === undefined || newBlob === undefined || trunkBlob === undefined) return false;
      if (oldMode !== newMode && newMode !== trunkMode) return false;
      if (oldBlob !== newBlob && newBlob !== trunkBlob) open.push([trunkBlob, oldBlob, newBlob]);
    }
    for (const blobs of open) if (!(await this.#mergeChangesNothing(...blobs))) return false;
    return true;
  }

  async #mergeChangesNothing(trunk: string, before: string, after: string): Promise<boolean> {
    const key = `${trunk} ${before} ${after}`;
    const known = this.#merges.get(key);
    if (known !== undefined) return known;
    if (this.#merges.size >= MAX_MERGES || trunk === before) return false;
    const argv = scriptArgv(MERGE_FILE, [this.#gitDir, trunk, before, after]);
    const result = await this.#git.run(argv, { signal: this.#signal, env: OBJECTS_AS_THEY_ARE });
    this.#merges.set(key, result.exitCode === 0);
    return result.exitCode === 0;
  }

  /** A merge whose content all comes from one of its sides. */
  async #addsNothing(commit: string): Promise<boolean> {
    return (
      (await this.#say([
        "diff-tree",
        "--cc",
        "--no-commit-id",
        "--no-renames",
        "--no-ext-diff",
        commit,
        "--",
      ])) === ""
    );
  }

  #argv(args: readonly string[]): string[] {
    return gitArgv([`--git-dir=${this.#gitDir}`, ...args]);
  }

  async #say(args: readonly string[], input = ""): Promise<string> {
    const options = { input, signal: this.#signal, env: OBJECTS_AS_THEY_ARE, maxBytes: MAX_BYTES };
    return await succeed(this.#git, this.#argv(args), options);
  }
}

/** Exit 0: merging $4, made of $3, into $2 gives $2. */
const MERGE_FILE = `
umask 077
own=\${TMPDIR:-/tmp}/berth-merge-$$
mkdir -- "$own" || exit 2
trap 'rm -rf -- "$own"' EXIT
trap 'exit 129' HUP INT TERM PIPE
for blob in "$2" "$3" "$4"; do git --git-dir="$1" cat-file blob "$blob" > "$own/$blob" || exit 2; done
cd -- "$own" || exit 2
git merge-file -p -q "$2" "$3" "$4" > merged 2>/dev/null && cmp -s merged "$2"
`;

function entry(mode: string, object: string): Entry {
  return /^0+$/.test(mode) ? "" : `${mode} ${object}`;
}

/** Mode and blob of a file; nothing of links, submodules, and what is not there. */
function file(found: Entry): readonly [string, string] | readonly [] {
  const [mode = "", blob = ""] = found.split(" ");
  return mode.startsWith("100") ? [mode, blob] : [];
}

/** The line of a branch, from its tip down. */
function firstParents(lines: readonly Line[], tip: string): Line[] {
  const byCommit = new Map(lines.map((line) => [line.commit, line]));
  const chain: Line[] = [];
  for (let line = byCommit.get(tip); line !== undefined; line = byCommit.get(line.parents[0] ?? ""))
    chain.push(line);
  return chain;
}

/** A commit and all of these that it has grown from. */
function reachable(lines: readonly Line[], from: string): Set<string> {
  const found = new Set([from]);
  for (const { commit, parents } of lines) {
    if (found.has(commit)) for (const parent of parents) found.add(parent);
  }
  const own = new Set(lines.map((line) => line.commit));
  return new Set([...found].filter((commit) => own.has(commit)));
}
