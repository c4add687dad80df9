import { berthError } from "../../contract/errors.ts";
import type { PullReport, Selection, WorkOptions } from "../api.ts";
import { lookAtBase } from "../git/base.ts";
import { gitArgv } from "../git/environment.ts";
import { publish } from "../git/publish.ts";
import { transfer } from "../git/transfer.ts";
import { type Lifecycle, record } from "./context.ts";
import { pushedRef } from "./refs.ts";
import { select } from "./select.ts";
import { homeOf, openSite, siteOfWorkspace } from "./site.ts";
import { assertThere } from "./there.ts";

/**
 * Brings local commits into the workspace: those of its branch here, or of the one that is given. Its checkout follows.
 * @throws workspace.start_unknown: there is no such branch here; workspace.diverged, workspace.apply_conflict,
 *   workspace.under_way, what the way throws
 */
export async function push(
  lifecycle: Lifecycle,
  selector: string,
  options: WorkOptions & Selection & { readonly branch?: string },
): Promise<PullReport> {
  const { signal } = options;
  const workspace = assertThere(await select(lifecycle, selector, options));
  const site = await siteOfWorkspace(lifecycle, workspace);
  const { project, placement } = site;
  const home = homeOf(project);
  const source = options.branch ?? workspace.branch;
  const argv = gitArgv([
    `--git-dir=${home.gitDir}`,
    "rev-parse",
    "-q",
    "--verify",
    `refs/heads/${source}^{commit}`,
  ]);
  const found = await home.git.run(argv, { signal });
  if (found.exitCode !== 0) {
    throw berthError("workspace.start_unknown", {
      message: `the project has no branch ${source} to push`,
      hint: `Make it (git branch ${source}), or bring the workspace's home first: berth workspace pull ${workspace.name}`,
      context: { start: source },
    });
  }
  const commit = found.stdout.toString("utf8").trim();
  await using open = await openSite(lifecycle, site, options);
  const { branch } = workspace;
  const keptAt = pushedRef(workspace.id);
  let bytes = 0;
  if (!placement.sharesRepository) {
    const look = await lookAtBase(open.git, {
      base: open.repository.gitDir,
      wanted: [commit],
      refs: [keptAt],
      create: false,
      signal,
    });
    const sent = await transfer({
      from: home,
      to: open.repository,
      look,
      refs: [{ name: keptAt, commit }],
      onProgress: (bytesDone) =>
        options.onProgress?.({ step: "sync", message: `sending commits to ${workspace.name}`, bytesDone }),
      signal,
    });
    bytes = sent.bytes;
  }
  const { from, to, commits } = await publish({
    git: open.git,
    gitDir: open.repository.gitDir,
    branch,
    commit,
    keptAt: placement.sharesRepository ? `refs/heads/${source}` : keptAt,
    dropKept: !placement.sharesRepository,
    hooks: project.trusted,
    signal,
  });
  if (from !== to) {
    await record(lifecycle, workspace, "workspace.pushed", `${commits} commits went to ${branch}`, {
      from,
      to,
    });
  }
  return { branch, from, to, commits, bytes, ref: `refs/heads/${branch}` };
}
