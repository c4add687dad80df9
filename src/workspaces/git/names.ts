import { berthError } from "../../contract/errors.ts";

/** Longest name of a workspace: with the project's and an id it still is a name of a container, and of a host. */
const MAX_NAME = 60;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** What file systems take for one component, less git's suffix of a ref that is being written (".lock"). */
const MAX_REF_COMPONENT_BYTES = 255 - ".lock".length;
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

/** Whether checkWorkspaceName takes it. */
export function isWorkspaceName(name: string): boolean {
  return NAME.test(name) && name.length <= MAX_NAME && !/\.(?:git|lock)?$/i.test(name);
}

/**
 * A name of a workspace, made of that of a branch or a directory: accents dropped, everything else that a name can't
 * hold a dash, cut at a word. "workspace" when nothing is left ("设置").
 */
export function slug(text: string): string {
  const plain = text.normalize("NFKD").replace(/\p{M}+/gu, "");
  const dashed = plain.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/-{2,}/g, "-");
  let name = dashed.replace(/^[^A-Za-z0-9]+/, "");
  if (name.length > MAX_NAME) {
    const word = name.slice(0, MAX_NAME + 1).lastIndexOf("-");
    name = name.slice(0, word > MAX_NAME / 2 ? word : MAX_NAME);
  }
  name = name.replace(/(?:[._-]|\.git|\.lock)+$/i, "");
  return name === "" ? "workspace" : name;
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

/** Whether checkBranchName takes it. */
export function isBranchName(branch: string): boolean {
  return branchProblem(branch) === undefined;
}

/** Why it is none, in words. The rules are those of git-check-ref-format(1), in its order. */
function branchProblem(branch: string): string | undefined {
  if (branch === "") return "it is empty";
  if (branch.startsWith("-")) return "it starts with a dash";
  if (branch === "HEAD") return "HEAD is the checkout itself";
  if (!branch.isWellFormed()) return "it is not valid Unicode";
  for (const part of branch.split("/")) {
    if (part === "") return "a part between slashes is empty";
    if (part.startsWith(".")) return "a part starts with a dot";
    if (part.endsWith(".lock")) return "a part ends with .lock";
    if (Buffer.byteLength(part) > MAX_REF_COMPONENT_BYTES)
      return `a part is longer than ${MAX_REF_COMPONENT_BYTES} bytes`;
  }
  if (branch.includes("..")) return "it holds ..";
  const character = /[\x00-\x20\x7f~^:?*[\\]/.exec(branch)?.[0];
  if (character !== undefined) return `it holds ${character === " " ? "a blank" : JSON.stringify(character)}`;
  if (branch.endsWith(".")) return "it ends with a dot";
  if (branch.includes("@{")) return "it holds @{";
  return undefined;
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
