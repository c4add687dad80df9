import { resolve } from "node:path";
import type { WorkspaceSettings } from "../../contract/berth-file.ts";
import type { RuntimeConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { throwIfAborted } from "../../transports/abort.ts";
import type { CreateOptions } from "../api.ts";
import { type Changes, captureChanges, changesRef, dropChanges } from "../git/changes.ts";
import { gitArgv } from "../git/environment.ts";
import { INIT_HOOK } from "../git/init-hook.ts";
import { localGitPlace } from "../git/places.ts";
import { type ProjectFacts, readProject, resolveCommit } from "../git/project.ts";
import { placementFor } from "../placement/placement-for.ts";
import type { StoredProject } from "../registry/registry.ts";
import { adopt } from "./adopt.ts";
import { isSame, nameAndBranch, runtimeFor, settingsOf } from "./asked.ts";
import { type Lifecycle, record } from "./context.ts";
import { finishInit } from "./init.ts";
import { type Interrupted, interruptedOf } from "./interrupted.ts";
import { type Made, make } from "./make.ts";
import { assertTrusted } from "./needs-trust.ts";
import { ensureProject } from "./project.ts";
import { type Reserved, reserve } from "./reserve.ts";
import { rollBack } from "./roll-back.ts";
import { homeOf, siteOf } from "./site.ts";
import { findStart, type Start } from "./start.ts";

/** What was asked for, read and found valid; nothing has been changed. */
interface Asked {
  readonly directory: string;
  readonly settings: WorkspaceSettings;
  readonly facts: ProjectFacts;
  readonly name: string;
  readonly branch: string;
  readonly runtime: RuntimeConfig;
  readonly existing: string | undefined;
  /** Commit of the start point, where one was given. */
  readonly start: string | undefined;
}

/**
 * Makes a workspace. Whatever fails is undone; what could not be, because its place was not reached, stays in the
 * journal, and the same call again goes on with it.
 * @throws workspace.*, config.*, what opening the place throws, operation.aborted
 */
export async function create(lifecycle: Lifecycle, options: CreateOptions): Promise<Workspace> {
  const { registry } = lifecycle;
  throwIfAborted(options.signal);
  const asked = await readAsked(options);
  await using interrupted = await interruptedOf(lifecycle, asked, options, (previous) =>
    isSame(previous, { ...asked, adopts: adopts(asked) }),
  );
  if (interrupted?.workspace.state === "initializing") {
    if (options.trust) await registry.setTrusted(interrupted.workspace.project.id, true);
    const { settings } = asked;
    return await finishInit(lifecycle, interrupted.workspace, {
      ...options,
      settings,
      update: false,
      resume: true,
    });
  }
  const start = await startOf(asked, options, interrupted);
  const known = await ensureProject(lifecycle, asked.facts);
  const project = options.trust ? await registry.setTrusted(known.id, true) : known;
  const { runtime: place = asked.settings.runtime } = options;
  await assertTrusted(place ?? asked.runtime, asked.runtime, { ...asked, trusted: project.trusted });
  await using fresh =
    interrupted === undefined
      ? await reserve(lifecycle, {
          ...asked,
          projectId: project.id,
          startCommit: start.commit,
          ownsCheckout: !adopts(asked),
        })
      : undefined;
  const { workspace } = (fresh ?? interrupted) as Reserved;
  let ready: Workspace;
  try {
    const made = await makeIn(lifecycle, project, workspace, asked, start, options);
    ready = await registry.update(workspace.id, { ...made, state: "initializing" });
    const journal = registry.journal(workspace.id);
    await journal.forget(...(await journal.entries()));
  } catch (cause) {
    throw await rollBack(lifecycle, workspace, cause);
  }
  await record(lifecycle, ready, "workspace.created", `${ready.name} was made on ${ready.branch}`, {
    branch: ready.branch,
    runtime: ready.runtime.type,
  });
  return await finishInit(lifecycle, ready, {
    ...options,
    update: !start.newBranch,
    settings: asked.settings,
    hook: await hookIn(asked, start, options),
  });
}

async function readAsked(options: CreateOptions): Promise<Asked> {
  const { signal } = options;
  const directory = resolve(options.project ?? process.cwd());
  const settings = await settingsOf(directory);
  const { name, branch } = nameAndBranch(options, settings);
  const runtime = await runtimeFor(options.runtime, settings, directory);
  const existing = options.existing;
  if (existing !== undefined && !existing.startsWith("/")) {
    throw berthError("workspace.unsupported", {
      message: `${existing} is no absolute path in the place`,
      hint: "Give the absolute path of the checkout there.",
      context: { operation: "create" },
    });
  }
  for (const field of ["start", "branch", "changes"] as const) {
    const value = options[field];
    if (!adopts({ existing, runtime }) || value === undefined || value === false) continue;
    throw berthError("workspace.unsupported", {
      message: `${field} is not possible for a checkout that is there already`,
      hint: `Leave --${field} out: it is used as it is.`,
      context: { operation: "create" },
    });
  }
  const git = localGitPlace();
  const facts = await readProject(git, directory, { trunk: settings.trunk, signal });
  const start =
    options.start === undefined
      ? undefined
      : await resolveCommit(git, directory, options.start, { remote: facts.remote, signal });
  return { directory, settings, facts, name, branch, runtime, existing, start };
}

/** Of an interrupted attempt, where it began to make the branch, what it meant; else as the project is now. */
async function startOf(
  asked: Asked,
  options: CreateOptions,
  interrupted: Interrupted | undefined,
): Promise<Start> {
  const { facts, branch } = asked;
  if (adopts(asked)) {
    return { branch, commit: facts.head, newBranch: false, isHere: true, upstream: undefined };
  }
  const begun = interrupted?.branch;
  const { sharesRepository } = await placementFor(asked.runtime);
  const found = await findStart(facts, {
    branch,
    start: begun === undefined ? options.start : undefined,
    changes: options.changes,
    sharesRepository: sharesRepository && begun === undefined,
    signal: options.signal,
  });
  if (begun === undefined) return found;
  return { ...found, commit: begun.commit, newBranch: begun.made, isHere: !begun.made };
}

/** Whether a commit that nobody has changed since has a set-up hook; undefined: it is looked for where it is. */
async function hookIn(
  asked: Asked,
  start: Start,
  { changes, signal }: CreateOptions,
): Promise<boolean | undefined> {
  if (adopts(asked) || changes || !start.newBranch || asked.runtime.type === "worktree") return undefined;
  if (start.commit === null) return false;
  const argv = gitArgv([`--git-dir=${asked.facts.gitDir}`, "cat-file", "-e", `${start.commit}:${INIT_HOOK}`]);
  return (await localGitPlace().run(argv, { signal })).exitCode === 0;
}

/** The checkout is there already. */
function adopts({ existing, runtime }: Pick<Asked, "existing" | "runtime">): boolean {
  return existing !== undefined || runtime.type === "local";
}

async function makeIn(
  lifecycle: Lifecycle,
  project: StoredProject,
  workspace: Workspace,
  asked: Asked,
  start: Start,
  options: CreateOptions,
): Promise<Made & { readonly branch?: string }> {
  const { facts, existing } = asked;
  const site = await siteOf(lifecycle, project, { ...workspace, existing });
  if (adopts(asked)) return adopt(lifecycle, site, options);
  const changes = options.changes ? await capture(lifecycle, workspace, facts, options) : undefined;
  const source = { repository: homeOf(project), changes, isHome: true, root: facts.root };
  const made = await make({ lifecycle, workspace, site, facts, start, source, options });
  if (changes !== undefined) await dropChanges(localGitPlace(), project.gitDir, workspace.id, options.signal);
  return made;
}

/** The uncommitted changes of the project's checkout, kept by a ref until they are in the workspace. */
async function capture(
  lifecycle: Lifecycle,
  workspace: Workspace,
  facts: ProjectFacts,
  { signal }: CreateOptions,
): Promise<Changes | undefined> {
  const ref = changesRef(workspace.id);
  const journal = lifecycle.registry.journal(workspace.id);
  await journal.plan({ kind: "ref", gitDir: facts.gitDir, ref });
  return captureChanges(localGitPlace(), facts.root, { id: workspace.id, signal });
}
