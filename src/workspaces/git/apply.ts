import { createWriteStream } from "node:fs";
import { cp, lstat, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type BerthError, berthError } from "../../contract/errors.ts";
import { lockHeld } from "./checkout-script.ts";
import { diffOf } from "./diff.ts";
import { gitArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";
import { gitFailed, localGitPlace, succeed } from "./places.ts";
import { askState, shown } from "./state-script.ts";

/** Pieces of a patch that does not fit that are tried one by one, to say which files it is. */
const MAX_PIECES = 200;
const MAX_PATCH_BYTES = 64 * 1024 * 1024;

export interface ApplyOptions {
  /** The checkout whose uncommitted work it is. */
  readonly from: { readonly git: GitPlace; readonly path: string };
  /** Root of the checkout on this machine that gets it. */
  readonly root: string;
  /** The workspace's, for messages. */
  readonly name: string;
  /** Only tells the files. Default false. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings the uncommitted work of a checkout (staged, unstaged, untracked) into one on this machine, as changes that are
 * not staged: all of it or nothing. What was changed here stays, in the same files too, as long as the lines are others;
 * an untracked file is never overwritten. Returns the files.
 * @throws workspace.apply_conflict: it does not fit; `files` of its context are those that don't, nothing was changed.
 *   workspace.under_way, workspace.missing, workspace.locked, workspace.git_failed
 */
export async function applyUncommitted(
  options: ApplyOptions,
): Promise<{ readonly files: readonly string[] }> {
  const { from, root, signal } = options;
  const git = localGitPlace();
  const directory = await mkdtemp(join(tmpdir(), "berth-apply-"));
  try {
    const patch = join(directory, "patch");
    const diff = diffOf(from.git, { path: from.path, base: { kind: "head" }, format: "apply", signal });
    await pipeline(diff, createWriteStream(patch, { mode: 0o600 }));
    const target = { git, root, directory, signal };
    const pieces = await filesOf(target, patch);
    // A file that became a link is two pieces.
    const files = [...new Set(pieces)];
    if (files.length === 0) return { files };
    const fitting = (await fits(target, patch)) ? patch : await rebased(target, patch);
    if (fitting === undefined) throw await conflict(target, patch, pieces, options.name);
    if (options.dryRun !== true) await put(target, fitting, files);
    return { files };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Target {
  readonly git: GitPlace;
  readonly root: string;
  /** For files on the way. */
  readonly directory: string;
  readonly signal: AbortSignal | undefined;
}

/** White space is content, whatever the user has set for patches of others. */
function applyArgv(...args: string[]): string[] {
  return gitArgv(["apply", "--whitespace=nowarn", "--no-ignore-whitespace", ...args]);
}

async function filesOf({ git, root, signal }: Target, patch: string): Promise<string[]> {
  const { size } = await lstat(patch);
  if (size === 0) return [];
  const text = await succeed(git, applyArgv("--numstat", "-z", patch), { cwd: root, signal });
  return text
    .split("\0")
    .slice(0, -1)
    .map((line) => line.slice(line.indexOf("\t", line.indexOf("\t") + 1) + 1));
}

async function fits({ git, root, signal }: Target, patch: string): Promise<boolean> {
  return (await git.run(applyArgv("--check", patch), { cwd: root, signal })).exitCode === 0;
}

/** $1: patch, $2: where the new one goes. In an index of its own, so that a conflict leaves no mark. git 2.32 knows this. */
const REBASE = `
own_directory "apply-$$"
own_index
take_working_tree
here=$(git write-tree --missing-ok) || exit 1
git apply --cached --3way --whitespace=nowarn --no-ignore-whitespace "$1" > /dev/null 2>&1 || { say conflict; exit 0; }
if [ -n "$(git ls-files --unmerged | head -n 1)" ]; then say conflict; exit 0; fi
there=$(git write-tree --missing-ok) || exit 1
git diff-tree -r -p --binary --full-index --no-renames --no-color --no-ext-diff "$here" "$there" > "$2" || exit 1
say ok
`;

/**
 * The same work as a patch on what is here, when the lines around it have changed: merged with the commit that it was
 * made on, if its files are known here. undefined: that has conflicts, or can't be.
 */
async function rebased(target: Target, patch: string): Promise<string | undefined> {
  const { git, root, directory, signal } = target;
  const path = join(directory, "rebased");
  const [answer] = await askState(git, root, REBASE, [patch, path], { signal });
  if (answer !== "ok") return undefined;
  const { size } = await lstat(path);
  return size === 0 || (await fits(target, path)) ? path : undefined;
}

/** git writes nothing before all of it fits; but a full disk may stop it half-way. It is not aborted half-way either. */
async function put({ git, root, directory }: Target, patch: string, files: readonly string[]): Promise<void> {
  if ((await lstat(patch)).size === 0) return;
  const before = join(directory, "before");
  const there: string[] = [];
  for (const file of files) {
    if ((await lstat(join(root, file)).catch(() => undefined)) === undefined) continue;
    await cp(join(root, file), join(before, file), COPY);
    there.push(file);
  }
  const argv = applyArgv(patch);
  const result = await git.run(argv, { cwd: root });
  if (result.exitCode === 0) return;
  for (const file of files) await rm(join(root, file), { force: true });
  for (const file of there) await cp(join(before, file), join(root, file), COPY);
  throw lockHeld(git, result.stderr) ?? gitFailed(git.description, argv, result);
}

const COPY = { verbatimSymlinks: true, preserveTimestamps: true };

async function conflict(
  { git, root, signal }: Target,
  patch: string,
  files: readonly string[],
  name: string,
): Promise<BerthError> {
  const unfit: string[] = [];
  const pieces = (await lstat(patch)).size > MAX_PATCH_BYTES ? [] : piecesOf(await readFile(patch));
  if (pieces.length === files.length && pieces.length <= MAX_PIECES) {
    for (const [at, piece] of pieces.entries()) {
      const { exitCode } = await git.run(applyArgv("--check"), { cwd: root, input: piece, signal });
      if (exitCode !== 0) unfit.push(files[at] ?? "");
    }
  }
  const named = [...new Set(unfit.length === 0 ? files : unfit)];
  const some = named.slice(0, 5).map(shown).join(", ");
  return berthError("workspace.apply_conflict", {
    message: `the work of ${name} does not fit on what is here: ${some}${named.length > 5 ? ", …" : ""}`,
    context: { name, files: named },
  });
}

/** A patch of each file. No line of content or of binary data starts like the header of one. */
function piecesOf(patch: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let start = 0;
  while (start < patch.length) {
    const next = patch.indexOf("\ndiff --git ", start);
    const end = next === -1 ? patch.length : next + 1;
    pieces.push(patch.subarray(start, end));
    start = end;
  }
  return pieces;
}
