import type { EngineConfig } from "../../contract/config.ts";
import type { Workspace } from "../../contract/workspace.ts";
import type { WorkspaceFinding } from "../api.ts";
import { type CheckoutFinding, inspectCheckout, repairCheckout } from "../git/repair-checkout.ts";
import type { Lifecycle } from "./context.ts";
import { describe, madeItem } from "./made.ts";
import { openSite, type Site, siteOfWorkspace } from "./site.ts";
import { reasonOf } from "./undo.ts";

/** A place has to answer within that, to be looked at. */
const DEADLINE_MS = 20_000;

/** What is wrong with workspaces, each with what to do about it. Changes nothing. */
export async function doctor(lifecycle: Lifecycle): Promise<WorkspaceFinding[]> {
  const { registry } = lifecycle;
  const all = await registry.list();
  const findings = all.flatMap(interruptedIn);
  for (const id of await registry.journaled()) {
    if (all.some((workspace) => workspace.id === id)) continue;
    for (const entry of await registry.journal(id).entries()) {
      const item = madeItem(entry);
      if (item === undefined || item.kind === "ref" || item.kind === "base") continue;
      findings.push({
        workspace: "in" in item ? item.in.name : id,
        problem: `${describe(item)} is left of a workspace that is gone`,
        remedy: "berth gc removes it.",
      });
    }
  }
  const examined = await Promise.all(all.map((workspace) => examine(lifecycle, workspace, "look")));
  return [...findings, ...examined.flatMap(({ left }) => left), ...(await strays(lifecycle, all))];
}

function interruptedIn(workspace: Workspace): WorkspaceFinding[] {
  const { name, state, operation } = workspace;
  if (operation?.alive) return [];
  const told = (problem: string, remedy: string) => [{ workspace: name, problem, remedy }];
  if (state === "creating") {
    return told(
      "making it did not come to its end",
      "The same berth workspace create again goes on; berth gc completes or removes what is there.",
    );
  }
  if (state === "deleting") {
    return told("deleting it did not come to its end", "berth gc, or berth workspace delete again, goes on.");
  }
  if (state === "initializing") {
    return told(
      "its set-up did not come to its end",
      `berth workspace init ${name} repeats it; opening it goes on with it.`,
    );
  }
  if (operation !== undefined) {
    return told(`${operation.kind} did not come to its end`, "berth gc completes it.");
  }
  return [];
}

export interface Examined {
  readonly left: readonly WorkspaceFinding[];
  /** What was set right, or would be, in words. */
  readonly repaired: readonly string[];
}

const FINE: Examined = { left: [], repaired: [] };

/**
 * Looks at the checkout of a workspace where it stands. "repair" sets right what can be, "plan" says what that would be.
 */
export async function examine(
  lifecycle: Lifecycle,
  workspace: Workspace,
  how: "look" | "plan" | "repair",
): Promise<Examined> {
  const { name, state, place } = workspace;
  if (state === "creating" || state === "deleting" || place === undefined || workspace.operation?.alive)
    return FINE;
  const told = (problem: string, remedy: string): Examined => ({
    left: [{ workspace: name, problem, remedy }],
    repaired: [],
  });
  try {
    const site = await siteOfWorkspace(lifecycle, workspace);
    const gone = site.placement.stoppable ? await containerFinding(lifecycle, workspace, site) : undefined;
    if (gone !== undefined) return gone === "stopped" ? FINE : told(gone.problem, gone.remedy);
    if (place.base === null && !site.placement.sharesRepository) return FINE;
    if (workspace.ownsCheckout === false) return FINE;
    const signal = AbortSignal.timeout(DEADLINE_MS);
    await using open = await openSite(lifecycle, site, { signal, maxWaitMs: 0 });
    const where = { gitDir: open.repository.gitDir, path: place.path, branch: workspace.branch, signal };
    const found = await inspectCheckout(open.git, where);
    const repairable = how === "look" ? [] : found.filter((finding) => finding.repairable);
    const { repaired, left } =
      how === "repair" && repairable.length > 0
        ? await repairCheckout(open.git, where)
        : {
            repaired: repairable.map(({ problem }) => problem),
            left: found.filter((finding) => !repairable.includes(finding)),
          };
    return { repaired, left: left.map((finding) => findingOf(workspace, finding)) };
  } catch (cause) {
    return told(
      `it can't be looked at: ${reasonOf(cause)}`,
      "Try again when its place is there; berth workspace delete --force forgets it.",
    );
  }
}

function findingOf({ name }: Workspace, { problem, remedy }: CheckoutFinding): WorkspaceFinding {
  return { workspace: name, problem, remedy: remedy.replaceAll("NAME", name) };
}

/** A container is not started to be looked into. */
async function containerFinding(
  lifecycle: Lifecycle,
  { id, place }: Workspace,
  { request }: Site,
): Promise<{ readonly problem: string; readonly remedy: string } | "stopped" | undefined> {
  const { listWorkspaceResources } = await import("../../runtimes/docker/workspace-place.ts");
  const engine = "engine" in request.config ? request.config.engine : undefined;
  const all = await listWorkspaceResources({ engine, stateDirectory: lifecycle.stateDirectory });
  const mine = all.filter((resource) => resource.workspaceId === id);
  if (place?.volume !== undefined && !mine.some(({ kind }) => kind === "volume")) {
    return {
      problem: `its volume ${place.volume} is gone, and its checkout with it`,
      remedy: "Restore the volume, or forget the workspace: berth workspace delete --force",
    };
  }
  const container = mine.find(({ kind }) => kind === "container");
  if (container === undefined) {
    return {
      problem: `its container ${place?.container ?? ""} is gone`,
      remedy: "Opening the workspace makes it again around the volume.",
    };
  }
  return container.running ? undefined : "stopped";
}

/** Containers and volumes that no workspace is known of: they may hold work, so that nothing but a person removes them. */
export async function strays(
  lifecycle: Lifecycle,
  workspaces: readonly Workspace[],
): Promise<WorkspaceFinding[]> {
  // Also where the last workspace of an engine is gone, or the registry was begun anew.
  const engines = new Map<string, EngineConfig | undefined>([["null", undefined]]);
  for (const { runtime } of workspaces) {
    if (runtime.type !== "docker" || !("image" in runtime)) continue;
    const engine = "engine" in runtime ? (runtime.engine as EngineConfig | undefined) : undefined;
    engines.set(JSON.stringify(engine ?? null), engine);
  }
  const known = new Set([...workspaces.map(({ id }) => id), ...(await lifecycle.registry.journaled())]);
  const findings: WorkspaceFinding[] = [];
  for (const engine of engines.values()) {
    const { listWorkspaceResources } = await import("../../runtimes/docker/workspace-place.ts");
    // Workspaces on an engine that does not answer are told one by one.
    const all = await listWorkspaceResources({ engine, stateDirectory: lifecycle.stateDirectory }).catch(
      () => [],
    );
    for (const { kind, name, workspaceId } of all) {
      // A scout holds nothing, and goes by itself.
      if (kind === "scout" || known.has(workspaceId)) continue;
      findings.push({
        workspace: workspaceId,
        problem: `the ${kind} ${name} is of a workspace that is not known here`,
        remedy: `When nothing in it is needed: docker ${kind === "volume" ? "volume rm" : "rm -f"} ${name}`,
      });
    }
  }
  return findings;
}
