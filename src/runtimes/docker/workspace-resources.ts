import type { DockerEngine } from "../../transports/docker/engine.ts";
import { apiReason } from "../../transports/docker/errors.ts";
import { LABEL } from "./owner.ts";

/** What Berth made on an engine for a workspace. */
export interface WorkspaceResource {
  /** A scout is a container that was never started, which a Berth that died has left behind. */
  readonly kind: "container" | "scout" | "volume";
  /** Id of a container; volumes have only names. */
  readonly id: string;
  readonly name: string;
  readonly workspaceId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of containers. */
  readonly imageId: string | undefined;
  /** Of containers. */
  readonly running: boolean;
}

interface ListedContainer {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly ImageID: string;
  readonly State?: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export interface ListedVolume {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

/**
 * Containers and volumes that the Berth of a state directory made for workspaces, or for one of them: by their labels,
 * so that a container that was given another name is found as well.
 */
export async function findWorkspaceResources(
  engine: DockerEngine,
  { owner, workspaceId }: { readonly owner: string; readonly workspaceId?: string | undefined },
  signal?: AbortSignal,
): Promise<WorkspaceResource[]> {
  const label = [
    `${LABEL.managed}=1`,
    `${LABEL.owner}=${owner}`,
    workspaceId === undefined ? LABEL.workspace : `${LABEL.workspace}=${workspaceId}`,
  ];
  const filters = JSON.stringify({ label });
  const [containers, { Volumes }] = await Promise.all([
    engine.json<ListedContainer[]>({
      method: "GET",
      path: "/containers/json",
      query: { all: true, filters },
      signal,
    }),
    engine.json<{ Volumes: ListedVolume[] | null }>({
      method: "GET",
      path: "/volumes",
      query: { filters },
      signal,
    }),
  ]);
  // The engine filtered by label already; what may be removed is looked at here as well.
  const proven = (labels: Readonly<Record<string, string>> | null): labels is Record<string, string> =>
    labels?.[LABEL.managed] === "1" &&
    labels[LABEL.owner] === owner &&
    labels[LABEL.workspace] !== undefined &&
    (workspaceId === undefined || labels[LABEL.workspace] === workspaceId);
  return [
    ...containers.flatMap(({ Id, Names, ImageID, State, Labels }) => {
      if (!proven(Labels)) return [];
      const name = Names[0]?.replace(/^\//, "") ?? Id.slice(0, 12);
      const kind = LABEL.scout in Labels ? "scout" : "container";
      return [
        resource(kind, { id: Id, name, labels: Labels, imageId: ImageID, running: State === "running" }),
      ];
    }),
    ...(Volumes ?? []).flatMap(({ Name, Labels }) =>
      proven(Labels)
        ? [resource("volume", { id: Name, name: Name, labels: Labels, imageId: undefined, running: false })]
        : [],
    ),
  ];
}

function resource(
  kind: WorkspaceResource["kind"],
  of: Omit<WorkspaceResource, "kind" | "workspaceId">,
): WorkspaceResource {
  return { kind, workspaceId: of.labels[LABEL.workspace] ?? "", ...of };
}

/** undefined when the engine does not have it. */
export async function inspectVolume(
  engine: DockerEngine,
  name: string,
  signal?: AbortSignal,
): Promise<ListedVolume | undefined> {
  try {
    const path = `/volumes/${encodeURIComponent(name)}`;
    return await engine.json<ListedVolume>({ method: "GET", path, signal });
  } catch (error) {
    if (apiReason(error)?.status === 404) return undefined;
    throw error;
  }
}
