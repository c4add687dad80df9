import { type BerthError, berthError, toBerthError } from "../contract/errors.ts";
import { within } from "../contract/within.ts";
import { resolveEndpoint } from "../transports/docker/endpoint.ts";
import { createDockerEngine, type DockerEngine } from "../transports/docker/engine.ts";
import { listSshHosts, type SshHostEntry } from "../transports/ssh/hosts.ts";
import { LABEL } from "./docker/owner.ts";
import { findBerthFile } from "./find-berth-file.ts";

/** Who looks at a list has stopped reading by then. */
const MAX_ITEMS = 500;
/** An engine that hangs, or files on a share that does, hold up no form. */
const DEADLINE_MS = 3_000;

export interface SuggestedContainer {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** In the engine's words: "running", "exited". */
  readonly state: string;
}

export interface SuggestedImage {
  readonly reference: string;
  readonly bytes: number;
  readonly createdAt: string;
}

/** What runtimes could be made of; at most 500 of each. */
export interface RuntimeSuggestions {
  readonly sshHosts: readonly SshHostEntry[];
  /** Running ones first; those that Berth made are left out. */
  readonly containers: readonly SuggestedContainer[];
  /** The newest first. */
  readonly images: readonly SuggestedImage[];
  /** Why there is nothing of an engine. */
  readonly dockerError: BerthError | undefined;
  /** Runtimes of berth.yaml. */
  readonly named: readonly { readonly name: string; readonly type: string }[];
  /** What is wrong with that file. */
  readonly namedError: BerthError | undefined;
}

/**
 * What this machine has that a runtime could be made of: names of the ssh configuration, containers and images of the
 * Docker engine, names of the berth.yaml of a directory. Never fails; what takes longer than 3 s is left out.
 */
export async function suggestRuntimes(
  projectDirectory: string | undefined,
  deadlineMs = DEADLINE_MS,
): Promise<RuntimeSuggestions> {
  const [hosts, docker, named] = await Promise.all([
    looked(listSshHosts(), deadlineMs, "operation.timeout"),
    looked(ofDocker(), deadlineMs, "docker.engine_timeout"),
    looked(namesIn(projectDirectory), deadlineMs, "operation.timeout"),
  ]);
  return {
    sshHosts: (hosts.found ?? []).slice(0, MAX_ITEMS),
    containers: docker.found?.containers ?? [],
    images: docker.found?.images ?? [],
    dockerError: docker.error,
    named: (named.found ?? []).slice(0, MAX_ITEMS),
    namedError: named.error,
  };
}

interface Looked<Found> {
  readonly found?: Found;
  readonly error?: BerthError;
}

async function looked<Found extends object>(
  looking: Promise<Found>,
  deadlineMs: number,
  late: "docker.engine_timeout" | "operation.timeout",
): Promise<Looked<Found>> {
  try {
    const found = await within(deadlineMs, looking);
    return found === undefined ? { error: berthError(late) } : { found };
  } catch (cause) {
    return { error: toBerthError(cause, "client") };
  }
}

async function namesIn(directory: string | undefined): Promise<{ name: string; type: string }[]> {
  const file = directory === undefined ? undefined : await findBerthFile(directory);
  if (file === undefined) return [];
  return [...file.runtimes, ...file.later].map(([name, { type }]) => ({ name, type }));
}

async function ofDocker(): Promise<Pick<RuntimeSuggestions, "containers" | "images">> {
  const engine = createDockerEngine(await resolveEndpoint(undefined));
  try {
    const [containers, images] = await Promise.all([containersOf(engine), imagesOf(engine)]);
    return { containers, images };
  } finally {
    engine.close();
  }
}

interface ListedContainer {
  readonly Id: string;
  readonly Names: readonly string[] | null;
  readonly Image: string;
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

async function containersOf(engine: DockerEngine): Promise<SuggestedContainer[]> {
  const listed = await engine.json<ListedContainer[]>({
    method: "GET",
    path: "/containers/json",
    query: { all: true },
    deadlineMs: DEADLINE_MS,
  });
  const others = listed.filter(
    ({ Labels }) => !(LABEL.record in (Labels ?? {}) || LABEL.scout in (Labels ?? {})),
  );
  const rank = ({ State }: ListedContainer): number => (State === "running" ? 0 : 1);
  return others
    .toSorted((a, b) => rank(a) - rank(b))
    .slice(0, MAX_ITEMS)
    .map(({ Id, Names, Image, State }) => ({
      id: Id,
      name: Names?.[0]?.replace(/^\//, "") ?? Id.slice(0, 12),
      image: Image,
      state: State,
    }));
}

interface ListedImage {
  readonly RepoTags: readonly string[] | null;
  readonly Size: number;
  /** Seconds since 1970. */
  readonly Created: number;
  readonly Labels: Readonly<Record<string, string>> | null;
}

async function imagesOf(engine: DockerEngine): Promise<SuggestedImage[]> {
  const listed = await engine.json<ListedImage[]>({
    method: "GET",
    path: "/images/json",
    deadlineMs: DEADLINE_MS,
  });
  return listed
    .filter(({ Labels }) => !(LABEL.managed in (Labels ?? {})))
    .toSorted((a, b) => b.Created - a.Created)
    .flatMap(({ RepoTags, Size, Created }) =>
      (RepoTags ?? [])
        .filter((tag) => tag !== "<none>:<none>")
        .map((reference) => ({
          reference,
          bytes: Size,
          createdAt: new Date(Created * 1000).toISOString(),
        })),
    )
    .slice(0, MAX_ITEMS);
}
