import type { Workspace, WorkspaceChanges } from "../../contract/workspace.ts";
import type { DiffOptions, Selection } from "../api.ts";
import { type DiffBase, diffOf, readChanges } from "../git/diff.ts";
import type { Lifecycle } from "./context.ts";
import { factsOf, trunksOf } from "./look-at.ts";
import { select } from "./select.ts";
import { openSite, siteOfWorkspace } from "./site.ts";
import { assertThere } from "./there.ts";

/**
 * What a workspace has changed, uncommitted and untracked files included.
 * @throws workspace.start_unknown, workspace.missing, what the way to the place throws
 */
export async function* diff(
  lifecycle: Lifecycle,
  selector: string,
  options: DiffOptions & Selection,
): AsyncIterable<Uint8Array> {
  const workspace = assertThere(await select(lifecycle, selector, options));
  await using open = await openSite(lifecycle, await siteOfWorkspace(lifecycle, workspace), options);
  yield* diffOf(open.git, {
    path: open.place.path,
    base: await baseOf(workspace, options),
    format: options.format ?? "patch",
    ...(options.paths === undefined ? {} : { paths: options.paths }),
    signal: options.signal,
  });
}

/** The files of the same diff. @throws what `diff` throws */
export async function changes(
  lifecycle: Lifecycle,
  selector: string,
  options: DiffOptions & Selection,
): Promise<WorkspaceChanges> {
  const workspace = assertThere(await select(lifecycle, selector, options));
  await using open = await openSite(lifecycle, await siteOfWorkspace(lifecycle, workspace), options);
  const base = await baseOf(workspace, options);
  return await readChanges(open.git, { path: open.place.path, base, signal: options.signal });
}

/** What a base means for a workspace. */
async function baseOf(
  workspace: Workspace,
  options: Pick<DiffOptions, "base" | "signal">,
): Promise<DiffBase> {
  const { base = "trunk" } = options;
  if (base === "head") return { kind: "head" };
  if (base !== "trunk") return { kind: "revision", revision: base };
  const facts = await factsOf(workspace, options);
  const trunks = facts === undefined ? [] : await trunksOf(facts, options.signal);
  const names = facts?.trunk === undefined ? [] : [`refs/remotes/origin/${facts.trunk.branch}`];
  const start = workspace.startCommit === null ? [] : [workspace.startCommit];
  return { kind: "left", trunks: [...trunks, ...names, ...start] };
}
