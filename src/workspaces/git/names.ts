import { berthError } from "../../contract/errors.ts";
import { branchProblem, isWorkspaceName } from "../../contract/workspace-name.ts";

/** Names under which projects keep what everybody builds on. */
const TRUNKS: readonly string[] = ["main", "master", "trunk", "develop"];

/**
 * A name of a workspace: letters, digits, dot, dash and underscore, starting with a letter or digit, at most 60. It is
 * the last component of a path, so that nothing in it means anything to a shell, a URI or a file system.
 * @throws workspace.name_invalid
 */
export function checkWorkspaceName(name: string): string {
  if (isWorkspaceName(name)) return name;
  throw berthError("workspace.name_invalid", { context: { name } });
}

/** The key of a name among others: file systems that ignore case take names that differ by it for one. */
export function nameKey(name: string): string {
  return name.toLowerCase();
}

/** The branch of a new workspace: the prefix of berth.yaml ("agents/"), and its name. */
export function defaultBranch(name: string, prefix = ""): string {
  return `${prefix}${name}`;
}

/**
 * A name of a branch by the rules of `git check-ref-format --branch`, without its shorthands: `@{-1}` and `-` mean
 * something else in every checkout.
 * @throws workspace.branch_invalid
 */
export function checkBranchName(branch: string): string {
  const reason = branchProblem(branch);
  if (reason === undefined) return branch;
  throw berthError("workspace.branch_invalid", {
    message: `${JSON.stringify(branch)} is not a name of a branch: ${reason}`,
    context: { branch, reason },
  });
}

/** What tells the protected branches of a project. */
export interface Protection {
  /** `protectedBranches` of berth.yaml: names, in which `*` is anything within a part, and `**` anything. */
  readonly patterns?: readonly string[] | undefined;
  /** Trunk as it was found, and the branch that is checked out in the project. */
  readonly trunk?: string | undefined;
  readonly checkedOut?: string | null | undefined;
}

/**
 * Whether Berth never deletes a branch. Case does not count, as on the file systems where it is the same file.
 */
export function isProtected(branch: string, protection: Protection = {}): boolean {
  const name = branch.toLowerCase();
  const names = [...TRUNKS, protection.trunk, protection.checkedOut];
  if (names.some((other) => other?.toLowerCase() === name)) return true;
  return (protection.patterns ?? []).some((pattern) => branchPattern(pattern).test(name));
}

function branchPattern(pattern: string): RegExp {
  const parts = pattern
    .toLowerCase()
    .split(/(\*+)/)
    .map((part) =>
      part.startsWith("*") ? (part === "*" ? "[^/]*" : ".*") : part.replace(/[\\^$.?+|()[\]{}]/g, "\\$&"),
    );
  return new RegExp(`^${parts.join("")}$`, "s");
}
