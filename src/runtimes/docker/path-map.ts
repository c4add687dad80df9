import { posix } from "node:path";

export interface PathMapping {
  /** Absolute directory of this machine. */
  readonly host: string;
  /** The same directory as the container sees it. */
  readonly container: string;
}

/**
 * Translates absolute paths of this machine into the container's: `..` is resolved first, then the longest host
 * directory that holds the path wins, at a boundary between names (/work does not hold /workshop). A path that no
 * mapping holds stays as it was written. Applied to cwd, file paths, upload and download, never to command text.
 */
export function createPathMap(mappings: readonly PathMapping[] = []): (path: string) => string {
  const sorted = mappings
    .map(({ host, container }) => ({ host: directory(host), container: directory(container) }))
    .sort((left, right) => right.host.length - left.host.length);
  if (sorted.length === 0) return (path) => path;
  return (path) => {
    if (!path.startsWith("/")) return path;
    const normal = posix.normalize(path);
    for (const { host, container } of sorted) {
      const rest = below(normal, host);
      if (rest !== undefined) return rest === "" ? container || "/" : `${container}${rest}`;
    }
    return path;
  };
}

/** Normalized, without the slash at its end; "" is the root. */
function directory(path: string): string {
  return posix.normalize(path).replace(/\/+$/, "");
}

/** What follows the directory in the path, with its slash; undefined when it is not in it. */
function below(path: string, directoryPath: string): string | undefined {
  if (path === directoryPath || path === `${directoryPath}/`) return path.slice(directoryPath.length);
  return path.startsWith(`${directoryPath}/`) ? path.slice(directoryPath.length) : undefined;
}
