import { fileURLToPath } from "node:url";
import type { Server } from "@modelcontextprotocol/server";
import { berthError, isBerthError } from "../contract/errors.ts";
import type { Runtime } from "../contract/runtime.ts";

/** A client that says it has roots and does not tell them is not waited for any longer. */
const ANSWER_MS = 3_000;

/**
 * The directory to work in by the client's roots: the first one that is a directory inside of the runtime's own. Roots are
 * paths of the client's machine, so they say something of places on this machine alone; and they only ever narrow.
 * @throws config.invalid when nothing narrows the whole file system
 */
export async function rootOfClient(
  server: Pick<Server, "getClientCapabilities" | "listRoots">,
  runtime: Runtime,
  tell: (text: string) => void,
): Promise<string | undefined> {
  if (runtime.kind !== "local" && runtime.kind !== "worktree") return undefined;
  const { workdir } = runtime;
  for (const path of await pathsOf(server)) {
    if (await isDirectoryInside(runtime, path)) return path;
    tell(`the client's root ${path} is not a directory inside of ${workdir}: it is left out`);
  }
  if (workdir !== "/") return undefined;
  throw berthError("config.invalid", {
    message: "the tools would work on the whole file system: the server was started in /",
    hint: "Say where by --root DIRECTORY, -r or -w in the client's configuration.",
  });
}

async function pathsOf(server: Pick<Server, "getClientCapabilities" | "listRoots">): Promise<string[]> {
  if (server.getClientCapabilities()?.roots === undefined) return [];
  try {
    const { roots } = await server.listRoots(undefined, { timeout: ANSWER_MS });
    return roots.flatMap(({ uri }) => {
      try {
        return [fileURLToPath(uri)];
      } catch {
        return [];
      }
    });
  } catch {
    // Revisions without roots, or a client that does not answer: as if it had none.
    return [];
  }
}

async function isDirectoryInside({ workdir, fs }: Runtime, path: string): Promise<boolean> {
  const inside = workdir === "/" || path === workdir || path.startsWith(`${workdir}/`);
  if (!inside) return false;
  try {
    return (await fs.stat(path, { contained: { root: workdir } })).type === "directory";
  } catch (error) {
    if (isBerthError(error)) return false;
    throw error;
  }
}
