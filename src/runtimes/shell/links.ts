import { berthError, isBerthError } from "../../contract/errors.ts";
import type { FileOptions } from "../../contract/files.ts";
import { joinPath, nameFromBytes } from "../../files/names.ts";
import type { FileRuns } from "./file-runs.ts";
import { FOLLOW, onPath, readLinkFunction, realpathBody } from "./file-scripts.ts";
import type { EntrySource } from "./tar-dialect.ts";
import type { PlaceTools } from "./tools.ts";

/** Paths of the symbolic links below a directory, relative to it, each ended by NUL. */
function linksBody(path: string, tools: PlaceTools): string {
  return onPath(
    path,
    readLinkFunction(tools),
    FOLLOW,
    `if [ ! -d "$_bp" ]; then exit 0; fi
cd "$_bp" || _bF "$_bp"
find . -type l -print0`,
  );
}

/**
 * The entries of an archive that is to be unpacked at `remote` by a tar that follows links which are there already
 * (that of busybox). A link on an entry's way may stay inside of `remote`; one that leaves it is refused. It guards
 * against what lies there, not against somebody who changes it meanwhile.
 * @throws fs.archive_entry_outside
 */
export async function insideOnly(
  runs: FileRuns,
  reader: EntrySource,
  remote: string,
  options: FileOptions,
): Promise<EntrySource> {
  const tools = await runs.tools();
  const { stdout } = await runs.run(linksBody(remote, tools), remote, options);
  if (stdout.length === 0) return reader;
  const links = new Map<string, boolean | undefined>();
  for (const name of nameFromBytes(stdout).split("\0")) links.set(name.replace(/^\.\//, ""), undefined);
  const realpath = async (path: string) =>
    nameFromBytes((await runs.run(realpathBody(path, tools), path, options)).stdout);
  let top: string | undefined;

  async function staysInside(link: string): Promise<boolean> {
    top ??= await realpath(remote);
    try {
      const real = await realpath(joinPath(remote, link));
      return real === top || real.startsWith(joinPath(top, ""));
    } catch (error) {
      if (isBerthError(error, "operation.aborted") || isBerthError(error, "transport.disconnected"))
        throw error;
      return false;
    }
  }

  return {
    content: () => reader.content(),
    next: async () => {
      const entry = await reader.next();
      if (entry === undefined) return undefined;
      const parts = entry.name.split("/").filter((part) => part !== "" && part !== ".");
      // Of what is no directory the name itself is replaced, whatever is there.
      const depth = entry.type === "directory" ? parts.length : parts.length - 1;
      for (let count = 1; count <= depth; count++) {
        const way = parts.slice(0, count).join("/");
        if (!links.has(way)) continue;
        const inside = links.get(way) ?? (await staysInside(way));
        links.set(way, inside);
        if (!inside) {
          throw berthError("fs.archive_entry_outside", {
            runtime: runs.description,
            context: { path: entry.name },
          });
        }
      }
      return entry;
    },
  };
}
