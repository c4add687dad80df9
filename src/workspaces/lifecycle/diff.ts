import type { DiffOptions, Selection } from "../api.ts";
import { type DiffBase, diffOf } from "../git/diff.ts";
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
  const site = await siteOfWorkspace(lifecycle, workspace);
  await using open = await openSite(lifecycle, site, options);
  const asked = options.base ?? "trunk";
  let base: DiffBase = { kind: "revision", revision: asked };
  if (asked === "head") base = { kind: "head" };
  else if (asked === "trunk") {
    const facts = await factsOf(workspace, options);
    const trunks = facts === undefined ? [] : await trunksOf(facts, options.signal);
    const names = facts?.trunk === undefined ? [] : [`refs/remotes/origin/${facts.trunk.branch}`];
    const start = workspace.startCommit === null ? [] : [workspace.startCommit];
    base = { kind: "left", trunks: [...trunks, ...names, ...start] };
  }
  yield* diffOf(open.git, {
    path: open.place.path,
    base,
    format: options.format ?? "patch",
    ...(options.paths === undefined ? {} : { paths: options.paths }),
    signal: options.signal,
  });
}
