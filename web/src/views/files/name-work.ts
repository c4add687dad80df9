import type { RunnerClient } from "../../../../src/client/index.ts";
import { berthError } from "../../../../src/contract/errors.ts";
import { writeContent } from "./content.ts";
import { parentOf, typedPath } from "./paths.ts";

/** @throws request.invalid: no path of the workspace */
function pathOf(directory: string, name: string): string {
  const path = typedPath(directory, name);
  if (path !== undefined) return path;
  throw berthError("request.invalid", {
    message: `"${name}" is no name in this workspace`,
    hint: "A name, or a path that does not lead out of the workspace.",
    context: { path: name },
  });
}

function existsError(path: string): Error {
  return berthError("EEXIST", { context: { path } });
}

/** An empty file or a directory; gives its path. @throws EEXIST, what the place says */
export async function makeNew(
  client: RunnerClient,
  workspace: string,
  kind: "file" | "directory",
  directory: string,
  name: string,
): Promise<string> {
  const path = pathOf(directory, name);
  if (kind === "file") {
    const file = { text: "", lineEnd: "\n", mark: false } as const;
    if ((await writeContent({ client, workspace, path }, file, "absent")) === "changed")
      throw existsError(path);
  } else {
    await makeDirectory(client, workspace, parentOf(path), true);
    await makeDirectory(client, workspace, path, false);
  }
  return path;
}

/** Another name or place for what is there; gives its path. Nothing is replaced. @throws EEXIST, what the place says */
export async function moveTo(
  client: RunnerClient,
  workspace: string,
  from: string,
  name: string,
): Promise<string> {
  const to = pathOf(parentOf(from), name);
  if (to === from) return to;
  const params = { path: { workspace } };
  const { items } = await client.post("/v1/workspaces/{workspace}/files/stat", {
    params,
    body: { paths: [to] },
  });
  if (items[0] != null) throw existsError(to);
  await makeDirectory(client, workspace, parentOf(to), true);
  await client.post("/v1/workspaces/{workspace}/files/rename", { params, body: { from, to } });
  return to;
}

export async function makeDirectory(
  client: RunnerClient,
  workspace: string,
  path: string,
  recursive: boolean,
): Promise<void> {
  if (path === "") return;
  const params = { path: { workspace } };
  await client.post("/v1/workspaces/{workspace}/files/directories", { params, body: { path, recursive } });
}
