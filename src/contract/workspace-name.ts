/** Longest name of a workspace: with the project's and an id it still is a name of a container, and of a host. */
const MAX_NAME = 60;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** What file systems take for one component, less git's suffix of a ref that is being written (".lock"). */
const MAX_REF_COMPONENT_BYTES = 255 - ".lock".length;

/**
 * Whether a workspace may be called so: letters, digits, dot, dash and underscore, starting with a letter or digit, at
 * most 60. It is the last component of a path, so that nothing in it means anything to a shell, a URI or a file system.
 */
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

/**
 * Why a text is no name of a branch, in words; undefined for one. The rules are those of git-check-ref-format(1), in its
 * order, without its shorthands: `@{-1}` and `-` mean something else in every checkout.
 */
export function branchProblem(branch: string): string | undefined {
  if (branch === "") return "it is empty";
  if (branch.startsWith("-")) return "it starts with a dash";
  if (branch === "HEAD") return "HEAD is the checkout itself";
  if (!branch.isWellFormed()) return "it is not valid Unicode";
  for (const part of branch.split("/")) {
    if (part === "") return "a part between slashes is empty";
    if (part.startsWith(".")) return "a part starts with a dot";
    if (part.endsWith(".lock")) return "a part ends with .lock";
    if (new TextEncoder().encode(part).length > MAX_REF_COMPONENT_BYTES)
      return `a part is longer than ${MAX_REF_COMPONENT_BYTES} bytes`;
  }
  if (branch.includes("..")) return "it holds ..";
  const character = /[\x00-\x20\x7f~^:?*[\\]/.exec(branch)?.[0];
  if (character !== undefined) return `it holds ${character === " " ? "a blank" : JSON.stringify(character)}`;
  if (branch.endsWith(".")) return "it ends with a dot";
  if (branch.includes("@{")) return "it holds @{";
  return undefined;
}
