import { berthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import type { Workspace } from "../../contract/workspace.ts";
import type { PullReport, Selection, WorkOptions } from "../api.ts";
import { lookAtBase } from "../git/base.ts";
import { publish } from "../git/publish.ts";
import { transfer } from "../git/transfer.ts";
import { type Lifecycle, record, reporter } from "./context.ts";
import { pulledRef } from "./refs.ts";
import { select } from "./select.ts";
import { homeOf, type OpenSite, openSite, siteOfWorkspace } from "./site.ts";
import { assertThere } from "./there.ts";

/**
 * Brings a workspace's commits into the project's repository, under its branch. When that can't move, they are kept at
 * a ref of their own, which the error names.
 * @throws workspace.diverged, workspace.apply_conflict, workspace.under_way, workspace.missing, what the way throws
 */
export async function pull(
  lifecycle: Lifecycle,
  selector: string,
  options: WorkOptions & Selection,
): Promise<PullReport> {
  const workspace = assertThere(await select(lifecycle, selector, options));
  const site = await siteOfWorkspace(lifecycle, workspace);
  await using open = await openSite(lifecycle, site, options);
  return await pullFrom(lifecycle, workspace, open, options);
}

/** The same from a place that is open. */
export async function pullFrom(
  lifecycle: Lifecycle,
  workspace: Workspace,
  open: OpenSite,
  options: WorkOptions,
): Promise<PullReport> {
  const { signal } = options;
  const { project, placement } = open.site;
  const { branch } = workspace;
  const report = reporter(options);
  report("look", `looking at ${branch} ${located(open.git.description)}`);
  const { gitDir } = open.repository;
  const there = await lookAtBase(open.git, { base: gitDir, wanted: [], create: false, signal });
  const commit = there.refs.get(`refs/heads/${branch}`);
  if (commit === undefined) {
    throw berthError("workspace.missing", {
      message: `there is no commit on ${branch} ${located(open.git.description)}`,
      hint: "Commit something there first.",
      runtime: open.git.description,
      context: { name: workspace.name, path: open.place.path },
    });
  }
  const ref = `refs/heads/${branch}`;
  if (placement.sharesRepository) return { branch, from: commit, to: commit, commits: 0, bytes: 0, ref };
  const home = homeOf(project);
  const keptAt = pulledRef(workspace.name);
  const look = await lookAtBase(home.git, {
    base: home.gitDir,
    wanted: [commit],
    refs: [keptAt],
    create: false,
    signal,
  });
  const { bytes } = await transfer({
    from: open.repository,
    to: home,
    look,
    refs: [{ name: keptAt, commit }],
    untrusted: true,
    onProgress: (bytesDone) =>
      options.onProgress?.({ step: "fetch", message: `getting commits of ${workspace.name}`, bytesDone }),
    signal,
  });
  const { from, to, commits } = await publish({
    git: home.git,
    gitDir: home.gitDir,
    branch,
    commit,
    keptAt,
    dropKept: true,
    hooks: project.trusted,
    signal,
  });
  if (from !== to) {
    await record(lifecycle, workspace, "workspace.pulled", `${commits} commits of ${branch} came home`, {
      from,
      to,
    });
  }
  return { branch, from, to, commits, bytes, ref };
}
