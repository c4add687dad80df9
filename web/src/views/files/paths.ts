/** Paths of a workspace: relative to its directory, without "./", parts joined by "/"; "" is the directory itself. */
export function joinPath(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Every directory above a path, the nearest last; without the workspace's own. */
export function parentsOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** Whether a path is this one or below it. */
export function isWithin(path: string, directory: string): boolean {
  return directory === "" || path === directory || path.startsWith(`${directory}/`);
}

/**
 * A path that was typed, from a directory: "../x", "a//b" and "./c" are made plain.
 * @returns undefined: it is empty, or leads out of the workspace
 */
export function typedPath(directory: string, typed: string): string | undefined {
  const text = typed.trim();
  const parts = text.startsWith("/") || directory === "" ? [] : directory.split("/");
  for (const part of text.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  const path = parts.join("/");
  return text === "" || path === "" || path.includes("\0") ? undefined : path;
}
