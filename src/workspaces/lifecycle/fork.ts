import { isDeepStrictEqual } from "node:util";
import { parseRuntimeConfig, type RuntimeConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { throwIfAborted } from "../../transports/abort.ts";
import type { ForkOptions, Selection } from "../api.ts";
import { type Changes, captureChanges, changesRef, dropChanges } from "../git/changes.ts";
import { scriptArgv } from "../git/environment.ts";
import { isObjectName } from "../git/objects.ts";
import { succeed } from "../git/places.ts";
import type { ProjectFacts } from "../git/project.ts";
import { isSame, nameAndBranch, runtimeFor, settingsOf } from "./asked.ts";
import { type Lifecycle, record, reporter } from "./context.ts";
import { finishInit } from "./init.ts";
import { interruptedOf } from "./interrupted.ts";
import { factsOf } from "./look-at.ts";
import type { MadeItem } from "./made.ts";
import { make, type Source } from "./make.ts";
import { assertTrusted } from "./needs-trust.ts";
import { reserve } from "./reserve.ts";
import { rollBack } from "./roll-back.ts";
import { select } from "./select.ts";
import { type OpenSite, openSite, siteOf, siteOfWorkspace } from "./site.ts";
import { findStart, type Start } from "./start.ts";
import { assertThere } from "./there.ts";

/**
 * Makes a workspace of another one: its commit, and unless told otherwise its uncommitted state. In the same place
 * nothing crosses the network; elsewhere it goes from place to place through this process.
 * @throws what create throws; workspace.under_way: a merge or the like is under way in it
 */
export async function fork(
  lifecycle: Lifecycle,
  selector: string,
  options: ForkOptions & Selection,
): Promise<Workspace> {
  const { registry } = lifecycle;
  throwIfAborted(options.signal);
  const origin = assertThere(await select(lifecycle, selector, options));
  const directory = origin.project.path;
  const settings = await settingsOf(directory);
  const { name, branch } = nameAndBranch(options, settings);
  const runtime: RuntimeConfig =
    options.runtime === undefined
      ? forkable(parseRuntimeConfig(origin.runtime))
      : await runtimeFor(options.runtime, settings, options.directory ?? directory);
  const facts = await factsOf(origin, options);
  if (facts === undefined) throw berthError("workspace.not_a_project", { context: { path: directory } });
  const there = await siteOfWorkspace(lifecycle, origin);
  const asker = { facts, directory: options.directory ?? directory, trusted: there.project.trusted };
  await assertTrusted(options.runtime ?? runtime, runtime, asker);
  await using from = await openSite(lifecycle, there, options);
  reporter(options)("look", `looking at ${origin.name} ${located(from.git.description)}`);
  const here = await headOf(from, branch, options);
  const asked = { name, branch, facts, runtime, start: here.head, forkedFrom: origin.id, adopts: false };
  await using interrupted = await interruptedOf(lifecycle, asked, options, (previous) =>
    isSame(previous, asked),
  );
  if (interrupted?.workspace.state === "initializing") {
    return await finishInit(lifecycle, interrupted.workspace, {
      ...options,
      settings,
      update: false,
      resume: true,
    });
  }
  const start = await startOf(facts, runtime, branch, here.head, interrupted?.branch !== undefined, options);
  await using fresh =
    interrupted === undefined
      ? await reserve(lifecycle, {
          ...asked,
          projectId: origin.project.id,
          startCommit: here.head,
          ownsCheckout: true,
        })
      : undefined;
  const workspace = (fresh ?? interrupted)?.workspace as Workspace;
  let ready: Workspace;
  const journal = registry.journal(workspace.id);
  try {
    const site = await siteOf(lifecycle, from.site.project, workspace);
    const changes =
      (options.changes ?? true) ? await takeDown(lifecycle, from, origin, workspace, options) : undefined;
    const isTarget =
      !site.placement.stoppable &&
      !site.placement.sharesRepository &&
      origin.ownsCheckout &&
      isDeepStrictEqual(runtime, origin.runtime);
    const source: Source = {
      repository: from.repository,
      changes,
      isHome: from.site.placement.sharesRepository,
      root: from.place.path,
      isTarget,
      ...(isTarget ? { hasBranch: here.hasBranch && interrupted === undefined } : {}),
    };
    const made = await make({ lifecycle, workspace, site, facts, start, source, options });
    if (changes !== undefined) {
      await dropChanges(from.git, from.repository.gitDir, workspace.id, options.signal);
    }
    ready = await registry.update(workspace.id, { ...made, state: "initializing" });
    await journal.forget(...(await journal.entries()));
  } catch (cause) {
    throw await rollBack(lifecycle, workspace, cause);
  }
  await record(lifecycle, ready, "workspace.created", `${name} was forked from ${origin.name}`, {
    branch,
    forkedFrom: origin.id,
    runtime: ready.runtime.type,
  });
  return await finishInit(lifecycle, ready, { ...options, settings, update: false });
}

/** Its own directory, such as with `local`, can't be had twice. */
function forkable(runtime: RuntimeConfig): RuntimeConfig {
  return runtime.type === "local" ? { type: "worktree" } : runtime;
}

const HEAD = `cd -- "$1" || exit 1
printf '%s\\n' "$(git rev-parse --quiet --verify 'HEAD^{commit}')"
git show-ref --verify --quiet "refs/heads/$2" && echo yes
:`;

async function headOf(
  { git, place }: OpenSite,
  branch: string,
  { signal }: ForkOptions,
): Promise<{ readonly head: string | null; readonly hasBranch: boolean }> {
  const [head = "", has] = (await succeed(git, scriptArgv(HEAD, [place.path, branch]), { signal })).split(
    "\n",
  );
  return { head: isObjectName(head) ? head : null, hasBranch: has === "yes" };
}

/** A fork has a branch of its own, which nobody else has. */
async function startOf(
  facts: ProjectFacts,
  runtime: RuntimeConfig,
  branch: string,
  commit: string | null,
  begun: boolean,
  { signal }: ForkOptions,
): Promise<Start> {
  const start: Start = { branch, commit, newBranch: true, isHere: false, upstream: undefined };
  if (begun || runtime.type !== "worktree") return start;
  const found = await findStart(facts, { branch, sharesRepository: true, signal });
  if (found.isHere) throw berthError("workspace.branch_exists", { context: { branch } });
  return start;
}

/** The uncommitted state of the origin, kept by a ref there until it is in the fork. */
async function takeDown(
  lifecycle: Lifecycle,
  from: OpenSite,
  origin: Workspace,
  fork: Workspace,
  options: ForkOptions,
): Promise<Changes | undefined> {
  const { git, place, repository, site } = from;
  reporter(options)("changes", `taking down the uncommitted state of ${origin.name}`);
  const { id, name, runtime } = origin;
  const there = site.placement.sharesRepository
    ? {}
    : { in: { id, projectId: site.project.id, name, runtime, place } };
  const item: MadeItem = { kind: "ref", gitDir: repository.gitDir, ref: changesRef(fork.id), ...there };
  await lifecycle.registry.journal(fork.id).plan(item);
  return captureChanges(git, place.path, { id: fork.id, signal: options.signal });
}
