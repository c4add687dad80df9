import type { DockerEngine } from "../../transports/docker/engine.ts";
import type { CheckSteps } from "../common/check-steps.ts";
import { checkPlace } from "../provision/check-place.ts";
import type { ProbeAnswer } from "../provision/probe-answer.ts";
import {
  assertRunning,
  type ContainerDescription,
  displayName,
  hasInit,
  inspectContainer,
} from "./container.ts";

export interface CheckTarget {
  readonly engine: DockerEngine;
  readonly containerId: string;
  /** Looks at the place; undefined where nothing is installed in it (daemon: never, delivered with the container). */
  readonly probe: ((signal: AbortSignal | undefined) => Promise<ProbeAnswer>) | undefined;
  /** Berth's own container has Berth's init. */
  readonly ownContainer: boolean;
}

/** The steps of "Test connection" on the way to the daemon. @throws StepFailed */
export async function checkDocker(
  { engine, probe, containerId, ownContainer }: CheckTarget,
  steps: CheckSteps,
  signal: AbortSignal | undefined,
): Promise<void> {
  await steps.run(
    "engine",
    () => engine.json<EngineVersion>({ method: "GET", path: "/version", signal }),
    ({ Version, ApiVersion, Os, Arch }) => ({
      detail: `${engine.endpoint.text}: ${Version} (API ${ApiVersion}, ${Os}/${Arch})`,
    }),
  );
  await steps.run(
    "container",
    async () => {
      const container = await inspectContainer(engine, containerId, signal);
      assertRunning(container);
      return container;
    },
    (container) => describeContainer(container, ownContainer),
  );
  if (probe !== undefined) await checkPlace({ probe: () => probe(signal), steps, shellStep: "shell" });
}

function describeContainer(
  container: ContainerDescription,
  own: boolean,
): { detail: string; hint?: string | undefined } {
  const detail = `${displayName(container)} (${container.Config.Image}) is ${container.State.Status}`;
  if (own || hasInit(container)) return { detail };
  return {
    detail,
    hint: "Its first process is no init: orphans of ended commands stay as zombies. Start it with `docker run --init`.",
  };
}

interface EngineVersion {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly Os: string;
  readonly Arch: string;
}
